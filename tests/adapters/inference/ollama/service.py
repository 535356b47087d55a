"""Ollama as its own Python package knows it, strict where the package is lenient; and its streams made whole."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

import ollama
from msgspec import Raw
from ollama import _types
from pydantic import AfterValidator, ConfigDict

from adapters.inference.contract import Target
from config.schema import Provider

SECRET = "ollama-key-0123456789"


def target(model: str = "qwen3:0.6b", **settings: Any) -> Target:
    """A model that Ollama serves."""
    provider = Provider(dialect="ollama", base_url="http://127.0.0.1:11434", api_key=SECRET, **settings)
    return Target("lab", model, Raw(json.dumps(model).encode()), provider, None)


_FORBID = ConfigDict(extra="forbid")

# The package, 0.6.3, has no ids of tool calls and no `min_p`, `truncate` and `shift`; the server has:
# https://github.com/ollama/ollama/blob/main/api/types.go


class _Called(_types.Message.ToolCall.Function):
    model_config = _FORBID


class _ToolCall(_types.Message.ToolCall):
    model_config = _FORBID
    id: str | None = None
    function: _Called


def _unchanged(image: str) -> str:
    """What the package would send for an image is what was sent."""
    assert str(_types.Image(value=image).model_dump()) == image
    return image


class _Message(_types.Message):
    model_config = _FORBID
    images: list[Annotated[str, AfterValidator(_unchanged)]] | None = None  # type: ignore[assignment]
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: str | None = None


class _Options(_types.Options):
    model_config = _FORBID
    min_p: float | None = None


class _Parameters(_types.Tool.Function.Parameters):
    model_config = ConfigDict(extra="allow")  # a JSON Schema


class _ToolFunction(_types.Tool.Function):
    model_config = _FORBID
    parameters: _Parameters | None = None


class _Tool(_types.Tool):
    model_config = _FORBID
    function: _ToolFunction | None = None


class _ChatRequest(_types.ChatRequest):
    model_config = _FORBID
    messages: list[_Message] | None = None
    tools: list[_Tool] | None = None
    options: _Options | None = None
    truncate: bool | None = None
    shift: bool | None = None


class _EmbedRequest(_types.EmbedRequest):
    model_config = _FORBID
    options: _Options | None = None


def judged(body: bytes) -> dict[str, Any]:
    """A chat request, refused where Ollama has no such member or another type."""
    _ChatRequest.model_validate_json(body, strict=True)
    read: dict[str, Any] = json.loads(body)
    return read


def judged_embeddings(body: bytes) -> dict[str, Any]:
    """The same of an embeddings request."""
    _EmbedRequest.model_validate_json(body, strict=True)
    read: dict[str, Any] = json.loads(body)
    return read


def whole(lines: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The unary answer that a stream amounts to, put together as clients of Ollama do."""
    parts = [ollama.ChatResponse.model_validate(line) for line in lines]
    *_, last = lines
    message: dict[str, Any] = {"role": "assistant", "content": "".join(part.message.content or "" for part in parts)}
    if thinking := "".join(part.message.thinking or "" for part in parts):
        message["thinking"] = thinking
    if calls := [call for line in lines for call in line["message"].get("tool_calls") or ()]:
        message["tool_calls"] = calls
    answer = {**last, "message": message, "created_at": parts[0].created_at}
    if logprobs := [each for line in lines for each in line.get("logprobs") or ()]:
        answer["logprobs"] = logprobs
    return answer


def lines_of(stream: bytes) -> list[dict[str, Any]]:
    """The lines of a stream."""
    return [json.loads(line) for line in stream.splitlines()]


def stream_of(lines: Iterable[dict[str, Any]]) -> bytes:
    """A stream as Ollama writes it."""
    return b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)


def line(done: bool = False, **more: Any) -> dict[str, Any]:
    """One line of a stream; `message` and `thinking` stand beside each other where they are given."""
    message = {"role": "assistant", "content": "", **more.pop("message", {})}
    told = {"model": "qwen3:0.6b", "created_at": "2026-08-07T06:08:35.745444Z", "message": message, "done": done}
    if done:
        told |= {"done_reason": "stop", "total_duration": 1, "prompt_eval_count": 11, "eval_count": 7}
    return told | more
