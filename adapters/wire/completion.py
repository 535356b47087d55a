"""OpenAI's chat completion, for dialects that have to write one.

https://platform.openai.com/docs/api-reference/chat/object
"""

import time
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from adapters.wire.usage import Usage, usage_json

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]

_encode = msgspec.json.Encoder().encode


class ReplyFunction(Struct):
    """A function's name and its arguments, JSON in a string."""

    name: str
    arguments: str


class ReplyToolCall(Struct):
    """A call that the model asks for."""

    id: str
    function: ReplyFunction
    type: Literal["function"] = "function"


class ReplyMessage(Struct, omit_defaults=True, kw_only=True):
    """What the model says. `content` and `refusal` are always there, null where there is none."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    reasoning_content: str | None = None
    """Thoughts in clear, under the name that most providers and clients have for them."""
    reasoning_details: list[dict[str, Any]] | None = None
    """The same with signatures: https://openrouter.ai/docs/guides/best-practices/reasoning-tokens"""
    tool_calls: list[ReplyToolCall] | None = None
    annotations: list[dict[str, Any]] | None = None
    """Sources, as `url_citation` or in the service's own form."""
    audio: dict[str, Any] | None = None
    images: list[dict[str, Any]] | None = None
    """Pictures that the model made, as `image_url` parts."""


class ReplyChoice(Struct, omit_defaults=True, kw_only=True):
    """One answer."""

    index: int
    message: ReplyMessage
    logprobs: dict[str, Any] | None
    finish_reason: FinishReason


def message(
    text: str | None,
    tool_calls: list[ReplyToolCall] | None = None,
    *,
    reasoning: str | None = None,
    reasoning_details: list[dict[str, Any]] | None = None,
    refusal: str | None = None,
    annotations: list[dict[str, Any]] | None = None,
    images: list[dict[str, Any]] | None = None,
) -> ReplyMessage:
    """A message; empty parts are the same as none."""
    return ReplyMessage(
        role="assistant",
        content=text if text or not tool_calls else None,
        refusal=refusal,
        reasoning_content=reasoning or None,
        reasoning_details=reasoning_details or None,
        tool_calls=tool_calls or None,
        annotations=annotations or None,
        images=images or None,
    )


def choice(
    said: ReplyMessage, finish_reason: FinishReason, index: int = 0, logprobs: dict[str, Any] | None = None
) -> ReplyChoice:
    """One answer of a completion."""
    return ReplyChoice(index=index, message=said, logprobs=logprobs, finish_reason=finish_reason)


def completion(
    id: str,
    model: str,
    choices: list[ReplyChoice],
    usage: Usage | None,
    *,
    created: int | None = None,
    **further: Any,
) -> bytes:
    """A chat completion in JSON; `further` are top-level members such as `service_tier`, left out where None."""
    told = {
        "id": id,
        "object": "chat.completion",
        "created": int(time.time()) if created is None else created,
        "model": model,
        "choices": choices,
        "usage": usage_json(usage) if usage is not None else None,
    }
    return _encode(told | {name: value for name, value in further.items() if value is not None})
