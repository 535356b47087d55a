"""The service's own operations for clients that speak its format."""

import json
from typing import Any

import pytest

from adapters.framing import sse
from adapters.inference.anthropic import ADAPTER
from adapters.inference.contract import StreamDecoder
from adapters.wire.errors import UnsupportedParameter, UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.anthropic.sdk import events_of, frames
from tests.adapters.inference.anthropic.test_response import SECRET, told
from tests.adapters.inference.anthropic.test_stream import END, START, stop, text
from tests.adapters.inference.targets import request, target

MESSAGES, COUNT = ADAPTER.codecs["messages"], ADAPTER.codecs["count_tokens"]


def decoder() -> StreamDecoder:
    return MESSAGES.stream(target(api_key=SECRET), request(stream=True))


@pytest.mark.parametrize("codec", [MESSAGES, COUNT])
def test_only_the_model_is_replaced(codec: Any) -> None:
    body = request(max_tokens=5, thinking={"type": "adaptive"}, messages=[], brand_new={"a": [1.50]}, stream=False)
    encoded = codec.encode(body, target("claude-opus-5"))
    expected = {name: bytes(value) for name, value in body.fields.items()} | {"model": b'"claude-opus-5"'}
    assert encoded.body == b"{" + b",".join(b'"%s":%s' % (k.encode(), v) for k, v in expected.items()) + b"}"
    assert encoded.dropped == ()


def test_what_an_operator_calls_unsupported_is_left_out_and_named() -> None:
    encoded = MESSAGES.encode(request(temperature=0.5), target(unsupported=["temperature"]))
    assert encoded.dropped == ("temperature=unsupported",)
    with pytest.raises(UnsupportedParameter, match="by the provider 'provider'"):
        MESSAGES.encode(request(top_k=5), target(unsupported=["top_k"], on_unsupported="refuse"))


def test_each_has_a_path_of_its_own() -> None:
    assert MESSAGES.url(target(base_url=None), request()) == "https://api.anthropic.com/v1/messages"
    assert COUNT.url(target(base_url=None), request()) == "https://api.anthropic.com/v1/messages/count_tokens"


@pytest.mark.parametrize("codec", [MESSAGES, COUNT])
def test_an_error_inside_an_answer_is_one(codec: Any) -> None:
    raw = json.dumps({"type": "error", "error": {"type": "api_error", "message": "Oh"}}).encode()
    with pytest.raises(UpstreamError):
        codec.decode(raw, target(), request())


def test_usage_is_read_on_the_way() -> None:
    raw = json.dumps(told()).encode()
    answer = MESSAGES.decode(raw, target(), request())
    assert (answer.body, answer.usage) == (raw, Usage(5, 7))


def test_a_stream_goes_through_and_tells_usage() -> None:
    raw = frames([START, *text(0, "Hi"), stop(), END])
    stream = decoder()
    assert stream.feed(raw) + stream.close() == raw
    assert (stream.usage, stream.error, stream.owes_usage) == (Usage(5, 7), None, False)


def test_frames_go_through_before_the_stream_ends() -> None:
    stream = decoder()
    raw = frames(text(0, "Hi"))
    assert stream.feed(raw) == raw


def test_what_can_not_be_read_goes_through() -> None:
    raw = b": message_stop\n\nevent: message_stop\ndata: spoiled\n\n" + frames([{"type": "error_of_a_new_kind"}])
    stream = decoder()
    assert stream.feed(raw) == raw


@pytest.mark.parametrize("usage", [None, {"output_tokens": "many"}])
def test_usage_that_can_not_be_read_is_none(usage: Any) -> None:
    stream = decoder()
    stream.feed(frames([stop() | {"usage": usage}, END]))
    assert stream.usage is None


def test_an_error_goes_through_without_the_key_and_nothing_follows() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": f"No, {SECRET}"}, "request_id": "r1"}
    stream = decoder()
    shown = stream.feed(frames([START, error, *text(0, "Hi"), END]))
    assert events_of(shown) == [START, error | {"error": {"type": "overloaded_error", "message": "No, [redacted]"}}]
    assert stream.error is not None
    assert stream.error.retryable
    assert stream.feed(frames(text(0, "Hi"))) + stream.close() == b""


def test_nothing_goes_through_after_the_last_event() -> None:
    assert decoder().feed(frames([START, END, *text(0, "Hi")])) == frames([START, END])


def test_a_stream_that_ends_too_early_is_told_as_the_service_would() -> None:
    stream = decoder()
    stream.feed(frames([START, *text(0, "Hi")]))
    assert stream.close().startswith(b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":')
    assert stream.error is not None


def test_a_last_event_without_its_blank_line_is_the_end() -> None:
    stream = decoder()
    raw = frames([START, END])[:-1]
    assert stream.feed(raw) + stream.close() == raw
    assert stream.error is None


def test_an_event_without_end_is_an_error() -> None:
    stream = decoder()
    stream.feed(b"data: {" + b" " * (sse.FRAME_MAX + 1))
    assert b"too large" in stream.feed(b" ")


def test_faults_of_the_gateway_are_told_as_the_service_would() -> None:
    shown = MESSAGES.stream_error(UpstreamError("Too slow", status=504))
    (event,) = events_of(shown)
    assert shown.startswith(b"event: error\n")
    assert (event["type"], event["error"]["type"], event["error"]["message"]) == ("error", "timeout_error", "Too slow")
