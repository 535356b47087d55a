import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.framing import ndjson
from adapters.inference.contract import StreamDecoder
from adapters.inference.ollama import ADAPTER
from adapters.wire.usage import Usage
from tests.adapters.inference.folding import DONE, chunks, fold, plain
from tests.adapters.inference.ollama.service import SECRET, line, stream_of, target, whole
from tests.adapters.inference.targets import request
from tests.recordings import SPLIT_SIZES

CHAT = ADAPTER.codecs["chat"]
CALL = {"id": "call_a", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
OTHER = {"id": "call_b", "function": {"index": 1, "name": "now", "arguments": {}}}
FORM = {"type": "json_object"}
TOKENS = [{"token": "Hi", "logprob": -0.5, "top_logprobs": [{"token": "Yo", "logprob": -2.5}]}]

STREAMS = {
    "text": [line(message={"content": "H"}), line(message={"content": "i"}), line(done=True)],
    "thinking": [line(message={"thinking": "Hm"}), line(message={"thinking": ".", "content": "Hi"}), line(done=True)],
    "tools": [line(message={"content": "So: "}), line(message={"tool_calls": [CALL, OTHER]}), line(done=True)],
    "tools in the last line": [line(message={"thinking": "Hm"}), line(done=True, message={"tool_calls": [CALL]})],
    "length": [line(message={"content": "H"}), line(done=True, done_reason="length")],
    "log probabilities": [line(message={"content": "Hi"}, logprobs=TOKENS), line(logprobs=TOKENS), line(done=True)],
    "nothing": [line(done=True)],
}


def decoder(**asked: Any) -> StreamDecoder:
    asked = {"stream": True, "stream_options": {"include_usage": True}, **asked}
    return CHAT.stream(target(), request(**asked))


def decoded(stream: bytes, size: int = 1 << 30, **asked: Any) -> bytes:
    reader = decoder(**asked)
    shown = b"".join(reader.feed(stream[start : start + size]) for start in range(0, len(stream), size))
    return shown + reader.close()


def unary(lines: list[dict[str, Any]]) -> dict[str, Any]:
    return plain(json.loads(CHAT.decode(json.dumps(whole(lines)).encode(), target(), request()).body))


@pytest.mark.parametrize("size", SPLIT_SIZES)
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_amounts_to_the_whole_answer(name: str, size: int) -> None:
    folded, expected = fold(decoded(stream_of(STREAMS[name]), size)), unary(STREAMS[name])
    for told in (folded, expected):  # spaces in arguments are the service's
        for call in told["choices"][0]["message"].get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    assert folded == expected


PIECES = st.fixed_dictionaries(
    {}, optional={"content": st.text(max_size=5), "thinking": st.text(max_size=5), "tool_calls": st.just([CALL])}
)


@given(st.lists(PIECES, max_size=6), st.integers(1, 50), st.sampled_from([b"\n", b"\r\n", b"\n\n"]))
def test_streams_are_the_same_at_any_split_and_with_any_line_ends(
    pieces: list[dict[str, Any]], size: int, end: bytes
) -> None:
    stream = stream_of([*(line(message=piece) for piece in pieces), line(done=True)]).replace(b"\n", end)
    assert fold(decoded(stream, size)) == fold(decoded(stream))


def test_a_last_line_need_not_end() -> None:
    assert fold(decoded(stream_of(STREAMS["text"]).rstrip())) == unary(STREAMS["text"])


def test_lines_come_out_one_by_one() -> None:
    reader = decoder()
    first, *_ = chunks(reader.feed(stream_of(STREAMS["text"][:1])))
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}


def test_usage_comes_last_where_it_was_asked_for() -> None:
    reader = decoder()
    shown = reader.feed(stream_of(STREAMS["text"]))
    assert (reader.usage, reader.owes_usage) == (Usage(11, 7), False)
    (last,) = chunks(reader.close())
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 18)
    assert all(chunk["usage"] is None for chunk in chunks(shown))


def test_without_being_asked_nothing_is_said_of_usage() -> None:
    shown = decoded(stream_of(STREAMS["text"]), stream_options=None)
    assert b"usage" not in shown
    assert shown.endswith(DONE)


def test_usage_that_ollama_left_out_is_owed_and_counted() -> None:
    reader = decoder()
    reader.feed(stream_of([line(done=True, prompt_eval_count=None)]))
    assert reader.owes_usage
    (last,) = chunks(reader.close(Usage(3, 4)))
    assert last["usage"]["total_tokens"] == 7


def test_an_error_in_the_stream_ends_it_without_the_key() -> None:
    reader = decoder()
    shown = reader.feed(stream_of([line(message={"content": "H"}), {"error": f"out of memory {SECRET}"}, line()]))
    assert chunks(shown)[-1]["error"]["message"] == "out of memory [redacted]"
    assert reader.error is not None
    assert not reader.owes_usage
    assert reader.feed(stream_of([line(message={"content": "more"})])) == b""
    assert reader.close() == b""


@pytest.mark.parametrize("cut", [b"", stream_of([line(message={"content": "H"})]), b'{"model":'])
def test_a_stream_that_ends_before_the_answer_is_an_error(cut: bytes) -> None:
    reader = decoder()
    shown = reader.feed(cut) + reader.close()
    assert "error" in chunks(shown)[-1]
    assert reader.error is not None
    assert DONE not in shown


@pytest.mark.parametrize("bad", [b"<html>\n", b'{"message":"x"}\n', b"[1]\n"])
def test_a_line_that_can_not_be_read_is_an_error(bad: bytes) -> None:
    assert "can't be read" in chunks(decoder().feed(bad))[-1]["error"]["message"]


def test_a_line_without_an_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = decoder()
    shown = reader.feed(b"x" * (ndjson.LINE_MAX + 1))
    assert "too large" in chunks(shown)[-1]["error"]["message"]


def test_what_follows_the_end_is_left_out() -> None:
    reader = decoder()
    reader.feed(stream_of([*STREAMS["text"], line(message={"content": "more"})]))
    assert reader.feed(stream_of([line(message={"content": "more"})])) == b""
    assert reader.close().endswith(DONE)


def test_a_form_that_was_asked_for_is_checked_in_the_end() -> None:
    good = stream_of([line(message={"content": '{"a"'}), line(message={"content": ":1}"}), line(done=True)])
    assert fold(decoded(good, response_format=FORM))["choices"][0]["finish_reason"] == "stop"
    reader = decoder(response_format=FORM)
    shown = reader.feed(stream_of([line(message={"content": "[1"}), line(done=True)]))
    assert chunks(shown)[-1]["error"]["code"] == "invalid_structured_output"
    assert reader.error is not None


def test_a_schema_that_is_none_is_told_in_the_end() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nonsense"}}}
    shown = decoder(response_format=form).feed(stream_of([line(message={"content": "{}"}), line(done=True)]))
    assert chunks(shown)[-1]["error"]["code"] == "invalid_schema"
