"""What answers say, in both formats; and when a stream has begun."""

import pytest

from adapters.wire.errors import UpstreamError
from gateway.sent import has_begun, read, read_body, tell_what_was_sent, without_last_frame
from tests.upstream import frame


def chunk(**delta: object) -> bytes:
    return frame({"id": "a", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


def event(**data: object) -> bytes:
    return b"event: x\n" + frame(data)


@pytest.mark.parametrize(
    "frames",
    [
        chunk(content="a"),
        chunk(role="assistant", content="") + chunk(content="a"),
        chunk(reasoning_content="a"),
        chunk(refusal="a"),
        chunk(tool_calls=[{"index": 0, "function": {"name": "f"}}]),
        frame({"choices": [{"index": 0, "text": "a"}]}),
        frame({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        frame("[DONE]"),
        b"data: no JSON\n\n",
        event(type="content_block_delta", delta={"type": "text_delta", "text": "a"}),
        event(type="content_block_delta", delta={"type": "thinking_delta", "thinking": "a"}),
        event(type="content_block_start", content_block={"type": "tool_use", "name": "f"}),
        event(type="message_delta", delta={"stop_reason": "end_turn"}),
    ],
)
def test_content_begins_a_stream(frames: bytes) -> None:
    assert has_begun(frames)


@pytest.mark.parametrize(
    "frames",
    [
        b": waiting\n\n",
        chunk(role="assistant", content=""),
        chunk(role="assistant", content=None, refusal=None),
        frame({"choices": [], "prompt_filter_results": [{}]}),
        frame({"error": {"message": "a"}}),
        event(type="message_start", message={"content": []}),
        event(type="content_block_start", content_block={"type": "text", "text": ""}),
        event(type="ping"),
    ],
)
def test_what_says_nothing_does_not(frames: bytes) -> None:
    assert not has_begun(frames)


def test_a_text_about_content_is_no_content() -> None:
    assert not has_begun(frame({"choices": [], "note": '"content":"a'}))


def test_the_text_and_its_size_are_read_from_both_formats() -> None:
    said = read(chunk(reasoning_content="hm") + chunk(content="Hel") + chunk(content="lo"))
    assert (said.text, said.characters, said.tokens, said.has_calls) == ("Hello", 7, 2, False)
    said = read(event(type="content_block_delta", delta={"type": "text_delta", "text": "Hello"}))
    assert (said.text, said.characters) == ("Hello", 5)


def test_a_body_says_how_it_ended() -> None:
    body = b'{"choices":[{"message":{"content":"a"},"finish_reason":"length"}]}'
    assert (read_body(body).text, read_body(body).finish) == ("a", "length")
    body = b'{"type":"message","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn"}'
    assert (read_body(body).text, read_body(body).finish) == ("a", "end_turn")


def test_the_frame_of_an_error_is_taken_off() -> None:
    assert without_last_frame(chunk(content="a") + b"data: 1\ndata: 2\n\n") == chunk(content="a")
    assert without_last_frame(frame("x")) == b""


def test_an_error_says_what_was_sent() -> None:
    error = UpstreamError("Broken.", raw=b'{"error":{}}')
    tell_what_was_sent(error, [chunk(content="Hello")])
    assert b'"sent":{"characters":5,"tokens":2,"estimated":true}' in error.body()
