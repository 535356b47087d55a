"""Targets and requests for the tests of this dialect."""

import json
from typing import Any

from msgspec import Raw, convert

from adapters.framing.event_stream import write
from adapters.inference.bedrock import ADAPTER
from adapters.inference.bedrock.options import BedrockOptions
from adapters.inference.contract import Answer, Encoded, Target
from adapters.wire.body import Body, parse
from config.schema import Provider

BASE_URL = "https://bedrock-runtime.us-east-1.amazonaws.com"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "look", "description": "Looks", "parameters": {"type": "object"}}}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "City", "schema": SCHEMA}}


def target(model: str = CLAUDE, options: dict[str, Any] | None = None, **settings: Any) -> Target:
    """A model at Bedrock."""
    provider = convert({"dialect": "bedrock", "base_url": BASE_URL, **settings}, Provider)
    return Target("bedrock", model, Raw(json.dumps(model).encode()), provider, convert(options or {}, BedrockOptions))


def body(**fields: Any) -> Body:
    """A client's request as the door hands it on."""
    return parse(json.dumps({"model": "route", "messages": HELLO, **fields}).encode())


def encode(model: str = CLAUDE, at: Target | None = None, **fields: Any) -> Encoded:
    """A chat request as the service gets it."""
    return ADAPTER.codecs["chat"].encode(body(**fields), at or target(model))


def sent(model: str = CLAUDE, **fields: Any) -> dict[str, Any]:
    """The same, read; fails where parameters were dropped."""
    encoded = encode(model, **fields)
    assert encoded.dropped == ()
    read: dict[str, Any] = json.loads(encoded.body)
    return read


def answered(blocks: list[Any], stop: str = "end_turn", **told: Any) -> bytes:
    """A unary answer of the service."""
    usage = {"inputTokens": 5, "outputTokens": 7, "totalTokens": 12}
    output = {"message": {"role": "assistant", "content": blocks}}
    return json.dumps(
        {"output": output, "stopReason": stop, "usage": usage, "metrics": {"latencyMs": 1}} | told
    ).encode()


def decode(raw: bytes, model: str = CLAUDE, **fields: Any) -> Answer:
    """An answer as the client gets it."""
    return ADAPTER.codecs["chat"].decode(raw, target(model), body(**fields))


def said(raw: bytes, model: str = CLAUDE, **fields: Any) -> dict[str, Any]:
    """The message of an answer as the client gets it."""
    choice = json.loads(decode(raw, model, **fields).body)["choices"][0]
    message: dict[str, Any] = choice["message"]
    return message | {"finish_reason": choice["finish_reason"]}


def frame(event: str, payload: dict[str, Any]) -> bytes:
    """An event of a stream."""
    headers = {":event-type": event, ":content-type": "application/json", ":message-type": "event"}
    return write(headers, json.dumps(payload).encode())


def exception(kind: str, payload: dict[str, Any]) -> bytes:
    """An exception inside a stream."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return write(headers, json.dumps(payload).encode())


def frames(blocks: list[Any], stop: str = "end_turn", **told: Any) -> bytes:
    """A stream of these blocks, each a start (or none) and its deltas."""
    out = [frame("messageStart", {"role": "assistant"})]
    for index, block in enumerate(blocks):
        place = {"contentBlockIndex": index}
        if "start" in block:
            out.append(frame("contentBlockStart", {"start": block["start"]} | place))
        out += [frame("contentBlockDelta", {"delta": delta} | place) for delta in block.get("deltas", ())]
        out.append(frame("contentBlockStop", place))
    usage = {"inputTokens": 5, "outputTokens": 7, "totalTokens": 12}
    out.append(frame("messageStop", {"stopReason": stop}))
    out.append(frame("metadata", {"usage": usage, "metrics": {"latencyMs": 1}} | told))
    return b"".join(out)
