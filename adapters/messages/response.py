"""Chat completions to Messages answers."""

import secrets
from collections.abc import Iterator
from typing import Any

import msgspec

from adapters.inference.contract import Answer, Target
from adapters.messages.request import Asked
from adapters.messages.said import (
    Call,
    Completion,
    Said,
    citations,
    details,
    reasoning,
    stop_of,
    texts,
    usage_json,
)
from adapters.messages.thoughts import anthropics, is_readable, signature_of, text_of
from adapters.wire.errors import UpstreamError
from adapters.wire.usage import Usage

_completion = msgspec.json.Decoder(Completion)
_arguments = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode

Block = dict[str, Any]


def decode(answer: Answer, target: Target, asked: Asked, plain: bool) -> Answer:
    """A Messages answer. Raises UpstreamError on an answer that is none.

    The format demands usage, so it can be put in later where the provider did not tell it.
    """
    try:
        completion = _completion.decode(answer.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise UpstreamError("The provider's answer is no chat completion.") from None
    choice = completion.choices[0] if completion.choices else None
    if choice is None or not (choice.message or choice.finish_reason):
        raise UpstreamError("The provider's answer has no choice.")
    said = choice.message or Said()
    blocks = [*_thinking(said, target.provider, asked, plain), *_spoken(said), *map(_tool_use, said.tool_calls or ())]
    refused = isinstance(said.refusal, str) and bool(said.refusal)
    reason, stop = stop_of(choice, asked.stops, called=bool(said.tool_calls), refused=refused)
    message: dict[str, Any] = {
        "id": id_of(completion.id),
        "type": "message",
        "role": "assistant",
        "model": completion.model if isinstance(completion.model, str) else target.model,
        "content": blocks,
        "stop_reason": reason,
        "stop_sequence": stop,
    }
    if reason == "refusal":
        message["stop_details"] = refusal(said.refusal)

    def with_usage(usage: Usage | None) -> bytes:
        return _encode(message | {"usage": usage_json(usage, completion.service_tier)})

    return Answer(with_usage(answer.usage), answer.usage, with_usage)


def id_of(given: Any) -> str:
    """The provider's id, or one in its place."""
    return given if isinstance(given, str) and given else f"msg_{secrets.token_hex(12)}"


def call_id(given: Any) -> str:
    """The id of a tool call, or one in its place."""
    return given if isinstance(given, str) and given else f"toolu_{secrets.token_hex(12)}"


def refusal(explanation: Any) -> dict[str, Any]:
    """What is known of a refusal."""
    told = explanation if isinstance(explanation, str) and explanation else None
    return {"type": "refusal", "category": None, "explanation": told}


def _thinking(said: Said, provider: str, asked: Asked, plain: bool) -> Iterator[Block]:
    member, text = reasoning(said)
    entries = details(said)
    if not entries and text:
        yield thinking_block(text, provider, member, None, asked, plain)
    first = next((entry for entry in entries if is_readable(entry)), None)
    for entry in entries:
        if is_readable(entry):
            shown = text_of(entry) or (text if entry is first else "")
            yield thinking_block(shown, provider, member, entry, asked, plain)
        else:
            yield redacted_block(provider, entry, plain)
    if entries and first is None and text:
        yield thinking_block(text, provider, member, None, asked, plain)
    thought = "".join(text for is_thought, text in texts(said.content) if is_thought)
    if thought:
        yield thinking_block(thought, provider, None, None, asked, plain)


def thinking_block(
    text: str, provider: str, member: str | None, entry: dict[str, Any] | None, asked: Asked, plain: bool
) -> Block:
    """A thought; without its text where the client wants it so."""
    own = None if plain or asked.hides_thoughts else anthropics(entry)
    shown, hidden = ("", text) if asked.hides_thoughts else (text, None)
    return {"type": "thinking", "thinking": shown, "signature": own or signature_of(provider, member, entry, hidden)}


def redacted_block(provider: str, entry: dict[str, Any], plain: bool) -> Block:
    """A thought that is not to be read."""
    own = None if plain else anthropics(entry)
    return {"type": "redacted_thinking", "data": own or signature_of(provider, None, entry)}


def _spoken(said: Said) -> Iterator[Block]:
    text = "".join(text for is_thought, text in texts(said.content) if not is_thought)
    if text:
        block: Block = {"type": "text", "text": text}
        if cited := citations(said):
            block["citations"] = cited
        yield block
    if isinstance(said.refusal, str) and said.refusal:
        yield {"type": "text", "text": said.refusal}


def _tool_use(call: Call) -> Block:
    function = call.function
    if function is None or not isinstance(function.name, str):
        raise UpstreamError("The provider's answer has a tool call without a name.")
    return {
        "type": "tool_use",
        "id": call_id(call.id),
        "name": function.name,
        "input": _input(function.arguments),
    }


def _input(arguments: Any) -> Any:
    """A call's arguments as an object, which Messages clients insist on."""
    if isinstance(arguments, dict):
        return arguments
    if not isinstance(arguments, str) or arguments.strip() in ("", "null"):
        return {}
    try:
        return _arguments.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        raise UpstreamError(
            "The model called a tool with arguments that are not a JSON object.", code="invalid_tool_arguments"
        ) from None
