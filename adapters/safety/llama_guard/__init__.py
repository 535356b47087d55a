"""Llama Guard 3 and 4 on any chat model of the gateway.

A server that runs it puts the conversation into its prompt with the model's own chat template: vLLM, Ollama, Groq and
Together do. One that has no such template gets the prompt written out: `prompt: written`.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from adapters.safety.asking import ask_chat, in_parallel
from adapters.safety.contract import CATEGORIES, Ask, CheckType, Content, Judgement, Part
from adapters.safety.llama_guard.prompt import read_verdict, written
from adapters.safety.llama_guard.taxonomy import FOUND, HAZARDS

_TOKENS = 100
"""Room for `unsafe` and all fourteen codes."""
_SAFE = Judgement(flagged=False)
_Code = Annotated[str, Meta(pattern=r"^S([1-9]|1[0-4])$")]


class LlamaGuardOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The options of Llama Guard."""

    model: str
    """The chat model of this gateway that is Llama Guard."""
    version: Annotated[int, Meta(ge=3, le=4)] = 3
    """Version 4 sees images."""
    prompt: Literal["template", "written"] = "template"
    """Who writes its prompt: the server with the model's chat template, or the gateway."""
    hazards: list[_Code] = field(default_factory=lambda: list(HAZARDS))
    """What counts of S1 to S14."""


class LlamaGuard:
    """The check."""

    def __init__(self, name: str, options: LlamaGuardOptions) -> None:
        self._options = options

    async def start(self) -> None:
        """Nothing is loaded: the model is the gateway's."""

    async def close(self) -> None:
        """Nothing is held."""

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        """One judgement for each content. Raises CheckUnavailable and what the model raises."""

        async def one(content: Content) -> Judgement:
            said = await ask_chat(ask, self._options.model, self._messages(content), _TOKENS)
            return _judgement(content, read_verdict(said, self._options.hazards))

        return await in_parallel(one, contents)

    def _messages(self, content: Content) -> list[dict[str, Any]]:
        options = self._options
        if options.prompt == "written":
            text = written(content, options.version, options.hazards)
            return [{"role": "user", "content": _with_images(text, content)}]
        said = _with_images("\n".join(content.texts), content)
        if content.role == "user":
            return [{"role": "user", "content": said}]
        return [{"role": "user", "content": content.question or ""}, {"role": "assistant", "content": said}]


def _with_images(text: str, content: Content) -> str | list[dict[str, Any]]:
    if not content.images:
        return text
    images = [{"type": "image_url", "image_url": {"url": url}} for url in content.images]
    return [*images, {"type": "text", "text": text}] if text else [*images]


def _judgement(content: Content, codes: list[str] | None) -> Judgement:
    parts: tuple[Part, ...] = (*(("text",) if content.texts else ()), *(("image",) if content.images else ()))
    applied = dict.fromkeys((*CATEGORIES, *FOUND), parts) if content.images else {}
    if codes is None:
        return Judgement(flagged=False, applied=applied) if applied else _SAFE
    found = frozenset(category for code in codes for category in HAZARDS[code].categories)
    notes = tuple(f"{code} {HAZARDS[code].title}" for code in codes)
    return Judgement(True, dict.fromkeys(found, 1.0), found, applied, notes=notes)


def _sees(options: LlamaGuardOptions) -> bool:
    return options.version == 4


CHECK = CheckType("llama_guard", LlamaGuardOptions, LlamaGuard, FOUND, judges_images=True, sees=_sees)
