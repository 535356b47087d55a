"""Prompt Guard: is a text an attempt to make a model do something else than it was told?

Groq offers it as a chat model, which the gateway asks like any other. Where it runs behind a classifier's endpoint
(Hugging Face, TEI, vLLM, SGLang), that is asked directly. It reads 512 tokens, so longer texts are read in pieces.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from adapters.safety.asking import ask_chat, in_parallel
from adapters.safety.contract import Ask, CheckType, CheckUnavailable, Content, Judgement
from adapters.safety.prompt_guard.endpoint import post
from adapters.safety.prompt_guard.labels import INJECTION, JAILBREAK, read_chat, read_classes, read_pipeline

_PIECE: Final = 1_200
"""Characters that are less than 512 tokens of nearly any text."""
_OVERLAP: Final = 200
_PIECES_MAX: Final = 256
_TOKENS: Final = 16


class PromptGuardOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The options of Prompt Guard."""

    model: str | None = None
    """The chat model of this gateway that is Prompt Guard; with `endpoint`, the model's name there."""
    endpoint: Annotated[str, Meta(pattern=r"^https?://")] | None = None
    """The URL of an endpoint that classifies texts."""
    format: Literal["pipeline", "classes"] = "pipeline"
    """What the endpoint speaks: `pipeline` as Hugging Face and TEI, `classes` as vLLM and SGLang."""
    api_key: str | None = None
    """The endpoint's key."""
    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """The score from which a text counts as an attack."""


class PromptGuard:
    """The check."""

    def __init__(self, name: str, options: PromptGuardOptions) -> None:
        self._options = options

    async def start(self) -> None:
        """Raises CheckUnavailable where it is not said what to ask."""
        if self._options.model is None and self._options.endpoint is None:
            raise CheckUnavailable("it needs a model of this gateway, or an endpoint")

    async def close(self) -> None:
        """Nothing is held."""

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        """One judgement for each content. Raises CheckUnavailable and what the model raises."""
        pieces = [(place, piece) for place, content in enumerate(contents) for piece in _pieces(content)]

        async def one(asked: tuple[int, str]) -> dict[str, float]:
            return await self._scores(asked[1], ask)

        worst: list[dict[str, float]] = [{} for _ in contents]
        for (place, _), scores in zip(pieces, await in_parallel(one, pieces), strict=True):
            for name, score in scores.items():
                worst[place][name] = max(score, worst[place].get(name, 0.0))
        return [self._judgement(scores) for scores in worst]

    async def _scores(self, text: str, ask: Ask) -> dict[str, float]:
        options = self._options
        if options.endpoint is None:
            return read_chat(await ask_chat(ask, options.model or "", [{"role": "user", "content": text}], _TOKENS))
        if options.format == "classes":
            asked = msgspec.json.encode({"model": options.model, "input": text})
            return read_classes(await asyncio.to_thread(post, options.endpoint, options.api_key, asked))
        asked = msgspec.json.encode({"inputs": text})
        return read_pipeline(await asyncio.to_thread(post, options.endpoint, options.api_key, asked))

    def _judgement(self, scores: dict[str, float]) -> Judgement:
        found = frozenset(name for name, score in scores.items() if score >= self._options.threshold)
        return Judgement(bool(found), scores, found)


def _pieces(content: Content) -> Iterator[str]:
    """A content's text in pieces. Raises CheckUnavailable where that would be too many to ask about."""
    text = "\n".join(content.texts)
    if len(text) > _PIECES_MAX * (_PIECE - _OVERLAP):
        raise CheckUnavailable("the text is too long for it")
    for start in range(0, max(1, len(text) - _OVERLAP), _PIECE - _OVERLAP):
        if piece := text[start : start + _PIECE]:
            yield piece


CHECK = CheckType("prompt_guard", PromptGuardOptions, PromptGuard, (INJECTION, JAILBREAK))
