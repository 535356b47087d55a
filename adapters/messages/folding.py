"""Streams of events to whole answers and back, in the Messages format.

https://docs.claude.com/en/build-with-claude/streaming
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from adapters.framing import sse
from adapters.messages.blocks import event
from adapters.wire.folding import Json, Unfoldable
from adapters.wire.usage import Usage

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_JOINED = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
"""Kinds of deltas to the member whose pieces they are."""
_STRANGE = (msgspec.DecodeError, RecursionError, KeyError, TypeError, AttributeError)
_INPUTS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})


def fold(stream: bytes, usage: Usage | None) -> bytes:
    """A whole stream to the message that it is. Raises Unfoldable on one that is not whole."""
    try:
        return _encode(_folded(stream))
    except _STRANGE as error:
        raise Unfoldable("a frame is no event") from error


def _folded(stream: bytes) -> Json:
    message: Json = {}
    blocks: dict[int, Json] = {}
    arguments: dict[int, str] = {}
    for said in _events(stream):
        match said.get("type"):
            case "message_start":
                message = said["message"]
            case "content_block_start":
                blocks[said["index"]] = said["content_block"]
            case "content_block_delta":
                _fold_delta(blocks[said["index"]], said["delta"], arguments, said["index"])
            case "message_delta":
                message |= said["delta"]
                message["usage"] = message.get("usage", {}) | (said.get("usage") or {})
            case "error":
                raise Unfoldable("the stream ends with an error")
    if not message.get("stop_reason"):
        raise Unfoldable("the stream has no end")
    for index, written in arguments.items():
        blocks[index]["input"] = _decode(written) if written else {}
    return message | {"content": [blocks[index] for index in sorted(blocks)]}


def unfold(body: bytes, usage: Usage | None) -> bytes:
    """A message to a stream that says the same. Raises Unfoldable on an answer that is no message."""
    try:
        message = _decode(body)
        blocks = message.pop("content")
        stop = {name: message.get(name) for name in ("stop_reason", "stop_sequence")}
        opening = message | {"content": [], "stop_reason": None, "stop_sequence": None}
        events = [event("message_start", {"message": opening})]
        for index, block in enumerate(blocks):
            events += _block(index, block)
        events.append(event("message_delta", {"delta": stop, "usage": message.get("usage")}))
    except _STRANGE as error:
        raise Unfoldable("the answer is no message") from error
    return b"".join((*events, event("message_stop", {})))


def retell(stream: bytes, usage: Usage | None) -> bytes:
    """The same stream: those of this format always tell usage."""
    return stream


def _events(stream: bytes) -> Iterator[Json]:
    for frame in sse.split(stream):
        if (data := sse.parse(frame).data) is not None:
            yield _decode(data)


def _fold_delta(block: Json, delta: Json, arguments: dict[int, str], index: int) -> None:
    kind = delta.get("type")
    if (name := _JOINED.get(kind or "")) is not None:
        block[name] = block.get(name, "") + delta[name]
    elif kind == "input_json_delta":
        arguments[index] = arguments.get(index, "") + delta["partial_json"]
    elif kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
    else:
        raise Unfoldable(f"nobody knows how to fold {kind}")


def _block(index: int, block: Json) -> Iterator[bytes]:
    kind = block["type"]
    opening = dict(block)
    deltas: list[Json] = []
    if kind in _INPUTS:
        opening["input"] = {}
        deltas.append({"type": "input_json_delta", "partial_json": _encode(block["input"]).decode()})
    elif kind in ("text", "thinking"):
        opening[kind] = ""
        deltas += [{"type": "citations_delta", "citation": each} for each in opening.pop("citations", None) or ()]
        deltas.append({"type": f"{kind}_delta", kind: block[kind]})
        if signature := opening.get("signature"):
            opening["signature"] = ""
            deltas.append({"type": "signature_delta", "signature": signature})
    yield event("content_block_start", {"index": index, "content_block": opening})
    for delta in deltas:
        yield event("content_block_delta", {"index": index, "delta": delta})
    yield event("content_block_stop", {"index": index})
