import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from adapters.framing import sse
from adapters.wire.chunks import ChunkWriter
from adapters.wire.errors import UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import request, target

ASKED = {"stream": True, "stream_options": {"include_usage": True}}


def writer(**fields: Any) -> ChunkWriter:
    chunks = ChunkWriter(target(api_key="sk-a-long-secret"), request(**fields))
    chunks.begin("id-1", created=7)
    return chunks


def read(stream: bytes) -> list[dict[str, Any]]:
    """The chunks of a stream, each of them one that OpenAI's own SDK reads."""
    frames = [frame.removeprefix(b"data: ") for frame in stream.split(b"\n\n") if frame]
    told = [json.loads(frame) for frame in frames if frame != b"[DONE]"]
    for chunk in told:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    return told


def deltas(stream: bytes) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in read(stream)]


def test_the_first_chunk_of_a_choice_has_the_role_and_comes_once() -> None:
    chunks = writer()
    assert deltas(chunks.text("a") + chunks.text("b")) == [
        {"role": "assistant", "content": ""},
        {"content": "a"},
        {"content": "b"},
    ]


@given(
    st.lists(st.tuples(st.text(), st.integers(0, 2)), min_size=1),
    st.sampled_from([{}, {"logprobs": {"content": []}}, {"finish_reason": "stop"}]),
    st.sampled_from([{}, ASKED]),
)
def test_a_chunk_is_written_as_if_it_were_encoded_whole(
    said: list[tuple[str, int]], further: dict[str, Any], asked: dict[str, Any]
) -> None:
    chunks = writer(**asked)
    head = {"id": "id-1", "object": "chat.completion.chunk", "created": 7, "model": "upstream-model"}
    for text, index in said:
        choice = {"index": index, "delta": {"content": text}, "logprobs": None, "finish_reason": None} | further
        whole = head | {"choices": [choice]} | ({"usage": None} if asked else {})
        written = chunks.delta({"content": text}, index, **further)
        assert written.endswith(sse.write(msgspec.json.encode(whole)))


def test_every_choice_has_a_first_chunk_of_its_own() -> None:
    chunks = writer()
    told = read(chunks.text("a") + chunks.text("b", index=1))
    assert [(chunk["choices"][0]["index"], chunk["choices"][0]["delta"].get("role")) for chunk in told] == [
        (0, "assistant"),
        (0, None),
        (1, "assistant"),
        (1, None),
    ]


def test_chunks_say_whose_they_are() -> None:
    (first, *_) = read(writer().text("a"))
    assert (first["id"], first["created"], first["model"]) == ("id-1", 7, "upstream-model")


def test_the_first_word_on_whose_chunks_they_are_counts() -> None:
    chunks = writer()
    chunks.begin("id-2", "another")
    assert read(chunks.text("a"))[0]["id"] == "id-1"


def test_further_members_stand_in_every_chunk() -> None:
    chunks = ChunkWriter(target(), request())
    chunks.further["service_tier"] = "flex"
    chunks.begin("id-1")
    assert [chunk["service_tier"] for chunk in read(chunks.text("a"))] == ["flex", "flex"]


def test_tool_calls_are_numbered_and_their_arguments_follow() -> None:
    chunks = writer()
    stream = (
        chunks.tool_call("a", "f")
        + chunks.arguments('{"x"')
        + chunks.arguments(":1}")
        + chunks.tool_call("b", "g", "{}")
    )
    calls = [delta["tool_calls"][0] for delta in deltas(stream)[1:]]
    assert calls == [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"x"'}},
        {"index": 0, "function": {"arguments": ":1}"}},
        {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_empty_pieces_are_not_sent() -> None:
    chunks = writer()
    chunks.tool_call("a", "f")
    assert chunks.text("") + chunks.reasoning("") + chunks.arguments("") == b""


def test_thoughts_and_their_details_have_fields_of_their_own() -> None:
    chunks = writer()
    details = [{"type": "reasoning.encrypted", "data": "x"}]
    assert deltas(chunks.reasoning("hm") + chunks.reasoning_details(details))[1:] == [
        {"reasoning_content": "hm"},
        {"reasoning_details": details},
    ]


def test_the_end_of_a_choice_tells_why() -> None:
    assert read(writer().finish("length"))[-1]["choices"][0] == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "length",
    }


def test_usage_is_told_in_a_last_chunk_where_it_was_asked_for() -> None:
    chunks = writer(**ASKED)
    told = read(chunks.text("a") + chunks.end(Usage(3, 4, cached_tokens=1)))
    assert [chunk["usage"] for chunk in told[:-1]] == [None, None]
    assert told[-1]["choices"] == []
    assert told[-1]["usage"]["total_tokens"] == 7
    assert told[-1]["usage"]["prompt_tokens_details"] == {"cached_tokens": 1}


@pytest.mark.parametrize(("fields", "usage"), [({"stream": True}, Usage(3, 4)), (ASKED, None)])
def test_usage_is_not_told_where_nobody_asked_or_nobody_knows(fields: dict[str, Any], usage: Usage | None) -> None:
    assert writer(**fields).end(usage) == b"data: [DONE]\n\n"


def test_an_error_inside_a_stream_hides_the_providers_secret() -> None:
    frame = writer().fail(UpstreamError("bad key sk-a-long-secret"))
    assert json.loads(frame.removeprefix(b"data: "))["error"]["message"] == "bad key [redacted]"
