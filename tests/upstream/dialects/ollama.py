"""Ollama's own API, judged by the types of its SDK.

https://github.com/ollama/ollama/blob/main/docs/api.md
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import ollama
from ollama._types import ChatRequest, EmbedRequest
from pydantic import BaseModel, ConfigDict, ValidationError

from tests.upstream.dialects.asked import KEY, THOUGHT, asked_error, halves, tokens
from tests.upstream.dialogue import Said, say
from tests.upstream.model import DIMENSIONS, vector
from tests.upstream.script import Step, compact, event_stream, json_answer

if TYPE_CHECKING:
    from tests.upstream.server import Request

_STRICT = ConfigDict(extra="forbid")


class _Options(ollama.Options):
    model_config = _STRICT
    min_p: float | None = None


class _Function(BaseModel):
    model_config = _STRICT
    name: str
    arguments: dict[str, Any]


class _Call(BaseModel):
    """The SDK's has no id, the server's has: https://github.com/ollama/ollama/blob/main/api/types.go."""

    model_config = _STRICT
    id: str | None = None
    function: _Function


class _Message(BaseModel):
    model_config = _STRICT
    role: Literal["system", "user", "assistant", "tool"]
    content: str
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[_Call] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class _Parameters(BaseModel):
    type: Literal["object"]
    properties: dict[str, Any]


class _Definition(BaseModel):
    model_config = _STRICT
    name: str
    description: str | None = None
    parameters: _Parameters


class _Tool(BaseModel):
    model_config = _STRICT
    type: Literal["function"]
    function: _Definition


class _Chat(ChatRequest):
    model_config = _STRICT
    messages: list[_Message]  # type: ignore[assignment]
    tools: list[_Tool] | None = None  # type: ignore[assignment]
    options: _Options | None = None
    format: Literal["json"] | dict[str, Any] | None = None
    think: bool | Literal["low", "medium", "high", "max"] | None = None


class _Embed(EmbedRequest):
    model_config = _STRICT
    options: _Options | None = None


def answer(request: "Request") -> Iterable[Step]:
    """Answer as the service would."""
    if request.header("authorization") != f"Bearer {KEY}":
        return json_answer({"error": "unauthorized"}, status=401)
    told = request.json
    if status := asked_error(str(told.get("model"))):
        waits = (("retry-after", "7"),) if status == 429 else ()
        return json_answer({"error": f"The scripted model refuses with {status}."}, *waits, status=status)
    path = request.line.split(" ")[1]
    try:
        if path == "/ollama/api/embed":
            return _embed(_Embed.model_validate(told), told)
        assert path == "/ollama/api/chat", path
        _Chat.model_validate(told)
    except ValidationError as error:
        return json_answer({"error": str(error)}, status=400)
    if fault := _fault(told["messages"]):
        return json_answer({"error": fault}, status=400)
    said = say(_asked(told))
    if not told.get("stream", True):
        return json_answer(_line(told, _message(said, told), said))
    return event_stream(*_lines(said, told), content_type="application/x-ndjson")


def _fault(messages: list[dict[str, Any]]) -> str | None:
    """What the server can't read, and what a model's template would make nothing of."""
    calls: dict[str, str] = {}
    for message in messages:
        calls |= {call["id"]: call["function"]["name"] for call in message.get("tool_calls") or ()}
        if message["role"] == "tool" and calls.get(message.get("tool_call_id", "")) != message.get("tool_name"):
            return "a tool's result without its call"
        for image in message.get("images") or ():
            try:
                base64.b64decode(image, validate=True)
            except binascii.Error:
                return "illegal base64 data"
    return None


def _asked(told: dict[str, Any]) -> dict[str, Any]:
    """The request as the scripted model knows it."""
    options = told.get("options") or {}
    form = told.get("format")
    schema = {"type": "json_schema", "json_schema": {"schema": form}}
    return {
        "messages": told["messages"],
        "tools": told.get("tools"),
        "response_format": {"type": "json_object"} if form == "json" else schema if form else None,
        "max_tokens": options.get("num_predict"),
        "stop": options.get("stop"),
    }


def _message(said: Said, told: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or ""}
    if told.get("think"):
        message["thinking"] = THOUGHT
    if said.calls:
        message["tool_calls"] = [_call(call) for call in said.calls]
    return message


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = {"index": 0, "name": call["function"]["name"], "arguments": json.loads(call["function"]["arguments"])}
    return {"id": call["id"], "function": function}


def _line(told: dict[str, Any], message: dict[str, Any], said: Said | None = None) -> dict[str, Any]:
    """A line of a stream, the last or only one where it has what was said."""
    line = {"model": told["model"], "created_at": "2025-06-15T15:06:40.123456789Z", "message": message}
    if said is None:
        return line | {"done": False}
    counts = {"prompt_eval_count": len(json.dumps(told["messages"]).split()), "eval_count": tokens(said)}
    times = {"total_duration": 5191566416, "load_duration": 2154458, "eval_duration": 4799921000}
    return line | {"done": True, "done_reason": "length" if said.finish == "length" else "stop"} | times | counts


def _lines(said: Said, told: dict[str, Any]) -> Iterator[bytes]:
    pieces: list[dict[str, Any]] = [{"content": "", "thinking": half} for half in halves(THOUGHT) if told.get("think")]
    pieces += [{"content": word} for word in said.words]
    pieces += [{"content": "", "tool_calls": [_call(call)]} for call in said.calls]
    for piece in pieces:
        yield compact(_line(told, {"role": "assistant"} | piece)) + b"\n"
    yield compact(_line(told, {"role": "assistant", "content": ""}, said)) + b"\n"


def _embed(asked: _Embed, told: dict[str, Any]) -> Iterable[Step]:
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    vectors = [vector(text, told.get("dimensions") or DIMENSIONS) for text in texts]
    counted = {"prompt_eval_count": sum(len(text.split()) for text in texts)}
    return json_answer({"model": asked.model, "embeddings": vectors, "total_duration": 14143917} | counted)
