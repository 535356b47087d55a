"""The messages of a chat as the model's template takes them.

The template of a small model writes role and content and knows nothing of tools: calls and results of the history are
put into words for it, which SmolLM2 follows. A template that knows tools gets the messages as they are.
"""

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from adapters.wire.body import decode_field
from adapters.wire.errors import BadRequest

Role: TypeAlias = Literal["system", "developer", "user", "assistant", "tool", "function"]


class Part(Struct):
    """One part of a content that is a list."""

    type: str
    text: str | None = None


class CalledFunction(Struct):
    """A function and its arguments as JSON."""

    name: str
    arguments: str = "{}"


class CalledTool(Struct):
    """A call the assistant made."""

    function: CalledFunction
    id: str = ""


class Message(Struct):
    """What the local dialect looks at in a message."""

    role: Role
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[CalledTool] | None = None
    tool_call_id: str | None = None


_message = msgspec.json.Decoder(Message).decode
_messages = msgspec.json.Decoder(list[Message])
_raws = msgspec.json.Decoder(list[Raw])


def render(fields: dict[str, Raw], knows_tools: bool) -> list[Raw | dict[str, Any]]:
    """The messages for the template; those that need no change stay byte for byte.

    Raises BadRequest on an empty list, an unknown role, a missing content and on content that is no text.
    """
    messages = decode_field(fields, "messages", _messages)
    if not messages:
        raise _refused("'messages' must be a list with at least one message.")
    names = {call.id: call.function.name for message in messages for call in message.tool_calls or []}
    rendered: list[Raw | dict[str, Any]] = []
    for place, (message, raw) in enumerate(zip(messages, _raws.decode(fields["messages"]), strict=True)):
        text = _text(message, place)
        if message.role == "developer":
            rendered.append({"role": "system", "content": text})
        elif knows_tools:
            rendered.append(raw)
        elif message.role in ("tool", "function"):
            name = message.name or names.get(message.tool_call_id or "", "the function")
            rendered.append({"role": "user", "content": f"The result of {name} is: {text}"})
        elif message.tool_calls:
            rendered.append({"role": "assistant", "content": _calls_in_words(text, message.tool_calls)})
        else:
            rendered.append(raw)
    return rendered


def with_instruction(messages: list[Raw | dict[str, Any]], instruction: str) -> list[Raw | dict[str, Any]]:
    """The messages with one more sentence for the model, in the system message they start with or one of their own."""
    first = _message(messages[0]) if isinstance(messages[0], Raw) else msgspec.convert(messages[0], Message)
    if first.role == "system":
        return [{"role": "system", "content": f"{_text(first, 0)}\n\n{instruction}"}, *messages[1:]]
    return [{"role": "system", "content": instruction}, *messages]


def _text(message: Message, place: int) -> str:
    content = message.content
    if content is None:
        if message.role != "assistant":
            raise _refused(f"'messages[{place}].content' is missing.")
        return ""
    if isinstance(content, str):
        return content
    for number, part in enumerate(content):
        if part.type not in ("text", "refusal"):
            raise _refused(
                f"This model takes text only, and 'messages[{place}].content[{number}]' is of type '{part.type[:64]}'."
            )
    return "\n".join(part.text or "" for part in content)


def _calls_in_words(text: str, calls: list[CalledTool]) -> str:
    said = [text] if text else []
    return "\n".join(said + [f"I call {call.function.name}({call.function.arguments})." for call in calls])


def _refused(message: str) -> BadRequest:
    return BadRequest(message, param="messages", code="invalid_value")
