"""What a model said in OpenAI's format, read with tolerance: completions and chunks of any provider that speaks it."""

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from adapters.wire.usage import Usage

StopReason: TypeAlias = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"]
_STOP_REASONS: dict[str, StopReason] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_TIERS = {"default": "standard", "standard": "standard", "priority": "priority", "batch": "batch"}
_encode = msgspec.json.Encoder().encode


class Function(Struct):
    """A function's name and its arguments, or a piece of them."""

    name: Any = None
    arguments: Any = None


class Call(Struct):
    """A tool call, or a piece of one."""

    index: Any = None
    id: Any = None
    function: Function | None = None


class Said(Struct):
    """A message, or a piece of one."""

    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    """The same under OpenRouter's and Groq's name."""
    reasoning_details: Any = None
    tool_calls: list[Call] | None = None
    annotations: Any = None


class Choice(Struct):
    """One answer, or a piece of one. `stop_reason` is vLLM's: the stop sequence that was met."""

    index: Any = 0
    message: Said | None = None
    delta: Said | None = None
    finish_reason: Any = None
    stop_reason: Any = None


class Completion(Struct):
    """A completion or a chunk."""

    id: Any = None
    model: Any = None
    choices: list[Choice] | None = None
    service_tier: Any = None


def texts(content: Any) -> Iterator[tuple[bool, str]]:
    """The texts in a content, each with whether it is a thought.

    Mistral writes lists of parts with thoughts among them, Cloudflare an object where JSON was asked for.
    """
    if isinstance(content, str):
        yield False, content
    elif isinstance(content, dict):
        yield False, _encode(content).decode()
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(text := part.get("text"), str):
                yield False, text
            elif isinstance(part, dict):
                yield from ((True, text) for _, text in texts(part.get("thinking")))


def reasoning(said: Said) -> tuple[str | None, str]:
    """The member that holds a thought in clear, and the thought."""
    for member in ("reasoning_content", "reasoning"):
        text = getattr(said, member)
        if isinstance(text, str) and text:
            return member, text
    return None, ""


def details(said: Said) -> list[dict[str, Any]]:
    """The entries of `reasoning_details`."""
    told = said.reasoning_details
    return [entry for entry in told if isinstance(entry, dict)] if isinstance(told, list) else []


def citations(said: Said) -> list[dict[str, Any]]:
    """Sources that OpenAI's format tells as `url_citation`; what is cited is told by place there, and not repeated."""
    told = said.annotations if isinstance(said.annotations, list) else []
    found = [note.get("url_citation") for note in told if isinstance(note, dict)]
    return [
        {
            "type": "web_search_result_location",
            "url": str(each.get("url")),
            "title": each.get("title"),
            "cited_text": str(each.get("content") or ""),
            "encrypted_index": "",
        }
        for each in found
        if isinstance(each, dict)
    ]


def stop_of(choice: Choice, stops: tuple[str, ...], *, called: bool, refused: bool) -> tuple[StopReason, str | None]:
    """Why the model stopped, and the stop sequence that it met where the provider tells it."""
    reason = _STOP_REASONS.get(str(choice.finish_reason), "end_turn")
    if reason == "end_turn" and called:
        return "tool_use", None
    if reason == "end_turn" and refused:
        return "refusal", None
    if reason == "end_turn" and isinstance(choice.stop_reason, str) and choice.stop_reason in stops:
        return "stop_sequence", choice.stop_reason
    return reason, None


def usage_json(usage: Usage | None, tier: Any = None) -> dict[str, Any]:
    """Usage as Anthropic tells it: what was read from or written to a cache is no part of `input_tokens`."""
    told = usage or Usage()
    rest = told.prompt_tokens - told.cached_tokens - told.cache_write_tokens
    written: dict[str, Any] = {
        "input_tokens": max(0, rest),
        "cache_creation_input_tokens": told.cache_write_tokens,
        "cache_read_input_tokens": told.cached_tokens,
        "output_tokens": told.completion_tokens,
    }
    if told.reasoning_tokens:
        written["output_tokens_details"] = {"thinking_tokens": told.reasoning_tokens}
    if isinstance(tier, str) and tier in _TIERS:
        written["service_tier"] = _TIERS[tier]
    return written
