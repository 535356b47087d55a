"""Llama Guard's prompt, written out, and the reading of its answer.

The template is Meta's: https://www.llama.com/docs/model-cards-and-prompt-formats/llama-guard-3/ and, for version 4,
https://www.llama.com/docs/model-cards-and-prompt-formats/llama-guard-4/, which says "according to our" where 3 says
"according our".
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

from adapters.safety.contract import CheckUnavailable, Content
from adapters.safety.llama_guard.taxonomy import HAZARDS

_TASKS: Final = {
    3: "Task: Check if there is unsafe content in '{role}' messages in conversations according our safety policy with"
    " the below categories.",
    4: "Task: Check if there is unsafe content in '{role}' messages in conversations according to our safety policy"
    " with the below categories.",
}
_CONCLUSION: Final = """\
Provide your safety assessment for ONLY THE LAST {role} message in the above conversation:
 - First line must read 'safe' or 'unsafe'.
 - If unsafe, a second line must include a comma-separated list of violated categories."""
_CODE: Final = re.compile(r"S([1-9]|1[0-4])(?!\d)")


def written(content: Content, version: int, codes: Sequence[str]) -> str:
    """The whole prompt for one content, without the tokens that the server's chat template adds."""
    role = "Agent" if content.role == "assistant" else "User"
    said = "\n".join(content.texts)
    turns = [f"User: {said}"] if role == "User" else [f"Agent: {said}"]
    if role == "Agent" and content.question is not None:
        turns.insert(0, f"User: {content.question}")
    policy = "\n".join(f"{code}: {HAZARDS[code].title}." for code in codes)
    return "\n\n".join(
        (
            _TASKS[version].format(role=role),
            f"<BEGIN UNSAFE CONTENT CATEGORIES>\n{policy}\n<END UNSAFE CONTENT CATEGORIES>",
            "<BEGIN CONVERSATION>",
            *turns,
            "<END CONVERSATION>",
            _CONCLUSION.format(role=role),
        )
    )


def read_verdict(said: str, counted: Collection[str]) -> list[str] | None:
    """The codes that an answer finds; None for `safe`. Raises CheckUnavailable on what is no verdict."""
    first, _, rest = said.strip().partition("\n")
    verdict = first.strip().casefold()
    if verdict == "safe":
        return None
    codes = [f"S{number}" for number in _CODE.findall(rest)]
    if verdict != "unsafe" or not codes:
        raise CheckUnavailable("the model's answer is no verdict of Llama Guard")
    return [code for code in codes if code in counted] or None
