"""A chat request for llama.cpp, and its answer in OpenAI's shape."""

import secrets
import time
from typing import Any

import msgspec
from msgspec import Raw

from adapters.inference.local import messages, tools
from adapters.inference.local.chunks import Choice, Chunk
from adapters.inference.local.tools import CallReader, Demand
from adapters.wire.body import Body

_encode = msgspec.json.Encoder().encode


def prepare(body: Body, knows_tools: bool) -> tuple[dict[str, Any], Demand | None]:
    """The fields for the engine, and the call that the answer must be.

    Raises BadRequest on messages and tools that can't be read.
    """
    fields: dict[str, Any] = dict(body.fields)
    rendered = messages.render(body.fields, knows_tools)
    demand = tools.demanded(body.fields)
    if demand is not None:
        rendered = messages.with_instruction(rendered, demand.instruction)
        fields["response_format"] = {"type": "json_schema", "json_schema": {"name": "call", "schema": demand.schema}}
        for name in ("tools", "tool_choice", "parallel_tool_calls", "logprobs", "top_logprobs"):
            fields.pop(name, None)
    elif _chose_none(body.fields):
        fields.pop("tools", None)
        fields.pop("tool_choice", None)
    fields["messages"] = rendered
    return fields, demand


def _chose_none(fields: dict[str, Raw]) -> bool:
    choice = fields.get("tool_choice")
    return choice is not None and bytes(choice) == b'"none"'


class ChatAnswer:
    """Turns the engine's chunks into OpenAI's."""

    def __init__(self, model: str, demand: Demand | None) -> None:
        self._demand = demand
        self._readers: dict[int, CallReader] = {}
        self._head = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }

    def chunk(self, chunk: Chunk) -> dict[str, Any] | None:
        """OpenAI's chunk for the engine's, None where nothing is to be said."""
        choices = [told for choice in chunk.choices if (told := self._choice(choice)) is not None]
        return self._head | {"choices": choices} if choices else None

    def usage_chunk(self, usage: dict[str, Any]) -> dict[str, Any]:
        """The last chunk of a stream whose reader asked for usage."""
        return self._head | {"choices": [], "usage": usage}

    def whole(self, chunks: list[dict[str, Any]], usage: dict[str, Any]) -> dict[str, Any]:
        """The unary answer that the chunks add up to."""
        choices: dict[int, list[dict[str, Any]]] = {}
        for chunk in chunks:
            for choice in chunk["choices"]:
                choices.setdefault(choice["index"], []).append(choice)
        merged = [_merged(index, choices[index]) for index in sorted(choices)]
        return self._head | {"object": "chat.completion", "choices": merged, "usage": usage}

    def _choice(self, choice: Choice) -> dict[str, Any] | None:
        delta, finish_reason, logprobs = choice.delta, choice.finish_reason, choice.logprobs
        if "role" in delta:
            delta = {"role": "assistant", "content": None if self._demand else ""}
        elif self._demand is not None:
            delta = self._called(self._demand, choice)
            logprobs = None
            finish_reason = "tool_calls" if finish_reason == "stop" else finish_reason
        if not delta and finish_reason is None:
            return None
        return {"index": choice.index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}

    def _called(self, demand: Demand, choice: Choice) -> dict[str, Any]:
        reader = self._readers.get(choice.index)
        if reader is None:
            reader = self._readers[choice.index] = CallReader(demand)
        deltas = reader.feed(choice.delta.get("content") or "")
        return {"tool_calls": deltas} if deltas else {}


def _merged(index: int, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """One choice of a unary answer out of its deltas."""
    message: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
    logprobs: list[Any] = []
    calls: dict[int, dict[str, Any]] = {}
    for part in parts:
        delta = part["delta"]
        message["content"] += delta.get("content") or ""
        if thought := delta.get("reasoning_content"):
            message["reasoning_content"] = message.get("reasoning_content", "") + thought
        for call in delta.get("tool_calls") or []:
            _add_call(calls, call)
        logprobs += (part["logprobs"] or {}).get("content") or []
    if calls:
        message["content"] = message["content"] or None
        message["tool_calls"] = [calls[place] for place in sorted(calls)]
    return {
        "index": index,
        "message": message,
        "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
        "finish_reason": parts[-1]["finish_reason"],
    }


def _add_call(calls: dict[int, dict[str, Any]], delta: dict[str, Any]) -> None:
    """Add one delta of `tool_calls`: the first of a call has its id and name, the rest pieces of its arguments."""
    call = calls.setdefault(delta["index"], {"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
    call["id"] += delta.get("id") or ""
    for name, piece in delta["function"].items():
        call["function"][name] += piece or ""
