"""What a model wants back of its own: thoughts with their proof, and calls that the service ran itself.

They travel in the ids of tool calls, and as `reasoning_details` with clients that keep those.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ReasoningContentBlock.html
"""

from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from adapters.inference.anthropic.kept import FORMAT
from adapters.inference.bedrock.families import Family
from adapters.inference.bedrock.schema import Reasoning, ToolUse
from adapters.wire.carried import Carried, carry
from adapters.wire.chat import Assistant

DIALECT = "bedrock"
JsonBlock: TypeAlias = dict[str, Any]

_UNKNOWN_FORMAT = "unknown"


class _State(Struct, array_like=True):
    """Blocks that belong before a call, and whose model they are: no other can read them."""

    vendor: str
    blocks: list[JsonBlock]


_encode = msgspec.json.Encoder().encode
_state = msgspec.json.Decoder(_State)


def carrying(call_id: str, family: Family, blocks: list[JsonBlock]) -> str:
    """The id of a call, with the blocks that came before it since the last one."""
    return carry(call_id, DIALECT, _encode(_State(family.vendor, blocks))) if blocks else call_id


def carried_blocks(carried: Carried | None, family: Family) -> list[JsonBlock]:
    """The blocks that belong before a call, none where they are another dialect's or another model's."""
    if carried is None or carried.dialect != DIALECT:
        return []
    try:
        state = _state.decode(carried.state)
    except (msgspec.DecodeError, RecursionError):
        return []
    return state.blocks if state.vendor == family.vendor else []


def kept_thought(thought: Reasoning) -> JsonBlock | None:
    """Thoughts as they have to come back; None where nothing proves whose they are: models refuse those."""
    if thought.redacted_content is not None:
        return {"reasoningContent": {"redactedContent": thought.redacted_content}}
    told = thought.reasoning_text
    if told is None or told.signature is None:
        return None
    return {"reasoningContent": {"reasoningText": {"text": told.text, "signature": told.signature}}}


def kept_call(call: ToolUse) -> JsonBlock:
    """A call that the service ran itself, as it has to come back."""
    told = {"toolUseId": call.tool_use_id, "name": call.name, "input": call.input, "type": call.type}
    return {"toolUse": told}


def reasoning_detail(thought: Reasoning, family: Family, index: int) -> dict[str, Any]:
    """Thoughts as OpenRouter writes them: https://openrouter.ai/docs/guides/best-practices/reasoning-tokens"""
    detail: dict[str, Any] = {"format": _format_of(family), "index": index}
    if thought.redacted_content is not None:
        return {"type": "reasoning.encrypted", "data": thought.redacted_content} | detail
    told = thought.reasoning_text
    text, signature = (told.text, told.signature) if told is not None else ("", None)
    proof = {} if signature is None else {"signature": signature}
    return {"type": "reasoning.text", "text": text} | proof | detail


def thoughts_of(message: Assistant, family: Family) -> list[JsonBlock]:
    """The thoughts that a client kept, as far as they are this model's."""
    formats = (None, _format_of(family))
    return [
        block
        for detail in message.reasoning_details or ()
        if detail.get("format") in formats and (block := _thought(detail)) is not None
    ]


def _thought(detail: dict[str, Any]) -> JsonBlock | None:
    match detail:
        case {"type": "reasoning.encrypted", "data": str(data)}:
            return {"reasoningContent": {"redactedContent": data}}
        case {"type": "reasoning.text", "signature": str(signature)}:
            text = detail.get("text")
            told = {"text": text if isinstance(text, str) else "", "signature": signature}
            return {"reasoningContent": {"reasoningText": told}}
    return None


def _format_of(family: Family) -> str:
    return FORMAT if family.claude is not None else _UNKNOWN_FORMAT
