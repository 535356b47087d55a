"""Blocks that the service needs back on the next turn and OpenAI's format has no place for.

They go out as `reasoning_details` (https://openrouter.ai/docs/guides/best-practices/reasoning-tokens), which a client
may send back as they came. Thoughts with their signatures also travel in the ids of tool calls, for clients that know
OpenAI's fields only: between a call and its result the service insists on them, says
https://platform.claude.com/docs/en/build-with-claude/extended-thinking#preserving-thinking-blocks
"""

from typing import Any

import msgspec

from adapters.inference.anthropic.schema import RedactedThinking, Thinking, Unknown
from adapters.wire.carried import carry
from adapters.wire.chat import Assistant, ToolCall

DIALECT = "anthropic"
FORMAT = "anthropic-claude-v1"
"""What OpenRouter calls details that came from this API."""
_BLOCK = "anthropic.block"
"""Our kind of detail for all other blocks."""

_Thought = Thinking | RedactedThinking
_encode = msgspec.json.Encoder().encode
_thoughts = msgspec.json.Decoder(list[_Thought])


def detail(block: _Thought | Unknown, index: int) -> dict[str, Any]:
    """A block as an item of `reasoning_details`; `index` is its place in the answer."""
    told: dict[str, Any]
    match block:
        case Thinking():
            told = {"type": "reasoning.text", "text": block.thinking, "signature": block.signature}
        case RedactedThinking():
            told = {"type": "reasoning.encrypted", "data": block.data}
        case _:
            told = {"type": _BLOCK, "block": block}
    return told | {"format": FORMAT, "index": index}


def carrying(call_id: str, thoughts: list[_Thought]) -> str:
    """The id of a tool call with the thoughts that came before it."""
    return carry(call_id, DIALECT, _encode(thoughts)) if thoughts else call_id


def from_details(message: Assistant) -> list[Any]:
    """The blocks in what a client sends back; those of other services are left out, they mean nothing here."""
    return [block for item in message.reasoning_details or () if (block := _from_detail(item)) is not None]


def from_id(call: ToolCall) -> list[Any]:
    """The thoughts that an id carried."""
    if call.carried is None or call.carried.dialect != DIALECT:
        return []
    try:
        return _thoughts.decode(call.carried.state)
    except msgspec.DecodeError:
        return []


def _from_detail(item: dict[str, Any]) -> Any:
    if item.get("format", FORMAT) != FORMAT:
        return None
    match item:
        case {"type": "reasoning.text", "signature": str(signature)} if signature:
            return Thinking(item.get("text") or "", signature)
        case {"type": "reasoning.encrypted", "data": str(data)}:
            return RedactedThinking(data)
        case {"type": kind, "block": dict(block)} if kind == _BLOCK:
            return block
    return None
