"""What the scenarios of reliability share: chunks of an answer, models with several deployments, attempts as told."""

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.scenarios.raw import Answer, Head
from tests.upstream import Case, Step, Upstream, frame, json_answer

DONE = frame("[DONE]")
NO_WAIT = {"backoff": 0.001, "backoff_most": 0.05}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
DOWN = {"error": {"message": "Down.", "type": "server_error", "param": None, "code": "down"}}
WHOLE = {
    "id": "whole",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Well."}, "finish_reason": "stop"}],
    "usage": USAGE,
}
_ATTEMPT = re.compile(r'"([^"]*)"((?:;[a-z]+=[^;,]+)*)')


class Told(NamedTuple):
    """One attempt of `x-isthmus-attempts`."""

    target: str
    cause: str
    status: str | None
    error: str | None


def told(head: Head) -> list[Told]:
    """The attempts that an answer lists; none where it has no such header."""
    attempts = []
    for name, parameters in _ATTEMPT.findall(head.header("x-isthmus-attempts") or ""):
        values = dict(each.split("=", 1) for each in parameters.strip(";").split(";"))
        assert int(values["ms"]) >= 0
        attempts.append(Told(name, values["cause"], values.get("status"), values.get("error")))
    return attempts


def causes(head: Head) -> list[str]:
    """Why each attempt was made."""
    return [attempt.cause for attempt in told(head)]


def model(*cases: Case | str, provider: str = "scripted", **settings: Any) -> dict[str, Any]:
    """A model with these deployments, which is asked again without a wait."""
    names = [case if isinstance(case, str) else case.name for case in cases]
    deployments = [{"provider": provider, "model": name} for name in names]
    return {"deployments": deployments, "retry": NO_WAIT, **settings}


def in_turn(upstream: Upstream, *answers: Iterable[Step]) -> Case:
    """A case that gives these answers one after the other, and the last of them from then on."""
    left = [tuple(answer) for answer in answers]
    return upstream.on(lambda _: left.pop(0) if len(left) > 1 else left[0])


def refusal(status: int, code: str | None = None, *headers: tuple[str, str]) -> tuple[Step, ...]:
    """A provider's error."""
    error = {"message": "No.", "type": "invalid_request_error", "param": None, "code": code}
    return tuple(json_answer({"error": error}, *headers, status=status))


def delta(text: str | None = None, *, id: str = "one", finish: str | None = None, **more: Any) -> bytes:
    """A chunk of a stream."""
    content = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": {**content, **more}, "finish_reason": finish}
    return frame(
        {"id": id, "object": "chat.completion.chunk", "created": 7, "model": f"model-{id}", "choices": [choice]}
    )


def usage_chunk(prompt: int, completion: int, id: str = "one") -> bytes:
    """The chunk that tells usage."""
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return frame({"id": id, "model": f"model-{id}", "choices": [], "usage": usage})


def chunks_of(body: bytes) -> list[Any]:
    """The JSON of each event of a stream, `[DONE]` as a text."""
    datas = [each.removeprefix(b"data: ") for each in body.split(b"\n\n") if each.startswith(b"data: ")]
    return ["[DONE]" if data == b"[DONE]" else json.loads(data) for data in datas]


def text_of(answer: Answer) -> str:
    """The content of a streamed answer, joined."""
    choices = [choice for chunk in chunks_of(answer.body) if chunk != "[DONE]" for choice in chunk.get("choices", [])]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
