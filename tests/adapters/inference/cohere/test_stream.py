"""Cohere's streams as OpenAI's chunks."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.framing import sse
from adapters.inference.cohere.schema import Event
from adapters.inference.cohere.stream import ChatStream
from adapters.wire.structured import FORCED_TOOL
from adapters.wire.usage import Usage
from tests.adapters.inference.cohere.asking import (
    CHAT,
    FORMAT,
    KNOWN_EVENTS,
    TOOLS,
    chunks,
    decode,
    folded,
    joined,
    stream,
)
from tests.adapters.inference.targets import request, target

START = {"type": "message-start", "id": "a1", "delta": {"message": {"role": "assistant"}}}
END = {
    "type": "message-end",
    "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 7, "output_tokens": 3}}},
}
SECRET = "secret-0123456789"


def event(kind: str, index: int = 0, **message: Any) -> dict[str, Any]:
    return {"type": kind, "index": index, "delta": {"message": message}}


def block(index: int, kind: str, *pieces: str) -> list[dict[str, Any]]:
    return [
        event("content-start", index, content={"type": kind, kind: ""}),
        *(event("content-delta", index, content={kind: piece}) for piece in pieces),
        {"type": "content-end", "index": index},
    ]


def text(*pieces: str, index: int = 0) -> list[dict[str, Any]]:
    return block(index, "text", *pieces)


def called(*pieces: str, index: int = 0, name: str = "weather", **further: Any) -> list[dict[str, Any]]:
    begun = {"id": f"c{index}", "type": "function", "function": {"name": name, "arguments": ""}, **further}
    return [
        event("tool-call-start", index, tool_calls=begun),
        *(event("tool-call-delta", index, tool_calls={"function": {"arguments": piece}}) for piece in pieces),
        {"type": "tool-call-end", "index": index},
    ]


def cited(**further: Any) -> dict[str, Any]:
    source = {"type": "document", "id": "d", "document": {"text": "x"}}
    return event("citation-start", citations={"start": 0, "end": 2, "text": "He", "sources": [source], **further})


def planned(*pieces: str) -> list[dict[str, Any]]:
    return [event("tool-plan-delta", tool_plan=piece) for piece in pieces]


def ended(reason: str | None, **further: Any) -> dict[str, Any]:
    return {"type": "message-end", "delta": END["delta"] | {"finish_reason": reason} | further}  # type: ignore[operator]


def decoder(**fields: Any) -> ChatStream:
    made = CHAT.stream(target(api_key=SECRET), request(stream=True, stream_options={"include_usage": True}, **fields))
    assert isinstance(made, ChatStream)
    return made


def replay(pieces: Iterable[bytes], made: ChatStream) -> bytes:
    return b"".join([made.feed(piece) for piece in pieces]) + made.close()


def through(*events: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return joined(replay([stream(START, *events)], decoder(**fields)))


def unary(*events: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """What the unary decoder makes of the same content, in the form of `joined`."""
    told = decode(folded([START, *events]), **fields)
    choice = told["choices"][0]
    message = {name: value for name, value in choice["message"].items() if name != "refusal"}
    return {
        "message": {"annotations": []} | message,
        "finish_reason": choice["finish_reason"],
        "usage": told["usage"],
        "logprobs": choice["logprobs"] and choice["logprobs"]["content"],
    }


STREAMS: dict[str, list[dict[str, Any]]] = {
    "text": [*text("He", "", "llo"), END],
    "nothing": [ended("COMPLETE")],
    "thoughts": [*block(0, "thinking", "H", "m."), *text("Hello", index=1), END],
    "several blocks": [*text("Hey. "), *text("Hello", index=1), cited(content_index=1), END],
    "a citation": [*text("He"), cited(), {"type": "citation-end", "index": 0}, END],
    "a citation of a later block": [*block(0, "thinking", "Hm."), *text("He", index=1), cited(), END],
    "a citation of the plan": [*planned("He asks."), cited(type="PLAN"), *called("{}"), ended("TOOL_CALL")],
    "a citation of a thought": [*block(0, "thinking", "He"), cited(type="THINKING_CONTENT"), END],
    "calls": [*planned("I ", "ask."), *called('{"a":', "1}"), *called(index=1), ended("TOOL_CALL")],
    "a call whose arguments begin with it": [
        *called("}", function={"name": "weather", "arguments": "{"}),
        ended("TOOL_CALL"),
    ],
    "calls without ids": [*called("{}", id=None), *called("{}", index=1, id=None), ended("TOOL_CALL")],
    "an answer that was cut": [*text("He"), ended("MAX_TOKENS")],
    "probabilities": [
        *text("")[:1],
        event("content-delta", content={"text": "He"}) | {"logprobs": {"text": "He", "logprobs": [-0.5]}},
        event("content-delta", content={"text": "llo"}) | {"logprobs": {"text": "llo", "logprobs": [-0.25, -0.5]}},
        END,
    ],
}
FORCED: dict[str, list[dict[str, Any]]] = {
    "an answer": [*planned("I answer."), *called('{"age"', ":5}", name=FORCED_TOOL), ended("TOOL_CALL")],
    "a call": [*planned("I ask."), *called("{}"), ended("TOOL_CALL")],
}


@pytest.mark.parametrize("events", STREAMS.values(), ids=STREAMS)
def test_a_stream_says_what_the_whole_answer_says(events: list[dict[str, Any]]) -> None:
    assert through(*events) == unary(*events)


@pytest.mark.parametrize("events", FORCED.values(), ids=FORCED)
def test_a_stream_with_a_form_beside_tools_says_what_the_whole_answer_says(events: list[dict[str, Any]]) -> None:
    asked = {"tools": TOOLS, "response_format": FORMAT}
    assert through(*events, **asked) == unary(*events, **asked)


@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(1, 40), min_size=1))
def test_any_cut_says_the_same(name: str, sizes: list[int]) -> None:
    raw = stream(START, *STREAMS[name])
    pieces, at = [], 0
    for size in [*sizes, len(raw)]:
        pieces.append(raw[at : at + size])
        at += size
    assert joined(replay(pieces, decoder())) == through(*STREAMS[name])


def test_chunks_come_as_they_are_made() -> None:
    made = decoder()
    assert made.feed(stream(START)[:-14]) == b""
    first = chunks(made.feed(stream(*text("He")[:2])[:-14]))
    assert [chunk["choices"][0]["delta"] for chunk in first] == [
        {"role": "assistant", "content": ""},
        {"content": "He"},
    ]
    assert {(chunk["id"], chunk["model"]) for chunk in first} == {("a1", "upstream-model")}


def test_the_end_is_usage_and_done() -> None:
    made = decoder()
    out = made.feed(stream(START, *text("He"), END))
    assert chunks(out)[-1]["choices"][0]["finish_reason"] == "stop"
    assert made.usage == Usage(7, 3)
    assert not made.owes_usage
    last = made.close()
    assert chunks(last)[0]["usage"]["total_tokens"] == 10
    assert last.endswith(b"data: [DONE]\n\n")


def test_usage_that_was_not_told_is_owed_and_written_once_it_is_counted() -> None:
    made = decoder()
    made.feed(stream(START, *text("He"), {"type": "message-end"}))
    assert made.owes_usage
    assert chunks(made.close(Usage(1, 2)))[0]["usage"]["total_tokens"] == 3


def test_usage_is_not_owed_to_who_did_not_ask() -> None:
    made = CHAT.stream(target(), request(stream=True))
    made.feed(stream(START, {"type": "message-end"}))
    assert not made.owes_usage
    assert made.close() == b"data: [DONE]\n\n"


def test_a_stream_that_does_not_say_whose_it_is_gets_an_id() -> None:
    told = chunks(replay([stream(*text("He"), END)], decoder()))
    assert told[0]["id"].startswith("chatcmpl-")
    assert {chunk["id"] for chunk in told} == {told[0]["id"]}


@pytest.mark.parametrize(
    "kind", ["content-start", "content-delta", "tool-plan-delta", "tool-call-delta", "citation-start", "message-start"]
)
@pytest.mark.parametrize("members", [{}, {"delta": None}, {"delta": {}}, {"delta": {"message": {}}}])
def test_events_without_what_they_are_for_say_nothing(kind: str, members: dict[str, Any]) -> None:
    assert through({"type": kind, **members}, *text("He"), END) == through(*text("He"), END)


@pytest.mark.parametrize(
    "members", [{}, {"delta": None}, {"delta": {"message": {"tool_calls": {"function": None, "id": "x"}}}}]
)
def test_a_call_without_what_it_is_for_is_a_call_without_a_name(members: dict[str, Any]) -> None:
    told = through({"type": "tool-call-start", **members}, {"type": "tool-call-end"}, END)
    assert [call["function"] for call in told["message"]["tool_calls"]] == [{"name": "", "arguments": "{}"}]


def test_arguments_of_no_call_say_nothing() -> None:
    assert through(*called("{}")[1:], *text("He"), END) == through(*text("He"), END)


@pytest.mark.parametrize(
    "surprise",
    [
        {"type": "hologram-start", "delta": {}},
        {"type": "debug", "prompt": "p"},
        {"type": "content-end", "index": 0},
        {"type": "content-delta", "index": "x"},
    ],
)
def test_events_that_nobody_knows_are_passed_over(surprise: dict[str, Any]) -> None:
    assert through(surprise, *text("He"), END) == through(*text("He"), END)


def test_comments_are_passed_over() -> None:
    made = decoder()
    assert joined(replay([b": ping\n\n", stream(START, *text("He"), END)], made)) == through(*text("He"), END)


def test_an_object_that_is_no_event_is_passed_over() -> None:
    assert chunks(decoder().feed(b'data: {"a": 1}\n\n')) == []


def test_every_event_that_the_sdk_knows_is_read_or_says_nothing() -> None:
    read = {kind.__struct_config__.tag for kind in Event.__args__}
    assert KNOWN_EVENTS - read == {"debug", "content-end", "citation-end"}


# What goes wrong


def failed(made: ChatStream, out: bytes) -> Any:
    """The error that a stream ends with; nothing follows it."""
    assert made.error is not None
    assert b"[DONE]" not in out
    assert made.feed(stream(*text("more"), END)) == b""
    assert made.close() == b""
    assert not made.owes_usage
    return chunks(out)[-1]["error"]


@pytest.mark.parametrize("end", [b"", b"event: content-delta\ndata: {", b'data: {"type":"content-delta"'])
def test_a_stream_that_breaks_off_is_an_error(end: bytes) -> None:
    made = decoder()
    out = made.feed(stream(START, *text("He"))[:-14] + end)
    last = made.close()
    assert failed(made, out + last)["type"] == "upstream_error"


def test_a_last_event_without_its_blank_line_counts() -> None:
    made = decoder()
    raw = stream(START, *text("He"), END).removesuffix(b"\n\ndata: [DONE]\n\n")
    assert joined(replay([raw], made)) == through(*text("He"), END)


@pytest.mark.parametrize(
    ("end", "code", "message"),
    [
        (ended("ERROR"), "upstream_error", "The provider failed to answer."),
        (ended("ERROR", error=f"broken {SECRET}"), "upstream_error", "broken [redacted]"),
        (ended("COMPLETE", error="broken"), "upstream_error", "broken"),
        (ended("TIMEOUT"), "upstream_timeout", "The model took too long."),
    ],
)
def test_an_answer_that_failed_ends_with_an_error(end: dict[str, Any], code: str, message: str) -> None:
    made = decoder()
    told = failed(made, made.feed(stream(START, *text("He"), end)))
    assert (told["code"], told["message"]) == (code, message)
    assert made.usage == Usage(7, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"id": "x", "message": "too many tokens"}', "too many tokens"),
        (b"<html>", "The provider's stream has an event that is not JSON."),
        (b"\xff", "The provider's stream has an event that is not JSON."),
    ],
)
def test_what_stands_in_the_place_of_events_is_an_error(data: bytes, message: str) -> None:
    made = decoder()
    assert failed(made, made.feed(b"data: " + data + b"\n\n"))["message"] == message


def test_an_event_that_is_too_large_is_an_error() -> None:
    made = decoder()
    half = b"data: " + b"x" * (sse.FRAME_MAX // 2 + 1)
    out = b"".join(made.feed(piece) for piece in (half, half, half))
    assert "too large" in failed(made, out)["message"]


def test_an_answer_that_does_not_fit_the_schema_ends_with_an_error() -> None:
    made = decoder(response_format=FORMAT)
    out = made.feed(stream(START, *text('{"age":', '"old"}'), END))
    assert failed(made, out)["code"] == "invalid_structured_output"


def test_an_answer_that_fits_the_schema_ends_well() -> None:
    told = through(*text('{"age":', "5}"), END, response_format=FORMAT)
    assert (told["message"]["content"], told["finish_reason"]) == ('{"age":5}', "stop")


def test_what_follows_the_end_is_not_read() -> None:
    made = decoder()
    out = made.feed(stream(START, *text("He"), END) + stream(*text("more"), END))
    assert json.dumps("more").encode() not in out
