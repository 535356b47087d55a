"""Chat streams as Messages clients get them."""

import json
from typing import Any

import pytest
from anthropic.types import RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from adapters.framing import sse
from adapters.messages.thoughts import read
from adapters.wire.errors import GatewayError
from adapters.wire.usage import Usage
from tests.adapters.inference.anthropic.sdk import fold
from tests.adapters.inference.targets import target
from tests.adapters.messages.asking import END, PLAIN, answer, chunk, completion, request, streamed
from tests.recordings import SPLIT_SIZES, Recording, params

_EVENT = TypeAdapter(RawMessageStreamEvent)
_BEGIN = chunk({"role": "assistant", "content": ""})


def events_of(stream: bytes) -> list[Any]:
    """The data of a stream's events."""
    return [json.loads(sse.parse(frame).data or b"") for frame in sse.split(stream)]


def events(*frames: bytes, **fields: Any) -> list[Any]:
    """The events of a stream, every one checked by the SDK's types."""
    told = events_of(streamed(*frames, **fields))
    for event in told:
        if event["type"] not in ("ping", "error"):
            _EVENT.validate_python(event, strict=True)
    return told


def message(*frames: bytes, **fields: Any) -> Any:
    """What a stream amounts to."""
    return fold(events(*frames, **fields))


def piece(index: int | None, arguments: str | None = None, **first: Any) -> bytes:
    """A piece of a tool call."""
    function = {"arguments": arguments} | ({"name": first.pop("name")} if "name" in first else {})
    call = {"function": function, **first} | ({} if index is None else {"index": index})
    return chunk({"tool_calls": [call]})


def test_the_order_of_events() -> None:
    told = events(
        _BEGIN,
        chunk({"reasoning_content": "Hm"}),
        chunk({"content": "I "}),
        chunk({"content": "look."}),
        piece(0, "", id="c1", name="f"),
        piece(0, '{"a":'),
        piece(0, "1}"),
        chunk({}, "tool_calls"),
        END,
    )
    assert [(event["type"], event.get("index")) for event in told] == [
        ("message_start", None),
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_delta", 1),
        ("content_block_delta", 1),
        ("content_block_stop", 1),
        ("content_block_start", 2),
        ("content_block_delta", 2),
        ("content_block_delta", 2),
        ("content_block_stop", 2),
        ("message_delta", None),
        ("message_stop", None),
    ]


def test_each_event_is_named_for_its_type() -> None:
    lines = streamed(_BEGIN, chunk({"content": "a"}, "stop"), END).decode().splitlines()
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert names == [json.loads(line[6:])["type"] for line in lines if line.startswith("data: ")]


def test_it_begins_with_the_first_chunk() -> None:
    decoder = PLAIN.stream(target(), request(stream=True))
    assert decoder.feed(_BEGIN).startswith(b"event: message_start\n")


def test_it_ends_with_the_last_frame_and_not_later() -> None:
    decoder = PLAIN.stream(target(), request(stream=True))
    assert decoder.feed(_BEGIN + chunk({"content": "a"}, "stop") + END).endswith(b'{"type":"message_stop"}\n\n')
    assert decoder.feed(_BEGIN) == decoder.close() == b""


def test_usage_and_the_reason_come_last() -> None:
    told = events(_BEGIN, chunk({"content": "a"}, "length"), END, size=64)
    assert told[0]["message"]["usage"]["output_tokens"] == 0
    assert told[-2]["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert (told[-2]["usage"]["input_tokens"], told[-2]["usage"]["output_tokens"]) == (10, 5)


def test_the_tier_is_told_where_it_is_known() -> None:
    tiered = chunk({"content": "a"}, "stop").replace(b'"id"', b'"service_tier": "default", "id"')
    assert message(_BEGIN, tiered, END)["usage"]["input_tokens"] == 10


def test_usage_that_the_provider_owes_is_what_was_counted() -> None:
    decoder = PLAIN.stream(target(), request(stream=True))
    shown = decoder.feed(_BEGIN + chunk({"content": "a"}, "stop") + b"data: [DONE]\n\n")
    assert decoder.owes_usage
    assert b"message_stop" not in shown
    told = fold(events_of(shown + decoder.close(Usage(7, 3))))
    assert (told["usage"]["input_tokens"], told["usage"]["output_tokens"]) == (7, 3)
    assert told["stop_reason"] == "end_turn"


def test_a_stream_without_its_last_frame_ends_all_the_same() -> None:
    assert message(_BEGIN, chunk({"content": "a"}, "stop"))["stop_reason"] == "end_turn"


def test_what_ends_before_it_begins_is_nothing() -> None:
    assert streamed(b": hello\n\n", b"data: [DONE]\n\n") == b""


def test_first_chunks_without_an_answer_begin_nothing() -> None:
    empty = b'data: {"id":"","model":"","choices":[],"prompt_filter_results":[]}\n\n'
    told = message(empty, _BEGIN, chunk({"content": "a"}, "stop"), END)
    assert told["id"] == "c1"


def test_other_answers_are_left_out() -> None:
    told = message(_BEGIN, chunk({"content": "b"}, index=1), chunk({"content": "a"}, "stop"), END)
    assert told["content"] == [{"type": "text", "text": "a"}]


def test_chunks_that_cant_be_read_break_nothing() -> None:
    odd = (b'data: {"choices":3}\n\n', b'data: {"choices":[{"index":0,"finish_reason":null}]}\n\n')
    assert message(_BEGIN, *odd, chunk({"content": "a"}, "stop"), END)["content"] == [{"type": "text", "text": "a"}]


def test_comments_become_pings_once_it_has_begun() -> None:
    told = events(b": early\n\n", _BEGIN, b": still here\n\n", chunk({"content": "a"}, "stop"), END)
    assert [event["type"] for event in told][:3] == ["message_start", "ping", "content_block_start"]


def test_an_error_is_the_last_event() -> None:
    fault = b'data: {"error":{"message":"full","type":"server_error","code":503}}\n\n'
    told = events(_BEGIN, chunk({"content": "a"}), fault, chunk({"content": "b"}))
    assert [event["type"] for event in told][-2:] == ["content_block_delta", "error"]
    assert told[-1]["error"]["type"] == "overloaded_error"


def test_an_error_is_set_for_the_gateway() -> None:
    decoder = PLAIN.stream(target(), request(stream=True))
    decoder.feed(b'data: {"error":{"message":"full","type":"server_error"}}\n\n')
    assert isinstance(decoder.error, GatewayError)
    assert not decoder.owes_usage
    assert decoder.close() == b""


def test_an_error_at_the_end() -> None:
    assert events_of(streamed(_BEGIN, b'data: {"choi'))[-1]["type"] == "error"


def test_a_refusal() -> None:
    told = message(_BEGIN, chunk({"refusal": "I "}), chunk({"refusal": "can't."}, "stop"), END)
    assert told["content"] == [{"type": "text", "text": "I can't."}]
    assert told["stop_reason"] == "refusal"
    assert told["stop_details"]["explanation"] == "I can't."


def test_sources_are_citations_of_the_text() -> None:
    note = {"type": "url_citation", "url_citation": {"url": "https://a.test", "title": "t"}}
    told = events(_BEGIN, chunk({"annotations": [note]}), chunk({"content": "a"}), chunk({"annotations": [note]}), END)
    (cited,) = (event["delta"] for event in told if event.get("delta", {}).get("type") == "citations_delta")
    assert cited["citation"]["url"] == "https://a.test"


# Tools


def test_parallel_calls() -> None:
    told = message(
        _BEGIN,
        piece(0, "", id="c1", name="f"),
        piece(0, '{"a":1}'),
        piece(1, '{"b":', id="c2", name="g"),
        piece(1, "2}"),
        chunk({}, "tool_calls"),
        END,
    )
    assert [(block["id"], block["name"], block["input"]) for block in told["content"]] == [
        ("c1", "f", {"a": 1}),
        ("c2", "g", {"b": 2}),
    ]
    assert told["stop_reason"] == "tool_use"


def test_calls_whose_pieces_are_mixed() -> None:
    told = message(
        _BEGIN,
        piece(0, '{"a":', id="c1", name="f"),
        piece(1, '{"b":', id="c2", name="g"),
        piece(0, "1}"),
        piece(1, "2}"),
        END,
    )
    assert [block["input"] for block in told["content"]] == [{"a": 1}, {"b": 2}]


def test_calls_that_never_become_whole_come_all_the_same() -> None:
    told = events(_BEGIN, piece(0, '{"a":', id="c1", name="f"), piece(1, '{"b":2}', id="c2", name="g"), END)
    names = [event["content_block"]["name"] for event in told if event["type"] == "content_block_start"]
    assert names == ["f", "g"]
    assert told[-1]["type"] == "message_stop"


def test_a_call_without_arguments_before_another() -> None:
    told = message(_BEGIN, piece(0, "", id="c1", name="f"), piece(1, "{}", id="c2", name="g"), END)
    assert [(block["id"], block["input"]) for block in told["content"]] == [("c1", {}), ("c2", {})]


def test_calls_without_an_index() -> None:
    told = message(
        _BEGIN,
        piece(None, '{"a":', id="c1", name="f"),
        piece(None, "1}"),
        piece(None, '{"b":2}', id="c2", name="g"),
        chunk({"tool_calls": [{"id": "c3", "function": {"name": "h", "arguments": {"c": 3}}}]}),
        END,
    )
    assert [block["input"] for block in told["content"]] == [{"a": 1}, {"b": 2}, {"c": 3}]


def test_a_call_without_arguments_or_id() -> None:
    (block,) = message(_BEGIN, piece(0, None, name="f"), chunk({"tool_calls": [{"index": 0}]}), END)["content"]
    assert block["input"] == {}
    assert block["id"]


def test_a_piece_of_no_call_breaks_nothing() -> None:
    (block,) = message(_BEGIN, chunk({"tool_calls": [{"function": {"arguments": "{}"}}]}), END)["content"]
    assert block["name"] == ""


# Thoughts


def thought_in(block: Any) -> Any:
    thought = read(block.get("signature") or block.get("data"))
    assert thought is not None
    return thought


def test_a_thought_in_clear() -> None:
    told = message(_BEGIN, chunk({"reasoning": "H"}), chunk({"reasoning": "m"}), chunk({"content": "a"}), END)
    assert told["content"][0]["thinking"] == "Hm"
    assert thought_in(told["content"][0]).member == "reasoning"


def test_a_thought_that_is_told_twice_is_shown_once() -> None:
    def both(text: str, **further: Any) -> bytes:
        return chunk({"reasoning": text, "reasoning_details": [{"type": "reasoning.text", "text": text, **further}]})

    told = message(_BEGIN, both("H", index=0), both("m", index=0, signature="s"), chunk({"content": "a"}), END)
    assert told["content"][0]["thinking"] == "Hm"
    assert thought_in(told["content"][0]).detail == {"type": "reasoning.text", "index": 0, "signature": "s"}


def test_a_thought_that_only_details_tell() -> None:
    detail = {"type": "reasoning.summary", "summary": "Hm", "index": 0}
    told = message(_BEGIN, chunk({"reasoning_details": [detail]}), chunk({"content": "a"}), END)
    assert told["content"][0]["thinking"] == "Hm"


def test_thoughts_that_follow_each_other() -> None:
    def signed(signature: str, index: int) -> bytes:
        return chunk({"reasoning_details": [{"type": "reasoning.text", "signature": signature, "index": index}]})

    told = message(
        _BEGIN,
        chunk({"reasoning_content": "one"}),
        signed("s1", 0),
        chunk({"reasoning_content": "two"}),
        signed("s2", 1),
        signed("s3", 2),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "sealed"}]}),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "more"}]}),
        END,
    )
    blocks = told["content"]
    assert [block.get("thinking") for block in blocks] == ["one", "two", "", None, None]
    assert [thought_in(block).detail.get("signature") for block in blocks[:3]] == ["s1", "s2", "s3"]
    assert [thought_in(block).detail["data"] for block in blocks[3:]] == ["sealed", "more"]


def test_thoughts_among_the_parts_of_a_content() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}, {"type": "text", "text": ""}]}
    told = message(_BEGIN, chunk({"content": [thinking]}), chunk({"content": "a"}), END)
    assert [block["type"] for block in told["content"]] == ["thinking", "text"]


def test_thoughts_are_hidden_where_the_client_wants_it() -> None:
    told = message(
        _BEGIN,
        chunk({"reasoning_content": "Hm"}),
        chunk({"content": "a"}),
        END,
        thinking={"type": "adaptive", "display": "omitted"},
    )
    assert told["content"][0]["thinking"] == ""
    assert thought_in(told["content"][0]).text == "Hm"


# Streams say what whole answers say


def test_stop_sequences_that_were_met() -> None:
    told = message(_BEGIN, chunk({"content": "a"}, "stop", stop_reason="END"), END, stop_sequences=["END"])
    assert (told["stop_reason"], told["stop_sequence"]) == ("stop_sequence", "END")


_DELTAS = st.lists(
    st.one_of(
        st.builds(lambda text: {"content": text}, st.text()),
        st.builds(lambda text: {"reasoning_content": text}, st.text()),
        st.builds(lambda text: {"refusal": text}, st.text()),
        st.builds(
            lambda index, text: {
                "tool_calls": [{"index": index, "id": f"c{index}", "function": {"name": "f", "arguments": text}}]
            },
            st.integers(0, 3),
            st.sampled_from(["{}", '{"a":"ü"}']),
        ),
    )
)


@given(_DELTAS, st.integers(1, 200))
def test_events_are_right_in_themselves_however_the_bytes_are_cut(deltas: list[Any], size: int) -> None:
    for place, delta in enumerate(deltas):
        for call in delta.get("tool_calls", ()):
            call["index"] = place
    frames = [_BEGIN, *map(chunk, deltas), chunk({}, "stop"), END]
    whole = streamed(*frames)
    open_block = None
    begun = 0
    for event in events_of(whole)[1:-2]:
        match event["type"]:
            case "content_block_start":
                assert open_block is None
                assert event["index"] == begun
                open_block, begun = event["index"], begun + 1
            case "content_block_stop":
                assert event["index"] == open_block
                open_block = None
    assert open_block is None
    said = fold(events_of(streamed(*frames, size=size)))
    told = fold(events_of(whole))
    for block in (*said["content"], *told["content"]):
        block.pop("signature", None)
    assert said == told


def joined(recording: Recording) -> bytes:
    """The completion that a recorded stream amounts to."""
    said: dict[str, Any] = {}
    calls: dict[int, Any] = {}
    finish = None
    for line in (recording.raw or b"").decode().splitlines():
        if not line.startswith("data: {"):
            continue
        for choice in json.loads(line[6:]).get("choices") or ():
            if choice["index"]:
                continue
            finish = choice.get("finish_reason") or finish
            for name, value in (choice.get("delta") or {}).items():
                if isinstance(value, str):
                    said[name] = said.get(name, "") + value
            for piece in (choice.get("delta") or {}).get("tool_calls") or ():
                call = calls.setdefault(
                    piece["index"], {"id": piece.get("id"), "function": {"name": "", "arguments": ""}}
                )
                for member, text in piece["function"].items():
                    call["function"][member] += text or ""
    return completion(said | {"role": "assistant", "tool_calls": list(calls.values())}, finish)


_SPEAKERS = (
    "openai",
    "azure",
    "deepseek",
    "groq",
    "fireworks",
    "moonshotai",
    "zai",
    "vllm",
    "llamacpp",
    "gpustack",
    "crusoe",
)


@pytest.mark.parametrize("recording", params(providers=_SPEAKERS, operations=("chat",), streamed=True))
def test_recorded_streams_say_what_whole_answers_say(recording: Recording) -> None:
    if recording.raw is None or b'"choices"' not in recording.raw or b'"error"' in recording.raw:
        pytest.skip("its framing was not kept, or it is an error")
    expected = json.loads(PLAIN.decode(joined(recording), target(), request()).body)
    for size in SPLIT_SIZES:
        told = fold(events_of(streamed(recording.raw, size=size, counted=Usage())))
        for block in (*told["content"], *expected["content"]):
            block.pop("signature", None)
        assert told["content"] == expected["content"]
        assert told["stop_reason"] == expected["stop_reason"]


_CUSTOM_TOOL = "openai/chat-tool-gpt-5-686bb"  # tools that are no functions are not asked for through this format


@pytest.mark.parametrize("recording", params(providers=_SPEAKERS, operations=("chat",), skip=(_CUSTOM_TOOL,)))
def test_recorded_answers_are_answered(recording: Recording) -> None:
    if "choices" not in (recording.answer or {}):
        pytest.skip("not OpenAI's format")
    body = json.loads(PLAIN.decode(recording.body, target(), request()).body)
    said = recording.answer["choices"][0].get("message", {})
    text = "".join(block["text"] for block in body["content"] if block["type"] == "text")
    assert text == (said.get("content") or "") + (said.get("refusal") or "")
    assert [
        (block["id"], block["name"], block["input"]) for block in body["content"] if block["type"] == "tool_use"
    ] == [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"] or "{}"))
        for call in said.get("tool_calls") or ()
    ]


def test_the_same_said_whole() -> None:
    assert answer({"content": "a"})["content"] == message(_BEGIN, chunk({"content": "a"}, "stop"), END)["content"]
