"""OpenAI's messages as Gemini's contents: https://ai.google.dev/api/caching#Content

The system's and the developer's turns are one system instruction; answers of tools that belong to one turn are one
content, in the order of its calls, because Gemini wants as many answers as there were calls.
"""

from typing import Any, TypeAlias

import msgspec
from msgspec import Raw

from adapters.inference.gemini.media import media_part
from adapters.inference.gemini.state import MADE_UP, read_details
from adapters.inference.gemini.turn import DIALECT
from adapters.wire.chat import (
    Assistant,
    Content,
    FilePart,
    Function,
    FunctionCall,
    ImagePart,
    Message,
    Part,
    RefusalPart,
    TextPart,
    Tool,
    ToolCall,
    User,
    arguments_object,
    content_text,
)
from adapters.wire.errors import BadRequest
from adapters.wire.fields import Drops

Parts: TypeAlias = list[dict[str, Any]]

SKIP_VALIDATION = "skip_thought_signature_validator"
"""The signature for calls that another model made, or whose signature a client lost.

https://ai.google.dev/gemini-api/docs/thought-signatures#faqs
"""

_object = msgspec.json.Decoder(dict[str, Raw])


class Conversation:
    """Messages on their way to contents; notes what can't go along."""

    def __init__(self, drops: Drops, files: str, signs_calls: bool) -> None:
        self._drops = drops
        self._files = files
        self._signs_calls = signs_calls
        """Whether the model refuses calls that have no signature."""
        self._calls: dict[str, tuple[int, str]] = {}
        """Place and name of each call, by its id."""
        self.system: Parts = []
        self.contents: list[dict[str, Any]] = []
        self._answers: list[tuple[int, dict[str, Any]]] = []

    def add(self, message: Message, param: str) -> None:
        """Add the next message. Raises BadRequest on what can't be said, naming the place."""
        if isinstance(message, Tool):
            self._answer(message, param)
            return
        if isinstance(message, Function):
            answer = {"name": message.name, "response": _result(message.content or "")}
            self._answers.append((len(self._answers), {"functionResponse": answer}))
            return
        self._settle()
        if message.name is not None:
            self._drops.drop(f"{param}.name")
        match message:
            case Assistant():
                self._say(self._assistant(message, param))
            case User(content=content):
                self.contents.append({"role": "user", "parts": self._parts(content, f"{param}.content")})
            case _:
                self.system.append({"text": content_text(message.content, f"{param}.content")})

    def finish(self) -> None:
        """Add what is still held. Instructions alone are what the user says: Gemini wants contents."""
        self._settle()
        if not self.contents:
            self.contents, self.system = [{"role": "user", "parts": self.system}], []

    def _settle(self) -> None:
        if self._answers:
            parts = [part for _, part in sorted(self._answers, key=lambda answer: answer[0])]
            self.contents.append({"role": "user", "parts": parts})
            self._answers = []

    def _say(self, parts: Parts) -> None:
        """Turns of the model that follow each other are one: a call may follow none but the user's."""
        if self.contents and self.contents[-1]["role"] == "model":
            self.contents[-1]["parts"] += parts
        elif parts:
            self.contents.append({"role": "model", "parts": parts})

    def _parts(self, content: Content, param: str) -> Parts:
        if content is None or isinstance(content, str):
            return [{"text": content}] if content is not None else []
        parts: Parts = []
        for index, part in enumerate(content):
            place = f"{param}[{index}]"
            self._drop_unsaid_of(part, place)
            match part:
                case TextPart(text=text) | RefusalPart(refusal=text):
                    parts.append({"text": text})
                case _:
                    parts.append(media_part(part, place, self._files))
        return parts

    def _drop_unsaid_of(self, part: Part, param: str) -> None:
        if getattr(part, "cache_control", None) is not None:
            self._drops.drop(f"{param}.cache_control")
        match part:
            case ImagePart(image_url=image) if image.detail not in (None, "auto"):
                self._drops.drop(f"{param}.image_url.detail")
            case FilePart(file=file) if file.filename and (file.file_data or "").startswith("data:"):
                self._drops.drop(f"{param}.file.filename")

    def _assistant(self, message: Assistant, param: str) -> Parts:
        self._drop_unsaid(message, param)
        returned = read_details(message.reasoning_details)
        said = self._parts(message.content, f"{param}.content") if message.content else []
        if message.refusal:
            said.append({"text": message.refusal})
        if returned.of_text is not None:
            said = said or [{"text": ""}]
            said[-1]["thoughtSignature"] = returned.of_text
        calls = [
            self._call(call, returned.of_calls.get(call.id), f"{param}.tool_calls[{place}]", place)
            for place, call in enumerate(message.tool_calls or ())
        ]
        if message.function_call is not None:
            calls.append({"functionCall": _named(message.function_call, f"{param}.function_call")})
        if calls and self._signs_calls:
            calls[0].setdefault("thoughtSignature", SKIP_VALIDATION)
        return [*returned.before, *said, *calls]

    def _drop_unsaid(self, message: Assistant, param: str) -> None:
        for name in ("audio", "cache_control"):
            if getattr(message, name) is not None:
                self._drops.drop(f"{param}.{name}")

    def _call(self, call: ToolCall, signature: str | None, param: str, place: int) -> dict[str, Any]:
        self._calls[call.id] = (place, call.function.name)
        if signature is None and call.carried is not None and call.carried.dialect == DIALECT:
            signature = call.carried.state.decode("ascii", "replace")
        named = _named(call.function, f"{param}.function")
        if not call.id.startswith(MADE_UP):
            named["id"] = call.id
        part: dict[str, Any] = {"functionCall": named}
        return part | {"thoughtSignature": signature} if signature else part

    def _answer(self, message: Tool, param: str) -> None:
        place, name = self._calls.get(message.tool_call_id, (len(self._calls), message.name))
        if name is None:
            raise BadRequest(
                f"'{param}.tool_call_id' names no call of an earlier message, and Gemini wants the function's name.",
                param=f"{param}.tool_call_id",
                code="unknown_tool_call",
            )
        if message.cache_control is not None:
            self._drops.drop(f"{param}.cache_control")
        parts = self._parts(message.content, f"{param}.content")
        text = "".join(part["text"] for part in parts if "text" in part)
        response: dict[str, Any] = {"name": name, "response": _result(text)}
        if not message.tool_call_id.startswith(MADE_UP):
            response["id"] = message.tool_call_id
        if media := [part for part in parts if "text" not in part]:
            response["parts"] = media
        self._answers.append((place, {"functionResponse": response}))


def _named(call: FunctionCall, param: str) -> dict[str, Any]:
    arguments_object(call, f"{param}.arguments")
    return {"name": call.name, "args": Raw(call.arguments.encode() if call.arguments.strip() else b"{}")}


def _result(text: str) -> Any:
    """What a tool gave as an object: its own, or the text under the name that Gemini has for it."""
    try:
        _object.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {"output": text}
    return Raw(text.encode())
