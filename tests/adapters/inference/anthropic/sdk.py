"""Anthropic's own package as a judge of requests, and its way to put streams together."""

import json
from functools import cache
from typing import Any

import jsonschema_rs
from anthropic.types import beta, message_create_params
from pydantic import TypeAdapter

SAMPLING = {name: {"type": "number"} for name in ("temperature", "top_p", "top_k")}
"""What the package no longer has: it speaks the API's next version. https://platform.claude.com/docs/en/api/versioning"""


def judge(body: bytes, *, in_beta: bool = False) -> Any:
    """A request as a value, once the package's types agree with every member of it."""
    request = json.loads(body)
    fault = next(_validator(bool(request.get("stream")), in_beta).iter_errors(request), None)
    assert fault is None, f"{fault.message[:300]} at {fault.instance_path}"
    return request


@cache
def _validator(streamed: bool, in_beta: bool) -> jsonschema_rs.Draft202012Validator:
    params = beta.message_create_params if in_beta else message_create_params
    kind = params.MessageCreateParamsStreaming if streamed else params.MessageCreateParamsNonStreaming
    schema = TypeAdapter(kind).json_schema()
    _close(schema)
    schema["properties"] |= SAMPLING
    return jsonschema_rs.Draft202012Validator(schema)


def _close(schema: Any) -> None:
    """Refuse members that no type has, except where the package itself allows any."""
    if isinstance(schema, list):
        for each in schema:
            _close(each)
    elif isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and schema.get("title") != "InputSchemaTyped":
            schema["additionalProperties"] = False
        for each in schema.values():
            _close(each)


def frames(events: Any) -> bytes:
    """Events as the service frames them."""
    return b"".join(b"event: %s\ndata: %s\n\n" % (each["type"].encode(), json.dumps(each).encode()) for each in events)


def events_of(stream: bytes) -> list[Any]:
    """The events in a stream's frames."""
    return [json.loads(line[5:]) for line in stream.decode().splitlines() if line.startswith("data:")]


def fold(events: list[Any]) -> Any:
    """The message that a stream's events amount to.

    As `accumulate_event` of the package does it, which refuses blocks that it has no type for:
    https://github.com/anthropics/anthropic-sdk-python/blob/main/src/anthropic/lib/streaming/_messages.py
    """
    message: Any = None
    arguments: dict[int, str] = {}
    for event in events:
        match event["type"]:
            case "message_start":
                message = json.loads(json.dumps(event["message"]))
            case "content_block_start":
                message["content"].append(dict(event["content_block"]))
            case "content_block_delta":
                _fold_delta(message["content"][event["index"]], event, arguments)
            case "content_block_stop" if written := arguments.get(event["index"]):
                message["content"][event["index"]]["input"] = json.loads(written)
            case "message_delta":
                message |= event["delta"]
                message["usage"] |= {name: count for name, count in event["usage"].items() if count is not None}
    return message


def _fold_delta(block: Any, event: Any, arguments: dict[int, str]) -> None:
    delta = event["delta"]
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] += delta["signature"]
        case "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
        case "input_json_delta":
            arguments[event["index"]] = arguments.get(event["index"], "") + delta["partial_json"]
