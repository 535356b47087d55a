"""Streams as chat completion chunks."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from adapters.framing import sse
from adapters.inference.anthropic import ADAPTER
from adapters.inference.contract import StreamDecoder
from adapters.wire.structured import FORCED_TOOL
from adapters.wire.usage import Usage
from tests.adapters.inference.anthropic.sdk import events_of, frames
from tests.adapters.inference.anthropic.test_response import FORM, SECRET
from tests.adapters.inference.targets import request, target

START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "model": "claude-opus-5",
        "content": [],
        "usage": {"input_tokens": 5, "output_tokens": 1, "service_tier": "standard"},
    },
}
END = {"type": "message_stop"}


def block(index: int, told: dict[str, Any], *deltas: dict[str, Any]) -> list[Any]:
    """The events of one block."""
    return [
        {"type": "content_block_start", "index": index, "content_block": told},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *pieces: str) -> list[Any]:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in pieces))


def call(index: int, *pieces: str, name: str = "add") -> list[Any]:
    told = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
    return block(index, told, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def stop(reason: str | None = "end_turn", **further: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, **further}, "usage": {"output_tokens": 7}}


def decoder(**asked: Any) -> StreamDecoder:
    return ADAPTER.codecs["chat"].stream(target(api_key=SECRET), request(stream=True, **asked))


def shown(*events: Any, **asked: Any) -> tuple[list[Any], StreamDecoder]:
    """The chunks of a stream of these events, and its decoder."""
    stream = decoder(**asked)
    out = stream.feed(frames(events)) + stream.close()
    chunks = events_of(out.removesuffix(b"data: [DONE]\n\n"))
    for chunk in chunks:
        if "error" not in chunk:
            ChatCompletionChunk.model_validate(chunk)
    return chunks, stream


def deltas(*events: Any, **asked: Any) -> list[Any]:
    chunks, _ = shown(START, *events, stop(), END, **asked)
    return [chunk["choices"][0]["delta"] for chunk in chunks]


def fault(*events: Any, **asked: Any) -> Any:
    """The error at the end of a stream."""
    chunks, stream = shown(*events, **asked)
    assert stream.error is not None
    assert not any("error" in chunk for chunk in chunks[:-1])
    return chunks[-1]["error"]


def test_a_text_comes_in_its_pieces() -> None:
    chunks, stream = shown(START, *text(0, "Hel", "", "lo"), stop(), END)
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Hel"},
        {"content": "lo"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert {(chunk["id"], chunk["model"], chunk["service_tier"]) for chunk in chunks} == {
        ("msg_1", "claude-opus-5", "default")
    }
    assert stream.usage == Usage(5, 7)


@pytest.mark.parametrize(
    ("kind", "member", "shown_as"), [("text", "text", "content"), ("thinking", "thinking", "reasoning_content")]
)
def test_a_block_may_begin_with_words(kind: str, member: str, shown_as: str) -> None:
    found = deltas(*block(0, {"type": kind, member: "Hel"}, {"type": f"{kind}_delta", member: "lo"}))
    assert [each[shown_as] for each in found[1:] if shown_as in each] == ["Hel", "lo"]


def test_usage_comes_last_where_the_client_asks() -> None:
    chunks, stream = shown(START, *text(0, "Hi"), stop(), END, stream_options={"include_usage": True})
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 12
    assert not stream.owes_usage


def test_usage_that_the_service_does_not_tell_is_owed_and_told_when_it_was_counted() -> None:
    stream = decoder(stream_options={"include_usage": True})
    started = START | {"message": {"id": "msg_1", "model": "m"}}
    stream.feed(frames([started, *text(0, "Hi"), {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, END]))
    assert stream.owes_usage
    assert b'"prompt_tokens":3' in stream.close(Usage(3, 4))


def test_counts_of_the_end_replace_those_of_the_start() -> None:
    more = {"input_tokens": 9, "cache_read_input_tokens": 2, "output_tokens": 4, "output_tokens_details": None}
    _, stream = shown(START, stop() | {"usage": more}, END)
    assert stream.usage == Usage(11, 4, cached_tokens=2)


def test_a_call_comes_in_its_pieces() -> None:
    found = [each["tool_calls"][0] for each in deltas(*call(0, "", '{"a"', ":1}")) if "tool_calls" in each]
    assert found == [
        {"index": 0, "id": "toolu_0", "type": "function", "function": {"name": "add", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"a"'}},
        {"index": 0, "function": {"arguments": ":1}"}},
    ]


@pytest.mark.parametrize("pieces", [(), ("",)])
def test_a_call_without_arguments_has_an_empty_object(pieces: tuple[str, ...]) -> None:
    assert deltas(*call(0, *pieces))[-2]["tool_calls"] == [{"index": 0, "function": {"arguments": "{}"}}]


def test_calls_are_counted() -> None:
    found = deltas(*text(0, "Hm"), *call(1, "{}"), *call(2, "{}"))
    assert [each["tool_calls"][0]["index"] for each in found if "tool_calls" in each] == [0, 0, 1, 1]


def test_a_thought_comes_in_clear_and_then_with_its_signature() -> None:
    pieces = [{"type": "thinking_delta", "thinking": piece} for piece in ("H", "m")]
    signature = [{"type": "signature_delta", "signature": piece} for piece in ("s", "ig")]
    assert deltas(*block(0, {"type": "thinking", "thinking": "", "signature": ""}, *pieces, *signature))[1:-1] == [
        {"reasoning_content": "H"},
        {"reasoning_content": "m"},
        {
            "reasoning_details": [
                {
                    "type": "reasoning.text",
                    "text": "Hm",
                    "signature": "sig",
                    "format": "anthropic-claude-v1",
                    "index": 0,
                }
            ]
        },
    ]


def test_a_sealed_thought_comes_when_it_ends() -> None:
    (_, told, _) = deltas(*block(0, {"type": "redacted_thinking", "data": "sealed"}))
    assert told["reasoning_details"][0]["data"] == "sealed"


@pytest.mark.parametrize(
    ("pieces", "asked"),
    [(("",), {}), (('{"query"', ':"a"}'), {"query": "a"}), (("{spoiled",), "{spoiled")],
)
def test_what_the_services_own_tools_were_asked_comes_along(pieces: Any, asked: Any) -> None:
    told = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    found = deltas(*block(0, told, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces)))
    assert found[1]["reasoning_details"][0]["block"] == told | {"input": asked}


def test_blocks_of_an_unknown_kind_are_put_together() -> None:
    pieces: list[dict[str, Any]] = [
        {"type": "compaction_delta", "content": "So far", "size": 1},
        {"type": "compaction_delta", "content": "."},
    ]
    found = deltas(*block(0, {"type": "compaction", "content": None}, *pieces))
    assert found[1]["reasoning_details"][0]["block"] == {"type": "compaction", "content": "So far.", "size": 1}


@pytest.mark.parametrize("citations", [[], None])
def test_sources_come_when_their_text_is_whole(citations: Any) -> None:
    cited = block(
        1,
        {"type": "text", "text": "", "citations": citations},
        *(
            {
                "type": "citations_delta",
                "citation": {"type": "web_search_result_location", "url": f"https://{name}.test"},
            }
            for name in ("a", "b")
        ),
        {"type": "text_delta", "text": "it is 2"},
    )
    told = [each["url_citation"] for each in deltas(*text(0, "So: "), *cited)[-2]["annotations"]]
    assert [(each["url"], each["start_index"], each["end_index"]) for each in told] == [
        ("https://a.test", 4, 11),
        ("https://b.test", 4, 11),
    ]


def test_a_refusal_says_why() -> None:
    why = stop("refusal", stop_details={"type": "refusal", "explanation": "Not this"})
    chunks, _ = shown(START, why, END)
    assert chunks[-2]["choices"][0]["delta"] == {"refusal": "Not this"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "content_filter"


def test_where_code_ran_is_told_at_the_end() -> None:
    chunks, _ = shown(START, stop(container={"id": "container_1"}), END)
    assert chunks[-1]["container"]["id"] == "container_1"
    assert "container" not in shown(START, stop(), END)[0][-1]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "ping"},
        {"type": "something_new", "index": 0},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "something_new", "text": "?"}},
        {"type": "content_block_delta", "index": 9, "delta": {"type": "something_new", "text": "?"}},
        {"type": "content_block_delta", "index": 9, "delta": {"type": "text_delta", "text": "?"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "?"}},
        {"type": "content_block_stop", "index": 9},
        {"type": "message_delta", "delta": {"stop_reason": None}, "usage": None},
        START,
    ],
)
def test_events_that_say_nothing_here_break_nothing(event: Any) -> None:
    begun, *rest = text(0, "Hi")
    assert deltas(begun, event, *rest) == deltas(*text(0, "Hi"))


def test_comments_and_line_ends_of_other_kinds_are_read() -> None:
    raw = frames([START, *text(0, "Hi"), stop(), END]).replace(b"\n", b"\r\n")
    stream = decoder()
    out = stream.feed(b": hello\r\n\r\n" + raw) + stream.close()
    assert b'"content":"Hi"' in out
    assert stream.error is None


def test_a_stream_without_a_beginning_gets_one() -> None:
    chunks, _ = shown(*text(0, "Hi"), stop(), END)
    assert chunks[0]["id"].startswith("msg_")
    assert shown(END)[0][-1]["choices"][0]["finish_reason"] == "stop"


def test_an_error_ends_the_stream_and_keeps_the_key_secret() -> None:
    told = {"type": "overloaded_error", "message": f"Overloaded for {SECRET}"}
    error = fault(START, *text(0, "Hi"), {"type": "error", "error": told}, *text(1, "more"), stop(), END)
    assert error["code"] == "overloaded"
    assert SECRET not in error["message"]


def test_nothing_is_shown_after_an_error_or_the_end() -> None:
    stream = decoder()
    stream.feed(frames([START, {"type": "error", "error": {"type": "api_error", "message": "Oh"}}]))
    assert stream.feed(frames(text(0, "Hi"))) == b""
    assert stream.close() == b""
    ended = decoder()
    ended.feed(frames([START, stop(), END]))
    assert ended.feed(frames(text(0, "Hi"))) == b""


@pytest.mark.parametrize("events", [(), (START,), (START, *text(0, "Hi")), (START, *text(0, "Hi"), stop())])
def test_a_stream_that_ends_too_early_is_an_error(events: Any) -> None:
    assert fault(*events)["code"] == "stream_incomplete"


def test_a_last_event_without_its_blank_line_is_read() -> None:
    stream = decoder()
    out = stream.feed(frames([START, stop(), END])[:-2]) + stream.close()
    assert out.endswith(b"data: [DONE]\n\n")


def test_what_is_no_json_is_an_error() -> None:
    stream = decoder()
    assert b'"error"' in stream.feed(frames([START]) + b"data: {spoiled\n\n")
    assert stream.error is not None


def test_an_event_without_end_is_an_error() -> None:
    stream = decoder()
    stream.feed(b"data: {" + b" " * (sse.FRAME_MAX + 1))
    assert b"too large" in stream.feed(b" ")


def test_the_arguments_of_the_tool_that_stands_in_for_a_form_are_the_answer() -> None:
    found = deltas(*call(0, '{"a"', ":1}", name=FORCED_TOOL), response_format=FORM)
    assert "".join(each.get("content", "") for each in found) == '{"a":1}'
    assert not any("tool_calls" in each for each in found)


@pytest.mark.parametrize(("name", "asked"), [(FORCED_TOOL, {}), ("add", {"response_format": FORM})])
def test_other_calls_are_the_clients(name: str, asked: Any) -> None:
    first, second = (each["tool_calls"][0] for each in deltas(*call(0, "{}", name=name), **asked)[1:-1])
    assert (first["function"]["name"], second["function"]["arguments"]) == (name, "{}")


def test_an_answer_that_does_not_fit_its_form_is_an_error() -> None:
    told = fault(START, *text(0, '{"a"', ':"x"}'), stop(), END, response_format=FORM)
    assert told["code"] == "invalid_structured_output"


def test_an_answer_that_was_cut_is_not_judged() -> None:
    _, stream = shown(START, *text(0, '{"a"'), stop("max_tokens"), END, response_format=FORM)
    assert stream.error is None


STORY = [
    START,
    *block(0, {"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": "Hmm ü"}),
    {"type": "ping"},
    *text(1, "Gr", "üße", " 👋"),
    *call(2, '{"a":', "1}"),
    stop("tool_use"),
    END,
]


@given(st.lists(st.integers(1, 200), min_size=1))
def test_a_stream_is_the_same_however_it_is_cut(sizes: list[int]) -> None:
    raw, start, out = frames(STORY), 0, b""
    stream = decoder()
    for size in sizes * (len(raw) // sum(sizes) + 1):
        out += stream.feed(raw[start : start + size])
        start += size
    chunks = events_of((out + stream.close()).removesuffix(b"data: [DONE]\n\n"))
    whole, _ = shown(*STORY)
    assert [chunk["choices"] for chunk in chunks] == [chunk["choices"] for chunk in whole]


@given(st.binary(max_size=300))
def test_whatever_comes_in_the_stream_ends_with_an_error_or_a_reason(noise: bytes) -> None:
    stream = decoder()
    out = stream.feed(frames([START, *text(0, "Hi")]) + noise) + stream.close()
    assert stream.error is not None
    assert json.loads(out.rpartition(b"data: ")[2])["error"]
