"""The messages of a chat request, from OpenAI's format to watsonx.ai's.

https://github.com/IBM/watsonx-ai-node-sdk/blob/main/src/types/messages.ts
"""

from typing import Any

from adapters.wire.chat import (
    Assistant,
    AudioPart,
    Content,
    Developer,
    FunctionCall,
    ImagePart,
    Message,
    Part,
    System,
    TextPart,
    Tool,
    User,
    VideoPart,
    content_text,
    unsupported_part,
)
from adapters.wire.fields import Drops


def encode_messages(messages: list[Message], drops: Drops) -> list[dict[str, Any]]:
    """The same messages in their order. Raises BadRequest on content that the service does not take, naming its place.

    Calls of the older `functions` have no ids: they get some, which their results repeat.
    """
    called: dict[str, str] = {}
    encoded = []
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        _report(message, place, drops)
        match message:
            case System() | Developer():
                said = {"role": "system", "content": content_text(message.content, f"{place}.content")}
                encoded.append(_named(said, message.name))
            case User():
                said = {"role": "user", "content": _user_content(message.content, f"{place}.content", drops)}
                encoded.append(_named(said, message.name))
            case Assistant():
                if message.function_call is not None:
                    called[message.function_call.name] = f"call_{index}"
                encoded.append(_assistant(message, f"call_{index}", place))
            case Tool():
                content = content_text(message.content, f"{place}.content")
                encoded.append({"role": "tool", "content": content, "tool_call_id": message.tool_call_id})
            case _:
                call_id = called.get(message.name, f"call_{index}")
                encoded.append({"role": "tool", "content": message.content or "", "tool_call_id": call_id})
    return encoded


def _named(said: dict[str, Any], name: str | None) -> dict[str, Any]:
    return said | {"name": name} if name else said


def _user_content(content: Content, param: str, drops: Drops) -> Any:
    if not isinstance(content, list):
        return content
    return [_part(part, f"{param}[{index}]", drops) for index, part in enumerate(content)]


def _part(part: Part, param: str, drops: Drops) -> dict[str, Any]:
    if getattr(part, "cache_control", None):
        drops.drop(f"{param}.cache_control")
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            image = {"url": part.image_url.url}
            if part.image_url.detail is not None:
                image["detail"] = part.image_url.detail
            return {"type": "image_url", "image_url": image}
        case AudioPart():
            sound = part.input_audio
            return {"type": "input_audio", "input_audio": {"data": sound.data, "format": sound.format}}
        case VideoPart():
            return {"type": "video_url", "video_url": {"url": part.video_url.url}}
        case _:
            raise unsupported_part(part, param)


def _assistant(message: Assistant, call_id: str, place: str) -> dict[str, Any]:
    calls = [_call(call.id, call.function) for call in message.tool_calls or ()]
    if message.function_call is not None:
        calls.append(_call(call_id, message.function_call))
    said: dict[str, Any] = {"role": "assistant"}
    text = content_text(message.content, f"{place}.content")
    if text or not (calls or message.refusal):
        said["content"] = text
    if message.refusal:
        said["refusal"] = message.refusal
    if calls:
        said["tool_calls"] = calls
    return _named(said, message.name)


def _call(call_id: str, function: FunctionCall) -> dict[str, Any]:
    called = {"name": function.name, "arguments": function.arguments or "{}"}
    return {"id": call_id, "type": "function", "function": called}


def _report(message: Message, place: str, drops: Drops) -> None:
    """Note what a message has and the service's has not."""
    names: tuple[str, ...] = ("cache_control",)
    if isinstance(message, Assistant):
        names = ("annotations", "audio", "cache_control", "reasoning", "reasoning_content", "reasoning_details")
    elif isinstance(message, Tool):
        names = ("cache_control", "name")
    for name in names:
        if getattr(message, name, None):
            drops.drop(f"{place}.{name}")
