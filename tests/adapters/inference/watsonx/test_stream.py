import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.framing import sse
from adapters.inference.contract import StreamDecoder
from adapters.inference.watsonx import ADAPTER
from adapters.wire.usage import Usage
from tests.adapters.inference.folding import DONE, chunks, fold, plain
from tests.adapters.inference.targets import request
from tests.adapters.inference.watsonx.service import OPENING, SECRET, USAGE, event, piece, stream_of, target, whole
from tests.recordings import SPLIT_SIZES, Recording, params

CHAT = ADAPTER.codecs["chat"]
FORM = {"type": "json_object"}
LOGPROBS = {"content": [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}]}
END = [piece("stop", content=""), USAGE]


def called(index: int | None, name: str, arguments: str, **more: Any) -> dict[str, Any]:
    place = {} if index is None else {"index": index}
    return {**place, **more, "type": "function", "function": {"name": name, "arguments": arguments}}


# Two of the streams with tools were seen in tests of IBM's Java SDK: Granite gives ids, Llama 4 none.
STREAMS = {
    "text": [OPENING, piece(content="C"), piece(content="iao"), *END],
    "thinking": [OPENING, piece(reasoning_content="Hm"), piece(reasoning_content="."), piece(content="Hi"), *END],
    "refusal": [OPENING, piece(refusal="No"), piece(refusal="."), *END],
    "tools with ids": [
        OPENING,
        piece(tool_calls=[called(0, "sum", "", id="chatcmpl-tool-a")]),
        piece(tool_calls=[called(0, "", '{"first": 2, "second": 2}')]),
        piece(tool_calls=[called(1, "subtraction", "", id="chatcmpl-tool-b")]),
        piece("tool_calls", tool_calls=[called(1, "", '{"first": 2}')]),
        USAGE,
    ],
    "tools without ids": [
        OPENING,
        piece(tool_calls=[called(0, "sum", '{"')]),
        piece(tool_calls=[called(0, "", "first")]),
        piece(tool_calls=[called(0, "", '": 2}')]),
        piece("tool_calls", tool_calls=[called(0, "", "")]),
        USAGE,
    ],
    "a tool without its place": [
        OPENING,
        piece(tool_calls=[called(None, "sum", "", id="a")]),
        piece(tool_calls=[called(None, "", "{}")]),
        piece("tool_calls"),
        USAGE,
    ],
    "pieces of two calls by turns": [
        OPENING,
        piece(tool_calls=[called(0, "sum", "{", id="a"), called(1, "sum", "{", id="b")]),
        piece(tool_calls=[called(0, "", '"a":1}'), called(1, "", '"b":2}')]),
        piece("tool_calls"),
        USAGE,
    ],
    "tools that end in stop": [OPENING, piece(tool_calls=[called(0, "sum", "{}", id="a")]), *END],
    "tools without a reason to finish": [OPENING, piece(tool_calls=[called(0, "sum", "{}", id="a")]), USAGE],
    "two answers": [
        OPENING,
        piece(content="A", index=0),
        piece(content="B", index=1),
        piece("stop", index=1, content=""),
        piece("length", index=0, content=""),
        USAGE,
    ],
    "log probabilities": [
        OPENING,
        event([{"index": 0, "delta": {"content": "Hi"}, "logprobs": LOGPROBS}]),
        event([{"index": 0, "delta": {"content": ""}, "logprobs": LOGPROBS}]),
        *END,
    ],
    "out of time": [OPENING, piece(content="C"), piece("time_limit", content=""), USAGE],
}


def decoder(**asked: Any) -> StreamDecoder:
    return CHAT.stream(target(), request(**{"stream": True, "stream_options": {"include_usage": True}, **asked}))


def decoded(stream: bytes, size: int = 1 << 30, **asked: Any) -> bytes:
    reader = decoder(**asked)
    shown = b"".join(reader.feed(stream[start : start + size]) for start in range(0, len(stream), size))
    return shown + reader.close()


def unary(events: list[dict[str, Any]]) -> dict[str, Any]:
    return plain(json.loads(CHAT.decode(json.dumps(whole(events)).encode(), target(), request()).body))


@pytest.mark.parametrize("size", SPLIT_SIZES)
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_amounts_to_the_whole_answer(name: str, size: int) -> None:
    assert fold(decoded(stream_of(STREAMS[name]), size)) == unary(STREAMS[name])


@given(st.sampled_from(sorted(STREAMS)), st.integers(1, 400), st.sampled_from([b"\n", b"\r\n"]))
def test_streams_are_the_same_at_any_split_and_with_any_line_ends(name: str, size: int, end: bytes) -> None:
    stream = stream_of(STREAMS[name]).replace(b"\n", end)
    assert fold(decoded(stream, size)) == unary(STREAMS[name])


def recorded() -> list[Any]:
    return params(providers=["watsonx"], operations=["chat"], streamed=True)


@pytest.mark.parametrize("size", SPLIT_SIZES)
@pytest.mark.parametrize("recording", recorded())
def test_recorded_streams_amount_to_the_whole_answer(recording: Recording, size: int) -> None:
    # They were recorded above OpenAI's SDK, so how they are framed is put back by hand.
    events = list(recording.events)
    reader = decoder(response_format=recording.request.get("response_format"))
    stream = stream_of(events)
    shown = b"".join(reader.feed(stream[start : start + size]) for start in range(0, len(stream), size))
    folded = fold(shown + reader.close())
    assert folded == unary(events)
    told = [choice for event in events for choice in event["choices"]]
    said = folded["choices"][0]["message"]
    assert said.get("content", "") == "".join(choice["delta"]["content"] or "" for choice in told)
    assert folded["choices"][0]["finish_reason"] == told[-1]["finish_reason"]
    assert reader.usage == Usage(events[-1]["usage"]["prompt_tokens"], events[-1]["usage"]["completion_tokens"])


def test_pieces_come_out_one_by_one() -> None:
    reader = decoder()
    reader.feed(stream_of(STREAMS["text"][:1]))
    *_, last = chunks(reader.feed(stream_of(STREAMS["text"][1:2])))
    assert last["choices"][0]["delta"] == {"content": "C"}


def test_ids_that_the_service_leaves_out_are_the_same_in_a_whole_answer() -> None:
    (call,) = fold(decoded(stream_of(STREAMS["tools without ids"])))["choices"][0]["message"]["tool_calls"]
    assert call["id"] == "call_5d8c_0_0"


def test_usage_comes_last_where_it_was_asked_for() -> None:
    reader = decoder()
    reader.feed(stream_of(STREAMS["text"]))
    assert (reader.usage, reader.owes_usage) == (Usage(38, 3), False)
    (last,) = chunks(reader.close())
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 41)


def test_without_being_asked_nothing_is_said_of_usage() -> None:
    shown = decoded(stream_of(STREAMS["text"]), stream_options=None)
    assert b"usage" not in shown
    assert shown.endswith(DONE)


def test_usage_that_the_service_left_out_is_owed_and_counted() -> None:
    reader = decoder()
    reader.feed(stream_of([OPENING, piece("stop", content="Hi")]))
    assert reader.owes_usage
    (last,) = chunks(reader.close(Usage(3, 4)))
    assert last["usage"]["total_tokens"] == 7


def test_usage_beside_a_piece_ends_nothing() -> None:
    usage = {"usage": {"completion_tokens": 1, "prompt_tokens": 2}}
    events = [OPENING, {**piece(content="C"), **usage}, piece(content="iao"), *END]
    assert fold(decoded(stream_of(events)))["choices"][0]["message"]["content"] == "Ciao"


@pytest.mark.parametrize(
    ("data", "status", "message", "code"),
    [
        (
            '{"errors":[{"code":"model_no_support","message":"No SECRET"}],"status_code":400}',
            400,
            "No [redacted]",
            "model_no_support",
        ),
        ('{"errors":[{"code":"downstream","message":"Broken"}]}', 502, "Broken", "downstream"),
        ("out of order", 502, "out of order", "upstream_error"),
    ],
)
def test_an_error_event_ends_the_stream(data: str, status: int, message: str, code: str) -> None:
    reader = decoder()
    frame = f"id: 3\nevent: error\ndata: {data.replace('SECRET', SECRET)}\n\n".encode()
    shown = reader.feed(stream_of([OPENING, piece(content="C")]) + frame + stream_of([piece(content="iao")]))
    told = chunks(shown)[-1]["error"]
    assert (told["message"], told["code"]) == (message, code)
    assert reader.error is not None
    assert reader.error.status == status
    assert not reader.owes_usage
    assert reader.feed(stream_of([piece(content="more")])) == b""
    assert reader.close() == b""


def test_an_answer_that_failed_is_an_error() -> None:
    shown = decoder().feed(stream_of([OPENING, piece("error", content="C")]))
    assert "in the middle" in chunks(shown)[-1]["error"]["message"]


@pytest.mark.parametrize("events", [[], [OPENING], [OPENING, piece(content="C")]])
def test_a_stream_that_ends_before_the_answer_is_an_error(events: list[dict[str, Any]]) -> None:
    reader = decoder()
    shown = reader.feed(stream_of(events)) + reader.close()
    assert "ended before" in chunks(shown)[-1]["error"]["message"]
    assert DONE not in shown


def test_a_last_event_need_not_end() -> None:
    assert fold(decoded(stream_of(STREAMS["text"]).rstrip())) == unary(STREAMS["text"])


def test_comments_names_alone_and_done_say_nothing() -> None:
    noise = b": ping\n\nevent: close\n\ndata: [DONE]\n\n"
    assert fold(decoded(noise + stream_of(STREAMS["text"]) + noise)) == unary(STREAMS["text"])


@pytest.mark.parametrize("bad", [b"data: <html>\n\n", b'data: {"choices":1}\n\n'])
def test_an_event_that_can_not_be_read_is_an_error(bad: bytes) -> None:
    assert "can't be read" in chunks(decoder().feed(bad))[-1]["error"]["message"]


def test_an_event_without_an_end_is_bounded() -> None:
    reader = decoder()
    reader.feed(b"data: " + b"x" * sse.FRAME_MAX)
    assert "too large" in chunks(reader.feed(b"x"))[-1]["error"]["message"]


def test_what_follows_the_end_of_an_answer_is_left_out() -> None:
    events = [*STREAMS["text"][:-1], piece(content="more"), USAGE]
    assert fold(decoded(stream_of(events)))["choices"][0]["message"]["content"] == "Ciao"


def test_a_form_that_was_asked_for_is_checked_in_the_end() -> None:
    good = [OPENING, piece(content='{"a"'), piece(content=":1}"), *END]
    assert fold(decoded(stream_of(good), response_format=FORM))["choices"][0]["finish_reason"] == "stop"
    shown = decoder(response_format=FORM).feed(stream_of([OPENING, piece(content="[1"), *END]))
    assert chunks(shown)[-1]["error"]["code"] == "invalid_structured_output"
