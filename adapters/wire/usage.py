"""Tokens of one call, by class."""

from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Struct


class Usage(Struct, frozen=True, gc=False):
    """What a call used, in tokens. All other classes are part of the prompt's or the completion's."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt, read from the provider's cache."""
    reasoning_tokens: int = 0
    """Of the completion."""
    estimated: bool = False
    """Counted by the gateway, because the provider did not say."""
    cache_write_tokens: int = 0
    """Of the prompt, written to the provider's cache."""
    prompt_audio_tokens: int = 0
    completion_audio_tokens: int = 0
    searches: int = 0
    """Of a rerank, where the provider bills it so."""

    def __add__(self, other: "Usage") -> "Usage":
        """The tokens of both, estimated where one of them is."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__}
        return Usage(**sums | {"estimated": self.estimated or other.estimated})


def usage_json(usage: Usage) -> dict[str, Any]:
    """A `usage` object as OpenAI writes it; classes without tokens are left out where OpenAI may leave them out."""
    prompt = {"cached_tokens": usage.cached_tokens}
    if usage.cache_write_tokens:
        prompt["cache_write_tokens"] = usage.cache_write_tokens
    if usage.prompt_audio_tokens:
        prompt["audio_tokens"] = usage.prompt_audio_tokens
    completion = {"reasoning_tokens": usage.reasoning_tokens}
    if usage.completion_audio_tokens:
        completion["audio_tokens"] = usage.completion_audio_tokens
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": completion,
    }


class _Told(Struct):
    """A `usage` object in OpenAI's format; the last two are where DeepSeek and Together count cached tokens.

    https://api-docs.deepseek.com/api/create-chat-completion
    """

    prompt_tokens: Any = None
    completion_tokens: Any = None
    total_tokens: Any = None
    prompt_tokens_details: Any = None
    completion_tokens_details: Any = None
    prompt_cache_hit_tokens: Any = None
    cached_tokens: Any = None


_COUNT_MAX = 2**40
"""No call uses more, and sums of these still fit 64 bits."""
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_COUNT_MAX)]


class _PromptDetails(Struct):
    cached_tokens: _Count = 0
    cache_write_tokens: _Count = 0
    audio_tokens: _Count | None = 0


_NO_PROMPT_DETAILS = _PromptDetails()


class _CompletionDetails(Struct):
    reasoning_tokens: _Count = 0
    audio_tokens: _Count | None = 0


_NO_COMPLETION_DETAILS = _CompletionDetails()


class _Usual(Struct):
    """The same as nearly everybody tells it, read in one go: a fifth of what reading with tolerance costs."""

    prompt_tokens: _Count
    completion_tokens: _Count
    total_tokens: _Count = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: _Count = 0
    cached_tokens: _Count = 0


_usual = msgspec.json.Decoder(_Usual)
_told = msgspec.json.Decoder(_Told)


def read_usage(raw: bytes | msgspec.Raw) -> Usage | None:
    """Read a `usage` object in OpenAI's format; None where it tells neither the prompt's nor the completion's tokens.

    A count that is missing, null or of a wrong type is 0.
    """
    try:
        usual = _usual.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_tolerantly(raw)
    prompt = usual.prompt_tokens_details or _NO_PROMPT_DETAILS
    completion = usual.completion_tokens_details or _NO_COMPLETION_DETAILS
    return _usage(
        usual.prompt_tokens,
        usual.completion_tokens,
        prompt.cached_tokens or usual.prompt_cache_hit_tokens or usual.cached_tokens,
        completion.reasoning_tokens,
        usual.total_tokens,
        prompt.cache_write_tokens,
        prompt.audio_tokens or 0,
        completion.audio_tokens or 0,
    )


def read_input_usage(raw: bytes | msgspec.Raw) -> Usage | None:
    """Read a `usage` object of an operation without a completion: some providers tell the total alone."""
    usage = read_usage(raw)
    if usage is not None:
        return usage
    try:
        total = _count(_told.decode(raw).total_tokens)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return Usage(total) if total is not None else None


def _read_tolerantly(raw: bytes | msgspec.Raw) -> Usage | None:
    try:
        told = _told.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    prompt = _count(told.prompt_tokens)
    completion = _count(told.completion_tokens)
    if prompt is None and completion is None:
        return None
    prompt, completion = prompt or 0, completion or 0
    cached = (
        _detail(told.prompt_tokens_details, "cached_tokens")
        or _count(told.prompt_cache_hit_tokens)
        or _count(told.cached_tokens)
        or 0
    )
    return _usage(
        prompt,
        completion,
        cached,
        _detail(told.completion_tokens_details, "reasoning_tokens"),
        _count(told.total_tokens) or 0,
        _detail(told.prompt_tokens_details, "cache_write_tokens"),
        _detail(told.prompt_tokens_details, "audio_tokens"),
        _detail(told.completion_tokens_details, "audio_tokens"),
    )


def _usage(
    prompt: int, completion: int, cached: int, reasoning: int, total: int, written: int, heard: int, spoken: int
) -> Usage:
    # xAI leaves reasoning out of the completion's tokens; only the total has it.
    if reasoning and total == prompt + completion + reasoning:
        completion += reasoning
    return Usage(prompt, completion, cached, reasoning, False, written, heard, spoken)


def _count(value: object) -> int | None:
    if type(value) is int or type(value) is float:
        return int(value) if 0 <= value <= _COUNT_MAX else None
    return None


def _detail(details: object, name: str) -> int:
    return _count(details.get(name)) or 0 if isinstance(details, dict) else 0
