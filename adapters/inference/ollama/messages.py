"""The messages of a chat request, from OpenAI's format to Ollama's: a text, and what is seen and heard beside it."""

from typing import Any

from adapters.wire.chat import (
    Assistant,
    AudioPart,
    Content,
    Developer,
    Function,
    FunctionCall,
    ImagePart,
    Message,
    RefusalPart,
    System,
    TextPart,
    Tool,
    User,
    arguments_object,
    unsupported_part,
)
from adapters.wire.errors import BadRequest
from adapters.wire.fields import Drops
from adapters.wire.media import data_url


def encode_messages(messages: list[Message], drops: Drops) -> list[dict[str, Any]]:
    """The same messages in their order. Raises BadRequest on content that Ollama does not take, naming its place."""
    names: dict[str, str] = {}
    encoded = []
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        _report(message, place, drops)
        match message:
            case System() | Developer():
                encoded.append({"role": "system", **_content(message.content, place, drops, media=False)})
            case User():
                encoded.append({"role": "user", **_content(message.content, place, drops)})
            case Assistant():
                names |= {call.id: call.function.name for call in message.tool_calls or ()}
                encoded.append(_assistant(message, place, drops))
            case Tool():
                encoded.append(_tool_result(message, names, place, drops))
            case _:
                encoded.append({"role": "tool", "content": message.content or "", "tool_name": message.name})
    return encoded


def _content(content: Content, place: str, drops: Drops, *, media: bool = True) -> dict[str, Any]:
    """The texts of all parts, a line for each, and images and sound in base64.

    Sound goes where images go, as Ollama's own OpenAI surface has it: its bytes tell what they are.
    https://github.com/ollama/ollama/blob/main/openai/openai.go
    """
    if content is None or isinstance(content, str):
        return {"content": content or ""}
    texts = []
    images = []
    for index, part in enumerate(content):
        param = f"{place}.content[{index}]"
        match part:
            case TextPart():
                texts.append(part.text)
            case RefusalPart():
                texts.append(part.refusal)
            case ImagePart() if media:
                images.append(_image(part, param, drops))
            case AudioPart() if media:
                images.append(part.input_audio.data)
            case _:
                raise unsupported_part(part, param)
        if getattr(part, "cache_control", None):
            drops.drop(f"{param}.cache_control")
    said: dict[str, Any] = {"content": "\n".join(texts)}
    return said | {"images": images} if images else said


def _image(part: ImagePart, param: str, drops: Drops) -> str:
    if part.image_url.detail not in (None, "auto"):
        drops.drop(f"{param}.image_url.detail")
    image = data_url(part.image_url.url, f"{param}.image_url.url")
    if image is None:
        raise BadRequest(
            "This provider takes no URLs of images: send them in base64, as data:image/png;base64,…",
            param=f"{param}.image_url.url",
            code="unsupported_content",
        )
    return image.data


def _assistant(message: Assistant, place: str, drops: Drops) -> dict[str, Any]:
    said = {"role": "assistant", **_content(message.content or message.refusal, place, drops, media=False)}
    if thinking := message.reasoning_content or message.reasoning or _detailed(message):
        said["thinking"] = thinking
    calls = [
        {"id": call.id, **_call(call.function, f"{place}.tool_calls[{index}].function")}
        for index, call in enumerate(message.tool_calls or ())
    ]
    if message.function_call is not None:
        calls.append(_call(message.function_call, f"{place}.function_call"))
    return said | {"tool_calls": calls} if calls else said


def _detailed(message: Assistant) -> str:
    """The text in `reasoning_details`."""
    texts = (detail.get("text") for detail in message.reasoning_details or ())
    return "".join(text for text in texts if isinstance(text, str))


def _call(call: FunctionCall, place: str) -> dict[str, Any]:
    return {"function": {"name": call.name, "arguments": arguments_object(call, f"{place}.arguments")}}


def _tool_result(message: Tool, names: dict[str, str], place: str, drops: Drops) -> dict[str, Any]:
    """By name, as the documentation has it, and by id, which newer models' templates read (`api/types.go`)."""
    said = {"role": "tool", **_content(message.content, place, drops)}
    if name := message.name or names.get(message.tool_call_id):
        said["tool_name"] = name
    return said | {"tool_call_id": message.tool_call_id}


def _report(message: Message, place: str, drops: Drops) -> None:
    """Note what a message has and Ollama's has not."""
    for name in ("annotations", "audio", "cache_control", "name"):
        if getattr(message, name, None) and not (name == "name" and isinstance(message, Tool | Function)):
            drops.drop(f"{place}.{name}")
