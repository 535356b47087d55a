import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.framing import sse
from adapters.inference.openai.stream import Stream
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import request, target

DONE = b"data: [DONE]\n\n"
CONTENT = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
FINISH = b'data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
NULL_LAST = CONTENT.replace(b"}\n", b',"usage":null}\n')
USAGE = b'data: {"id":"1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
COUNTS = b'{"prompt_tokens":3, "completion_tokens":2}'
FINISH_WITH_NULL = (
    b'data: {"id":"1","object":"chat.completion.chunk","x":1.0,"choices":[{"delta":{},"finish_reason":"stop"}],'
    b'"usage":null}\n\n'
)
FINISH_WITH_USAGE = FINISH_WITH_NULL.replace(b"null", COUNTS)
OWED_USAGE = b'data: {"id":"1","object":"chat.completion.chunk","choices":[],"usage":' + COUNTS + b"}\n\n"
ERROR = b'data: {"error":{"message":"m","type":"server_error","code":"c","param":null}}\n\n'


def decoder(*, wants_usage: bool = False, **settings: Any) -> Stream:
    options = {"stream_options": {"include_usage": True}} if wants_usage else {}
    return Stream(target(**settings), request(stream=True, **options))


def shown(stream: bytes, *, size: int = 1 << 30, wants_usage: bool = False, **settings: Any) -> bytes:
    made = decoder(wants_usage=wants_usage, **settings)
    fed = b"".join(made.feed(stream[start : start + size]) for start in range(0, len(stream), size))
    return fed + made.close()


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 30])
@pytest.mark.parametrize(
    "stream",
    [
        CONTENT + CONTENT + DONE,
        CONTENT.replace(b"data: ", b"data:") + b"data:[DONE]\n\n",
        CONTENT.replace(b"\n", b"\r\n") + b"data: [DONE]\r\n\r\n",
        b"\xef\xbb\xbf" + CONTENT + DONE,
        b": keep-alive\n\n" + CONTENT + b":\n\nid: 4\nretry: 10\n" + DONE,
        b'data: {"id":"1",\ndata: "choices":[]}\n\n' + DONE,
        b"event: message\n" + CONTENT + DONE,
        CONTENT.replace(b'"a"', b'"an error, \\"usage\\":null} and [DONE]"') + DONE,
        b'data: {"choices":[],"prompt_filter_results":[{"error":null}]}\n\n' + DONE,
        b'data: {"choices":[],"error":null}\n\n' + DONE,
        b"data: not json but it says error\n\n" + DONE,
        b"\n\n" + CONTENT + b"\n" + DONE,
        b": an error in a comment\n\n" + DONE,
    ],
)
def test_frames_go_on_byte_for_byte(stream: bytes, size: int) -> None:
    assert shown(stream, size=size) == stream


def test_each_frame_leaves_with_its_last_byte() -> None:
    made = decoder()
    assert made.feed(CONTENT[:-1]) == b""
    assert made.feed(CONTENT[-1:]) == CONTENT


@pytest.mark.parametrize(
    "null",
    [
        (b"}\n", b',"usage":null}\n'),
        (b"}]}", b'}],"usage":null,"obfuscation":"Xy"}'),
        (b'"id"', b'"usage":null,"id"'),
        (b"}]}", b'}], "usage": null}'),
        (b"}]}", b'}],"usage":null,"service_tier":"default"}'),
    ],
)
def test_a_null_that_came_with_the_question_for_usage_is_taken_out(null: tuple[bytes, bytes]) -> None:
    chunk = CONTENT.replace(*null)
    expected = json.loads(CONTENT[6:]) | {k: v for k, v in json.loads(chunk[6:]).items() if k != "usage"}
    [frame] = sse.split(decoder().feed(chunk))
    assert json.loads(sse.parse(frame).data or b"") == expected


def test_a_null_inside_another_object_stays() -> None:
    chunk = b'data: {"choices":[{"delta":{"x":1,"usage":null}}],"timing":{"a":1,"usage":null}}\n\n'
    assert decoder().feed(chunk) == chunk


@pytest.mark.parametrize("settings", [{"stream_usage": "sent"}, {"stream_usage": "never"}, {"wants_usage": True}])
def test_a_null_that_the_gateway_did_not_cause_stays(settings: dict[str, Any]) -> None:
    assert decoder(**settings).feed(NULL_LAST) == NULL_LAST


def test_the_usage_chunk_is_hidden_from_a_client_that_did_not_ask() -> None:
    made = decoder()
    assert made.feed(NULL_LAST + USAGE + DONE) == CONTENT + DONE
    assert made.usage == Usage(3, 2)


@pytest.mark.parametrize("choices", [b'"choices":null', b'"object":"chunk"'])
def test_a_usage_chunk_may_lack_its_empty_choices(choices: bytes) -> None:
    made = decoder()
    assert made.feed(USAGE.replace(b'"choices":[]', choices)) == b""
    assert made.usage == Usage(3, 2)


def test_a_client_that_asked_gets_the_usage_chunk_as_it_came() -> None:
    made = decoder(wants_usage=True)
    assert made.feed(NULL_LAST + USAGE + DONE) == NULL_LAST + USAGE + DONE
    assert made.usage == Usage(3, 2)


@pytest.mark.parametrize("stream_usage", ["ask", "sent"])
def test_usage_beside_a_choice_passes_to_a_client_that_did_not_ask(stream_usage: str) -> None:
    made = decoder(stream_usage=stream_usage)
    assert made.feed(FINISH_WITH_USAGE + DONE) == FINISH_WITH_USAGE + DONE
    assert made.usage == Usage(3, 2)


@pytest.mark.parametrize("stream_usage", ["ask", "sent"])
@pytest.mark.parametrize("end", [DONE, b""])
def test_usage_beside_a_choice_comes_as_a_chunk_of_its_own_to_a_client_that_asked(
    stream_usage: str, end: bytes
) -> None:
    stream = CONTENT + FINISH_WITH_USAGE + end
    expected = CONTENT + FINISH_WITH_NULL + OWED_USAGE + DONE
    assert shown(stream, wants_usage=True, stream_usage=stream_usage) == expected


def test_usage_that_is_told_twice_is_shown_once() -> None:
    stream = FINISH_WITH_USAGE + USAGE + DONE
    assert shown(stream, wants_usage=True) == FINISH_WITH_NULL + USAGE + DONE


def test_usage_that_grows_from_chunk_to_chunk_is_shown_once_and_last() -> None:
    made = decoder(wants_usage=True, stream_usage="sent")
    first = FINISH_WITH_USAGE.replace(b":2}", b":null}")
    assert made.feed(first) == FINISH_WITH_NULL
    assert made.usage == Usage(3, 0)
    assert made.feed(FINISH_WITH_USAGE) == FINISH_WITH_NULL
    assert made.usage == Usage(3, 2)
    assert made.close() == OWED_USAGE + DONE


GROQ = b'data: {"id":"1","choices":[{"index":0,"delta":{}}],"x_groq":{"id":"r","usage":{"prompt_tokens":3}}}\n\n'


def test_usage_is_read_where_groq_tells_it() -> None:
    made = decoder()
    assert made.feed(GROQ + DONE) == GROQ + DONE
    assert made.usage == Usage(3)


def test_usage_is_read_where_groq_tells_it_beside_a_null() -> None:
    made = decoder(stream_usage="sent")
    made.feed(GROQ.replace(b'"x_groq"', b'"usage":null,"x_groq"'))
    assert made.usage == Usage(3)


def test_usage_that_groq_tells_comes_as_a_chunk_of_its_own_to_a_client_that_asked() -> None:
    usage = b'data: {"id":"1","choices":[],"usage":{"prompt_tokens":3}}\n\n'
    assert shown(GROQ + DONE, wants_usage=True, stream_usage="sent") == GROQ + usage + DONE


@pytest.mark.parametrize(
    "odd", [b'"x_groq":7', b'"x_groq":{"usage":null}', b'"x_groq":null', b'"usage":7', b'"usage":{}']
)
def test_odd_usage_is_no_usage(odd: bytes) -> None:
    made = decoder(stream_usage="sent")
    frame = CONTENT.replace(b'"id":"1"', odd + b', "error": null')
    assert made.feed(frame) == frame
    assert made.usage is None


@pytest.mark.parametrize("stream_usage", ["ask", "never"])
def test_usage_that_the_provider_never_tells_is_given_as_the_gateway_counted_it(stream_usage: str) -> None:
    stream = decoder(wants_usage=True, stream_usage=stream_usage)
    chunk = b'data: {"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
    assert stream.feed(chunk + DONE) == chunk
    assert stream.owes_usage
    counted, done = sse.split(stream.close(Usage(prompt_tokens=3, completion_tokens=1, estimated=True)))
    assert json.loads(sse.parse(counted).data or b"") == {
        "id": "c1",
        "model": "m",
        "choices": [],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }
    assert done == DONE
    assert stream.close() == b""


def test_usage_is_not_owed_to_a_client_that_did_not_ask() -> None:
    stream = decoder()
    stream.feed(b'data: {"choices":[]}\n\n')
    assert not stream.owes_usage


def test_counted_usage_needs_no_chunk_before_it() -> None:
    stream = decoder(wants_usage=True)
    assert stream.feed(DONE) == b""
    assert b'"total_tokens":4' in stream.close(Usage(prompt_tokens=3, completion_tokens=1))


def test_a_last_chunk_without_usage_does_not_unmake_what_was_told() -> None:
    made = decoder(stream_usage="sent")
    made.feed(FINISH_WITH_USAGE + FINISH_WITH_USAGE.replace(COUNTS, b"{}"))
    assert made.usage == Usage(3, 2)


@pytest.mark.parametrize("end", [b"", DONE, DONE[:-1], DONE[:-2], b"data:[DONE]", DONE + DONE, DONE + CONTENT])
@pytest.mark.parametrize("size", [1, 1 << 30])
def test_a_stream_ends_with_one_done(end: bytes, size: int) -> None:
    out = shown(FINISH + end, size=size)
    assert out.startswith(FINISH)
    assert [sse.parse(frame).data for frame in sse.split(out)][1:] == [b"[DONE]"]


def test_nothing_follows_the_end() -> None:
    made = decoder()
    made.feed(CONTENT + DONE)
    assert made.feed(CONTENT) == b""
    assert made.close() == b""


AFTER_THE_FINISH = (USAGE, b": ping\n\n" * 3, b'data: {"id":"1","choices":[]}\n\n')
UNFINISHED = {
    "nothing": b"",
    "a comment": b": keep-alive\n\n",
    "content": CONTENT,
    "a null for a reason": FINISH.replace(b'"stop"', b"null"),
    "an empty reason": FINISH.replace(b'"stop"', b'""'),
    "a reason in a text": CONTENT.replace(b'"a"', b'"\\"finish_reason\\":\\"stop\\""'),
    "usage": CONTENT + USAGE,
}


@pytest.mark.parametrize("size", [1, 7, 1 << 30])
@pytest.mark.parametrize("after", AFTER_THE_FINISH)
@pytest.mark.parametrize("finish", [FINISH, FINISH.replace(b'"finish_reason":', b'"finish_reason" : ')])
def test_a_stream_without_done_is_whole_once_it_told_why_it_ends(finish: bytes, after: bytes, size: int) -> None:
    assert shown(CONTENT + finish + after, size=size, stream_usage="sent") == CONTENT + finish + after + DONE


@pytest.mark.parametrize("size", [1, 7, 1 << 30])
@pytest.mark.parametrize("stream", UNFINISHED.values(), ids=UNFINISHED.keys())
def test_a_stream_with_neither_done_nor_a_finish_reason_is_broken(stream: bytes, size: int) -> None:
    made = decoder(stream_usage="sent")
    out = b"".join(made.feed(stream[start : start + size]) for start in range(0, len(stream), size))
    assert out == stream
    assert made.error is None
    told = json.loads(sse.parse(made.close()).data or b"")["error"]
    assert (told["code"], told["type"]) == ("stream_incomplete", "upstream_error")
    assert made.error is not None
    assert made.error.retryable


def test_an_incomplete_stream_owes_nothing_more() -> None:
    made = decoder(wants_usage=True, stream_usage="sent")
    made.feed(CONTENT)
    assert made.owes_usage
    assert b"usage" not in made.close(Usage(3, 1))
    assert (made.owes_usage, made.close()) == (False, b"")


@pytest.mark.parametrize("cut", [FINISH[:-1], FINISH[:-2], FINISH[:-2] + b"\r\n\r"])
def test_a_last_frame_that_lacks_its_end_is_completed(cut: bytes) -> None:
    assert shown(CONTENT + cut) == CONTENT + FINISH + DONE


@pytest.mark.parametrize("rest", [b": keep", b"\r\n: a\r\n"])
def test_a_comment_that_was_cut_is_left_out(rest: bytes) -> None:
    assert shown(FINISH + rest) == FINISH + DONE


@pytest.mark.parametrize("rest", [CONTENT[:-5], b"data: ", b"da", b"event: x", b'{"id":"1"}', b"data: 7"])
def test_a_stream_cut_inside_a_frame_is_an_error(rest: bytes) -> None:
    made = decoder()
    assert made.feed(CONTENT + rest) == CONTENT
    out = made.close()
    assert made.error is not None
    assert (made.error.status, made.error.retryable) == (502, True)
    assert json.loads(sse.parse(out).data or b"")["error"]["message"] == made.error.message


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 30])
@pytest.mark.parametrize(
    ("frame", "status", "message"),
    [
        (ERROR, 502, "m"),
        (b"event: error\n" + ERROR, 502, "m"),
        (b'data: {"error":{"message":"m","type":"invalid_request_error","status_code":400}}\n\n', 400, "m"),
        (b'data: {"id":"1","choices":[{"finish_reason":"error"}],"error":{"code":429,"message":"m"}}\n\n', 429, "m"),
        (b'data:{"error":"m","error_type":"overloaded"}\r\n\r\n', 429, "m"),
        (b'data: {"error":["m","n"]}\n\n', 502, "m; n"),
        (b'data: {"object":"error","message":"m","code":400}\n\n', 400, "m"),
        (b'event: error\ndata: {"message":"m"}\n\n', 502, "m"),
        (b"event: error\ndata: m\n\n", 502, "m"),
        (b'data: {"error":\ndata: {"message":"m","type":"t"}}\n\n', 502, "m"),
    ],
)
def test_an_error_inside_a_stream_ends_it_in_openais_shape(frame: bytes, status: int, message: str, size: int) -> None:
    made = decoder()
    stream = CONTENT + frame + CONTENT + DONE
    out = b"".join(made.feed(stream[start : start + size]) for start in range(0, len(stream), size))
    assert made.close() == b""
    assert made.error is not None
    assert made.error.status == status
    kept, last = sse.split(out)
    assert kept == CONTENT
    assert sse.parse(last).name == b""
    assert json.loads(sse.parse(last).data or b"")["error"]["message"] == message


def test_an_error_without_a_frames_end_is_still_told() -> None:
    made = decoder()
    assert made.feed(ERROR[:-1]) == b""
    assert made.close() == ERROR
    assert made.error is not None


def test_an_error_inside_a_stream_does_not_repeat_the_key() -> None:
    made = decoder(api_key="sk-12345678")
    assert b"sk-12345678" not in made.feed(ERROR.replace(b'"m"', b'"bad key sk-12345678"'))


def test_a_frame_that_never_ends_is_an_error() -> None:
    made = decoder()
    for _ in range(8):
        assert made.feed(b"data: " + b"x" * 1_048_576) == b""
    out = made.feed(b"x")
    assert made.error is not None
    assert json.loads(sse.parse(out).data or b"")["error"]["code"] == "upstream_error"
    assert made.feed(b"\n\n" + DONE) == b""


members: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["id", "model", "x", "usage", "x_groq", "timings"]),
    st.sampled_from([None, 1, "error", "[DONE]", {"usage": None}, {"a": [{}], "usage": None}, {"prompt_tokens": 1}]),
)
chunks = st.builds(lambda rest, choices: rest | {"choices": choices}, members, st.sampled_from([[], [{"delta": {}}]]))
separators = st.sampled_from([(",", ":"), (", ", ": ")])
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


frames = chunks.map(lambda chunk: b"data: " + json.dumps(chunk, separators=(",", ":")).encode()) | st.sampled_from(
    [DONE[:-2], ERROR[:-2], b": comment", b"event: x", b"", b"data: {"]
)


def framed(chunk: dict[str, Any], separators: tuple[str, str], end: bytes) -> bytes:
    return b"data: " + json.dumps(chunk, separators=separators).encode() + end + end


@given(
    st.lists(st.tuples(frames, st.lists(ends, max_size=4)), max_size=6),
    st.booleans(),
    st.sampled_from(["ask", "sent", "never"]),
)
def test_any_stream_is_shown_the_same_at_every_split(
    told: list[tuple[bytes, list[bytes]]], wants_usage: bool, stream_usage: str
) -> None:
    stream = b"".join(frame + b"".join(line_ends) for frame, line_ends in told)
    whole = shown(stream, wants_usage=wants_usage, stream_usage=stream_usage)
    for size in (1, 7, 64):
        assert shown(stream, size=size, wants_usage=wants_usage, stream_usage=stream_usage) == whole


@given(st.lists(chunks, max_size=6), separators, ends)
def test_a_client_that_did_not_ask_sees_everything_but_what_the_question_brought(
    told: list[dict[str, Any]], separators: tuple[str, str], end: bytes
) -> None:
    stream = b"".join(framed(chunk, separators, end) for chunk in told) + DONE
    frames = sse.split(shown(stream))
    expected = [
        {name: value for name, value in chunk.items() if name != "usage" or value is not None}
        for chunk in told
        if chunk.get("usage") is None or chunk["choices"]
    ]
    assert [json.loads(sse.parse(frame).data or b"") for frame in frames[:-1]] == expected
    assert frames[-1] == DONE


@given(st.lists(chunks, max_size=6), separators, ends)
def test_a_stream_that_was_not_asked_for_usage_goes_on_byte_for_byte(
    told: list[dict[str, Any]], separators: tuple[str, str], end: bytes
) -> None:
    stream = b"".join(framed(chunk, separators, end) for chunk in told) + DONE
    assert shown(stream, stream_usage="sent") == stream


def test_line_ends_of_another_kind_before_a_null_hide_nothing() -> None:
    usage = b'{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}'
    stream = decoder()
    stream.feed(b'data: {"choices":[],"usage":' + usage + b'}\r\rdata: {"choices":[{}],"usage":null}\n\n')
    assert stream.usage == Usage(3, 4)
    stream = decoder()
    left = stream.feed(b'data: [DONE]\r\rdata: {"choices":[{}],"usage":null}\n\ndata: {"more":1}\n\n')
    assert b"more" not in left
