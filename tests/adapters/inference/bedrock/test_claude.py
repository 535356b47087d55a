"""Anthropic's own format: Claude is asked in it over InvokeModel."""

import base64
import json
from typing import Any

import pytest

from adapters.framing import sse
from adapters.framing.event_stream import write
from adapters.inference.anthropic import passthrough
from adapters.inference.bedrock import ADAPTER
from adapters.inference.contract import StreamDecoder
from adapters.wire.body import Body, parse
from adapters.wire.errors import UpstreamError
from tests.adapters.inference.bedrock import judge
from tests.adapters.inference.bedrock.asking import CLAUDE, NOVA, exception, frame, target
from tests.recordings import SPLIT_SIZES, Recording, load, params

CODEC = ADAPTER.codecs["messages"]
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 5, "output_tokens": 7},
}
STREAMS = params(
    providers=["anthropic"],
    operations=["chat"],
    streamed=True,
    skip=[recording.case for recording in load() if recording.raw is None],
)


def asked(**fields: Any) -> Body:
    messages = [{"role": "user", "content": "Hello"}]
    return parse(json.dumps({"model": "route", "max_tokens": 9, "messages": messages} | fields).encode())


def events(stream: bytes) -> list[tuple[bytes, Any]]:
    told = [sse.parse(frame) for frame in sse.split(stream)]
    return [(event.name, json.loads(event.data)) for event in told if event.data is not None]


def wrapped(recording: Recording) -> bytes:
    """A recorded stream of Anthropic's as Bedrock wraps it."""
    assert recording.raw is not None
    told = [sse.parse(frame).data for frame in sse.split(recording.raw)]
    return b"".join(
        frame("chunk", {"bytes": base64.b64encode(data.strip()).decode(), "p": "abcdef"}) for data in told if data
    )


def stream(raw: bytes, size: int = 1 << 30, model: str = CLAUDE, **settings: Any) -> tuple[StreamDecoder, bytes]:
    decoder = CODEC.stream(target(model, **settings), asked(stream=True))
    out = b"".join(decoder.feed(raw[start : start + size]) for start in range(0, len(raw), size))
    return decoder, out + decoder.close()


@pytest.mark.parametrize(("streamed", "operation"), [(False, "InvokeModel"), (True, "InvokeModelWithResponseStream")])
def test_where_claude_is_asked(streamed: bool, operation: str) -> None:
    url = CODEC.url(target(), asked(stream=streamed))
    assert url.partition("amazonaws.com")[2] == judge.url_path(CLAUDE, operation)


def test_the_model_and_the_stream_are_in_the_url_and_the_version_in_the_body() -> None:
    encoded = CODEC.encode(asked(stream=True, top_k=5), target())
    assert json.loads(encoded.body) == {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hello"}],
        "top_k": 5,
    }


def test_a_version_of_the_clients_own_stays() -> None:
    encoded = CODEC.encode(asked(anthropic_version="bedrock-2030-01-01"), target())
    assert json.loads(encoded.body)["anthropic_version"] == "bedrock-2030-01-01"


def test_an_answer_goes_back_as_it_came_and_tells_usage() -> None:
    raw = json.dumps(MESSAGE).encode()
    answer = CODEC.decode(raw, target(), asked())
    assert answer.body == raw
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 7)


@pytest.mark.parametrize("size", SPLIT_SIZES)
@pytest.mark.parametrize("recording", STREAMS)
def test_wrapped_events_come_out_as_anthropic_writes_them(recording: Recording, size: int) -> None:
    assert recording.raw is not None
    decoder, out = stream(wrapped(recording), size)
    plain = passthrough.MessagesStream(target(), asked(stream=True))
    plain.feed(recording.raw)
    assert events(out) == events(recording.raw)
    assert decoder.error is None
    assert decoder.usage == plain.usage
    assert not decoder.owes_usage


@pytest.mark.parametrize("recording", STREAMS)
def test_a_stream_that_ends_too_early_is_told(recording: Recording) -> None:
    raw = wrapped(recording)
    decoder, out = stream(raw[: len(raw) // 2])
    assert decoder.error is not None
    assert events(out)[-1][0] == b"error"


def test_an_exception_inside_the_stream_ends_it_without_the_secret() -> None:
    raw = exception("modelStreamErrorException", {"message": "s3cret-key-123 broke"})
    decoder, out = stream(raw + frame("chunk", {"bytes": ""}), api_key="s3cret-key-123")
    assert decoder.error is not None
    assert (decoder.error.status, decoder.feed(raw), decoder.close()) == (502, b"", b"")
    ((name, told),) = events(out)
    assert (name, told["error"]["message"]) == (b"error", "[redacted] broke")


def test_an_error_of_the_model_ends_it_too() -> None:
    fault = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    chunk = frame("chunk", {"bytes": base64.b64encode(json.dumps(fault).encode()).decode()})
    decoder, out = stream(frame("chunk", {}) + chunk + chunk)
    assert decoder.error is not None
    assert [name for name, _ in events(out)] == [b"error"]


@pytest.mark.parametrize(
    "raw",
    [b"event: ping\n\n", frame("chunk", {"bytes": "no base64!"}), write({":message-type": "event"}, b"{")],
    ids=["another format", "no base64", "no JSON"],
)
def test_a_stream_that_breaks_is_told(raw: bytes) -> None:
    decoder, out = stream(raw)
    assert isinstance(decoder.error, UpstreamError)
    assert events(out)[-1][0] == b"error"


def test_other_models_do_not_speak_it() -> None:
    assert CODEC.serves is not None
    assert CODEC.serves(target())
    assert not CODEC.serves(target(NOVA))
