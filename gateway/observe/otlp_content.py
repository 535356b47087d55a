"""Prompts and answers as OpenTelemetry's conventions write them, for operators who asked for that.

https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-spans.md
"""

from typing import Any

import msgspec

from gateway.observe.count import sent_text

_BAD = (msgspec.DecodeError, UnicodeDecodeError, TypeError, AttributeError, KeyError, ValueError, RecursionError)


def input_messages(raw: bytes) -> str | None:
    """A request's `messages`; None where they can't be read so."""
    try:
        return _json([{"role": each["role"], "parts": _parts(each)} for each in msgspec.json.decode(raw)])
    except _BAD:
        return None


def output_messages(transcript: bytes) -> str | None:
    """What was answered, from the events of a stream or from a body that is written as one."""
    try:
        return _json([{"role": "assistant", "parts": [{"type": "text", "content": sent_text(transcript)}]}])
    except _BAD:
        return None


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    if message.get("role") == "tool":
        return [{"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content}]
    parts = [{"type": "text", "content": content}] if isinstance(content, str) else [*(content or ())]
    parts = [
        {"type": "text", "content": part["text"]} if part.get("type") == "text" and "text" in part else part
        for part in parts
    ]
    for call in message.get("tool_calls") or ():
        function = call["function"]
        arguments = {"name": function["name"], "arguments": function["arguments"]}
        parts.append({"type": "tool_call", "id": call.get("id"), **arguments})
    return parts


def _json(messages: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(messages).decode()
