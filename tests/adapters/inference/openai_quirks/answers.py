"""What an answer says, read from what a provider sent: independent of the adapter, for tests to compare with."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from msgspec import Raw
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from adapters.framing import sse
from adapters.inference.contract import Target
from adapters.inference.openai import ADAPTER
from adapters.wire.body import Body, parse
from adapters.wire.carried import split
from config.schema import Provider
from tests.adapters.inference.rows import NAMES, row
from tests.recordings import Recording

WITHOUT_ROW = {
    "writer": Provider(base_url="https://api.writer.com/v1", quirks=["hollow", "tool_calls", "envelope"]),
    "openai-compatible": Provider(base_url="http://127.0.0.1/v1", quirks=["reasoning", "finish_reason", "envelope"]),
}
_TAGGED = re.compile(r"\s*<(think|thinking|reasoning)>\s*(.*?)(?:</\1>\s*(.*))?", re.DOTALL)


class Said(NamedTuple):
    """One choice: what a client is to see of it."""

    text: str
    thoughts: str
    calls: list[tuple[str, str, Any]]
    """Id, name and arguments."""
    finish: str | None


def target_of(provider: str) -> Target:
    """A model at a shipped provider, or at one that an operator described."""
    settings = row(provider) if provider in NAMES else WITHOUT_ROW[provider]
    return Target(provider, "model", Raw(b'"model"'), settings, None)


def asked(**fields: Any) -> Body:
    return parse(json.dumps({"model": "any", "messages": []} | fields).encode())


def written(recording: Recording) -> bytes:
    """A stream's bytes; where its framing was not kept, as OpenAI frames it."""
    if recording.raw is not None:
        return recording.raw
    frames = (b"data: " + json.dumps(event).encode() + b"\n\n" for event in recording.events)
    return b"".join(frames) + b"data: [DONE]\n\n"


def chunks(stream: bytes) -> Iterator[Any]:
    """The parsed data of every frame but the last."""
    for frame in sse.split(stream):
        data = sse.parse(frame).data
        if data is not None and data.strip() != b"[DONE]":
            yield json.loads(data)


def streamed(pieces: Iterable[bytes], target: Target, body: Body) -> bytes:
    """A stream through the adapter."""
    decoder = ADAPTER.codecs["chat"].stream(target, body)
    shown = b"".join(map(decoder.feed, pieces)) + decoder.close()
    assert decoder.error is None, decoder.error
    return shown


def of_completion(answer: bytes) -> list[Said]:
    """What a client of OpenAI's own types sees of a whole answer."""
    return [
        _shown(choice.message, choice.finish_reason) for choice in ChatCompletion.model_validate_json(answer).choices
    ]


def of_stream(stream: bytes) -> list[Said]:
    """The same of a stream, put together by OpenAI's own client."""
    state: Any = ChatCompletionStreamState()
    for chunk in chunks(stream):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    choices = state.current_completion_snapshot.choices
    return [_shown(choice.message, choice.finish_reason) for choice in choices]


def _shown(message: Any, finish: str | None) -> Said:
    assert message.role == "assistant"
    calls = [_call(call) for call in message.tool_calls or ()]
    assert all(call[0] for call in calls)
    assert len({call[0] for call in calls}) == len(calls)
    assert isinstance(message.content, str | None)
    return Said(message.content or "", getattr(message, "reasoning_content", None) or "", calls, finish)


def _call(call: Any) -> tuple[str, str, Any]:
    assert call.type == "function"
    assert isinstance(call.function.arguments, str)
    return split(call.id)[0], call.function.name, _parsed(call.function.arguments)


def sent(recording: Recording) -> list[Said]:
    """What the provider said, whatever its form."""
    if not recording.streamed:
        return [_read(choice, choice.get("message") or {}) for choice in recording.answer["choices"]]
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks(written(recording)):
        for place, choice in enumerate(chunk.get("choices") or ()):
            _fold(choices.setdefault(choice.get("index", place), {"content": "", "tool_calls": []}), choice)
    return [_read(whole, whole) for whole in choices.values()]


def _fold(whole: dict[str, Any], choice: dict[str, Any]) -> None:
    """Put a piece to what came before."""
    delta = choice.get("delta") or {}
    whole["finish_reason"] = whole.get("finish_reason") or choice.get("finish_reason")
    for name in ("reasoning_content", "reasoning"):
        whole[name] = whole.get(name, "") + (delta.get(name) or "")
    content = delta.get("content") or ""
    if isinstance(content, list) and isinstance(whole["content"], str):
        whole["content"] = [{"type": "text", "text": whole["content"]}]
    if isinstance(whole["content"], list) and isinstance(content, str):
        content = [{"type": "text", "text": content}]
    whole["content"] += content
    for piece in delta.get("tool_calls") or ():
        if piece.get("id"):
            whole["tool_calls"].append(
                {"id": piece["id"], "function": {"name": piece["function"]["name"], "arguments": ""}}
            )
        whole["tool_calls"][-1]["function"]["arguments"] += piece["function"].get("arguments") or ""


def _read(choice: dict[str, Any], message: dict[str, Any]) -> Said:
    content = message.get("content") or ""
    thoughts = message.get("reasoning_content") or message.get("reasoning") or ""
    if not thoughts:
        thoughts = "".join(detail.get("text", "") for detail in message.get("reasoning_details") or ())
    if isinstance(content, dict):
        content = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    if isinstance(content, list):
        thinking = [part["thinking"] for part in content if part["type"] == "thinking"]
        thoughts = "".join(piece["text"] for part in thinking for piece in part)
        content = "".join(part["text"] for part in content if part["type"] == "text")
    if tagged := _TAGGED.fullmatch(content):
        thoughts, content = thoughts + tagged[2], tagged[3] or ""
    calls = [
        (call["id"], call["function"]["name"], _parsed(call["function"]["arguments"]))
        for call in message.get("tool_calls") or ()
    ]
    return Said(content, thoughts, calls, choice.get("finish_reason"))


def _parsed(arguments: Any) -> Any:
    return json.loads(arguments) if isinstance(arguments, str) and arguments else arguments or ""
