"""Anthropic's Messages API, judged by the types of its SDK.

https://docs.anthropic.com/en/api/messages
"""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from pydantic import TypeAdapter, ValidationError

from tests.upstream.dialects.asked import KEY, THOUGHT, asked_error, halves, signature, tokens
from tests.upstream.dialects.strict import strict
from tests.upstream.dialogue import Said, say, text_of
from tests.upstream.script import Step, compact, event_stream, json_answer

if TYPE_CHECKING:
    from tests.upstream.server import Request

_UNARY = TypeAdapter(strict(MessageCreateParamsNonStreaming))
_STREAM = TypeAdapter(strict(MessageCreateParamsStreaming))
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_OWN = "toolu_"
"""What the ids of the model's own calls begin with."""
_HEADERS = (("request-id", "req_scripted"),)


def answer(request: "Request") -> Iterable[Step]:
    """Answer as the service would."""
    if request.header("x-api-key") != KEY:
        return refusal(401, "invalid x-api-key")
    if request.header("anthropic-version") != "2023-06-01":
        return refusal(400, "anthropic-version: header is required")
    if "/count_tokens" in request.line:
        return count(request.json)
    return converse(request.json)


def count(told: dict[str, Any]) -> Iterable[Step]:
    """Count the tokens of a message."""
    return json_answer({"input_tokens": len(text_of(told["messages"][-1]).split())}, *_HEADERS)


def converse(told: dict[str, Any]) -> Iterable[Step]:
    """Answer a message, also behind the URLs of clouds."""
    if status := asked_error(str(told.get("model"))):
        return refusal(status, f"The scripted model refuses with {status}.")
    try:
        (_STREAM if told.get("stream") else _UNARY).validate_python(told)
    except ValidationError as error:
        return refusal(400, str(error))
    if fault := _fault(told):
        return refusal(400, fault)
    said = say(_asked(told))
    if told.get("stream"):
        return event_stream(*_events(said, told), headers=_HEADERS)
    return json_answer(_message(said, told), *_HEADERS)


def refusal(status: int, message: str) -> Iterable[Step]:
    """An error as Anthropic writes it."""
    error = {"type": _TYPES.get(status, "api_error"), "message": message}
    waits = (("retry-after", "7"),) if status in (429, 529) else ()
    return json_answer({"type": "error", "error": error, "request_id": "req_scripted"}, *waits, status=status)


def _fault(told: dict[str, Any]) -> str | None:
    """What the service checks and its types do not say."""
    messages = _merged(told["messages"])
    if messages[0]["role"] != "user":
        return "messages.0: the first turn must be the user's"
    return _open_calls(messages) or _forgotten(told, messages)


def _merged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The turns: messages of one role after another are one to the service."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": message["role"], "content": [*blocks]})
    return turns


def _open_calls(turns: list[dict[str, Any]]) -> str | None:
    """Each result follows its call, first in its turn, and no content is empty."""
    calls: list[str] = []
    for index, turn in enumerate(turns):
        kinds = [block["type"] for block in turn["content"]]
        if not kinds or any(block.get("text") == "" for block in turn["content"]):
            return f"messages.{index}: text content blocks must be non-empty"
        results = [block["tool_use_id"] for block in turn["content"] if block["type"] == "tool_result"]
        if sorted(results) != sorted(calls):
            return f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after"
        if kinds[: len(results)] != ["tool_result"] * len(results):
            return f"messages.{index}: `tool_result` blocks must come first"
        calls = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
    return f"messages.{len(turns) - 1}: `tool_use` blocks without results" if calls else None


def _forgotten(told: dict[str, Any], turns: list[dict[str, Any]]) -> str | None:
    """Thinking: what may not be asked beside it, and what must come back.

    https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking
    """
    for turn in turns:
        for block in turn["content"]:
            if block["type"] == "thinking" and block["signature"] != signature(block["thinking"]):
                return "Invalid `signature` in `thinking` block"
    if not _thinks(told):
        return None
    if (told.get("tool_choice") or {}).get("type") in ("any", "tool"):
        return "Thinking may not be enabled when tool_choice forces tool use."
    if told.get("temperature", 1) != 1 or told.get("top_k") is not None:
        return "`temperature` may only be set to 1 when thinking is enabled."
    budget = told["thinking"].get("budget_tokens")
    if budget is not None and not 1024 <= budget < told["max_tokens"]:
        return "`max_tokens` must be greater than `thinking.budget_tokens`."
    if turns[-1]["content"][0]["type"] != "tool_result":
        return None
    said = turns[-2]["content"]
    # A model without a budget goes on after calls of another; that its own calls have lost their thoughts is a fault.
    if said[0]["type"] != "thinking" and (budget is not None or said[-1]["id"].startswith(_OWN)):
        return "Expected `thinking` or `redacted_thinking`, but found `tool_use`."
    return None


def _thinks(told: dict[str, Any]) -> bool:
    return (told.get("thinking") or {}).get("type") in ("enabled", "adaptive")


def _asked(told: dict[str, Any]) -> dict[str, Any]:
    """The request as the scripted model knows it."""
    choice = told.get("tool_choice") or {"type": "auto"}
    kinds = {"auto": "auto", "any": "required", "none": "none"}
    named = {"type": "function", "function": {"name": choice.get("name")}}
    form = ((told.get("output_config") or {}).get("format") or told.get("output_format")) or {}
    return {
        "messages": [each for message in told["messages"] for each in _turns(message)],
        "tools": [
            {"type": "function", "function": {"name": tool["name"], "parameters": tool.get("input_schema")}}
            for tool in told.get("tools") or ()
        ],
        "tool_choice": named if choice["type"] == "tool" else kinds[choice["type"]],
        "parallel_tool_calls": not choice.get("disable_parallel_tool_use", False),
        "response_format": {"type": "json_schema", "json_schema": {"schema": form["schema"]}} if form else None,
        "max_tokens": told["max_tokens"],
        "stop": told.get("stop_sequences"),
    }


def _turns(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    content = message["content"]
    if isinstance(content, str):
        yield {"role": message["role"], "content": content}
        return
    for block in content:
        if block["type"] == "tool_result":
            yield {"role": "tool", "content": block["content"], "tool_call_id": block["tool_use_id"]}
    rest = [block if block["type"] == "text" else {"type": block["type"]} for block in content]
    if any(block["type"] != "tool_result" for block in rest):
        yield {"role": message["role"], "content": [block for block in rest if block["type"] != "tool_result"]}


def _usage(told: dict[str, Any], said: Said) -> dict[str, Any]:
    return {
        "input_tokens": max(1, len(json.dumps(told["messages"]).split())),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": tokens(said),
        "service_tier": "standard",
    }


def _blocks(said: Said, told: dict[str, Any]) -> list[dict[str, Any]]:
    thought = {"type": "thinking", "thinking": THOUGHT, "signature": signature(THOUGHT)}
    calls = [
        {
            "type": "tool_use",
            "id": f"{_OWN}{call['id']}",
            "name": call["function"]["name"],
            "input": json.loads(call["function"]["arguments"]),
        }
        for call in said.calls
    ]
    return [*([thought] if _thinks(told) else []), *(calls or [{"type": "text", "text": said.text or ""}])]


def _message(said: Said, told: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_scripted",
        "type": "message",
        "role": "assistant",
        "model": told["model"],
        "content": _blocks(said, told),
        "stop_reason": _STOPS[said.finish],
        "stop_sequence": None,
        "usage": _usage(told, said),
    }


def _events(said: Said, told: dict[str, Any]) -> Iterator[bytes]:
    def event(kind: str, **members: Any) -> bytes:
        return f"event: {kind}\n".encode() + b"data: " + compact({"type": kind, **members}) + b"\n\n"

    whole = _message(said, told)
    usage = whole["usage"]
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield event("message_start", message=begun)
    for index, block in enumerate(whole["content"]):
        if block["type"] == "text":
            yield event("content_block_start", index=index, content_block={"type": "text", "text": ""})
            yield event("ping")
            for word in said.words:
                yield event("content_block_delta", index=index, delta={"type": "text_delta", "text": word})
        elif block["type"] == "thinking":
            yield event("content_block_start", index=index, content_block={**block, "thinking": "", "signature": ""})
            for piece in halves(block["thinking"]):
                yield event("content_block_delta", index=index, delta={"type": "thinking_delta", "thinking": piece})
            sealed = {"type": "signature_delta", "signature": block["signature"]}
            yield event("content_block_delta", index=index, delta=sealed)
        else:
            yield event("content_block_start", index=index, content_block={**block, "input": {}})
            for piece in ("", *halves(json.dumps(block["input"], ensure_ascii=False))):
                delta = {"type": "input_json_delta", "partial_json": piece}
                yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield event("message_delta", delta=end, usage={"output_tokens": usage["output_tokens"]})
    yield event("message_stop")
