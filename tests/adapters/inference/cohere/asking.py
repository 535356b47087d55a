"""Requests to the dialect, answers of the service, and what becomes of both."""

import json
from collections.abc import Iterable
from typing import Any, get_args

import cohere
import pydantic
from cohere.v2.types.v2chat_stream_response import V2ChatStreamResponse

from adapters.framing import sse
from adapters.inference.cohere import ADAPTER
from adapters.inference.contract import Encoded
from tests.adapters.inference.targets import request, target

CHAT = ADAPTER.codecs["chat"]
WEATHER = {"name": "weather", "description": "Tells it", "parameters": {"type": "object", "properties": {}}}
TOOLS = [{"type": "function", "function": WEATHER}]
SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}


def encode(*messages: dict[str, Any], settings: dict[str, Any] | None = None, **fields: Any) -> Encoded:
    """A chat request, of one harmless message where none is given."""
    said = list(messages) or [{"role": "user", "content": "Hi"}]
    return CHAT.encode(request(messages=said, **fields), target(**settings or {}))


def sent(*messages: dict[str, Any], **fields: Any) -> Any:
    """The same, as the service reads it."""
    return json.loads(encode(*messages, **fields).body)


def answer(**message: Any) -> dict[str, Any]:
    """A unary answer of the service."""
    return {
        "id": "a1",
        "finish_reason": "COMPLETE",
        "message": {"role": "assistant", **message},
        "usage": {"tokens": {"input_tokens": 7, "output_tokens": 3}},
    }


def decode(told: dict[str, Any], **fields: Any) -> Any:
    """A unary answer in OpenAI's form."""
    return json.loads(CHAT.decode(json.dumps(told).encode(), target(), request(**fields)).body)


def said(told: dict[str, Any], **fields: Any) -> Any:
    """Its message."""
    return decode(told, **fields)["choices"][0]["message"]


def stream(*events: dict[str, Any]) -> bytes:
    """Events as the service writes them."""
    frames = [b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode()) for event in events]
    return b"".join(frames) + b"data: [DONE]\n\n"


def chunks(written: bytes) -> list[Any]:
    """The chunks in a stream, or its error."""
    data = [sse.parse(frame).data or b"" for frame in sse.split(written)]
    return [json.loads(each) for each in data if each != b"[DONE]"]


def joined(written: bytes) -> dict[str, Any]:
    """A stream's chunks as the one answer that they amount to, without what has no meaning in a stream."""
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    whole: dict[str, Any] = {"message": message, "finish_reason": None, "usage": None, "logprobs": None}
    for chunk in chunks(written):
        whole["usage"] = chunk["usage"] or whole["usage"]
        for choice in chunk["choices"]:
            whole["finish_reason"] = choice["finish_reason"] or whole["finish_reason"]
            if choice["logprobs"]:
                whole["logprobs"] = (whole["logprobs"] or []) + choice["logprobs"]["content"]
            _add(message, choice["delta"])
    if not message["content"] and "tool_calls" in message:
        message["content"] = None
    return whole


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name in ("content", "reasoning_content"):
        if name in delta:
            message[name] = message.get(name, "") + delta[name]
    message.setdefault("annotations", []).extend(delta.get("annotations", []))
    for call in delta.get("tool_calls", []):
        calls = message.setdefault("tool_calls", [])
        if call["index"] == len(calls):
            calls.append({"id": call["id"], "type": "function", "function": {"name": "", "arguments": ""}})
        for name, piece in call["function"].items():
            calls[call["index"]]["function"][name] += piece


def folded(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A stream's events as the unary answer that has the same content, as the service's guide puts them together."""
    message: dict[str, Any] = {"role": "assistant"}
    whole: dict[str, Any] = {"message": message}
    for event in events:
        piece = event.get("delta", {}).get("message", {})
        match event["type"]:
            case "message-start":
                whole["id"] = event["id"]
            case "content-start":
                message.setdefault("content", []).append(dict(piece["content"]))
            case "content-delta":
                block = message["content"][event["index"]]
                for name, text in piece["content"].items():
                    block[name] = block.get(name, "") + text
                if "logprobs" in event:
                    whole.setdefault("logprobs", []).append(event["logprobs"])
            case "tool-plan-delta":
                message["tool_plan"] = message.get("tool_plan", "") + piece["tool_plan"]
            case "tool-call-start":
                message.setdefault("tool_calls", []).append(piece["tool_calls"])
            case "tool-call-delta":
                message["tool_calls"][-1]["function"]["arguments"] += piece["tool_calls"]["function"]["arguments"]
            case "citation-start":
                message.setdefault("citations", []).append(piece["citations"])
            case "message-end":
                whole |= {name: event["delta"][name] for name in ("finish_reason", "usage")}
    return whole


class ChatBody(pydantic.BaseModel, extra="forbid", strict=True):
    """A chat request of the service, put together from the types of its SDK."""

    model: str
    messages: list[cohere.ChatMessageV2]
    stream: bool
    tools: list[cohere.ToolV2] | None = None
    strict_tools: bool | None = None
    documents: list[cohere.Document] | None = None
    citation_options: cohere.CitationOptions | None = None
    response_format: cohere.ResponseFormatV2 | None = None
    safety_mode: str | None = None
    max_tokens: int | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    k: int | None = None
    p: float | None = None
    logprobs: bool | None = None
    tool_choice: cohere.V2ChatRequestToolChoice | None = None
    thinking: cohere.Thinking | None = None
    priority: int | None = None


def judge(body: Any) -> None:
    """Have the SDK's types judge a request: every member must be one they know, and of its type."""
    unknown = list(_unknown(ChatBody.model_validate(body), body, "$"))
    assert not unknown


def _unknown(read: Any, written: Any, path: str) -> Iterable[str]:
    """Members that a type of the SDK does not declare; it takes any."""
    if isinstance(read, pydantic.BaseModel):
        for name, value in written.items():
            if name in type(read).model_fields:
                yield from _unknown(getattr(read, name), value, f"{path}.{name}")
            else:
                yield f"{path}.{name}"
    elif isinstance(read, list):
        for place, (one, value) in enumerate(zip(read, written, strict=True)):
            yield from _unknown(one, value, f"{path}[{place}]")


KNOWN_EVENTS = {each.model_fields["type"].default for each in get_args(get_args(V2ChatStreamResponse)[0])}
"""What the SDK knows of a stream."""
