"""ConverseStream: what each event becomes, and how streams end, as they should or not."""

import json
from typing import Any

import pytest

from adapters.framing.event_stream import write
from adapters.inference.bedrock.stream import Stream
from adapters.wire.usage import Usage
from tests.adapters.inference.bedrock import judge
from tests.adapters.inference.bedrock.asking import (
    CLAUDE,
    FORMAT,
    NOVA,
    TOOL,
    body,
    decode,
    exception,
    frame,
    frames,
    target,
)
from tests.adapters.inference.folding import DONE, chunks, fold, plain

Block = dict[str, Any]

HI: list[Block] = [{"deltas": [{"text": "Hel"}, {"text": "lo"}]}]
THINK: Block = {
    "deltas": [
        {"reasoningContent": {"text": "Hm"}},
        {"reasoningContent": {"text": "."}},
        {"reasoningContent": {"signature": "c2ln"}},
    ]
}
REDACTED: Block = {"deltas": [{"reasoningContent": {"redactedContent": "ZW5j"}}]}
CALL: Block = {
    "start": {"toolUse": {"toolUseId": "tooluse_1", "name": "look"}},
    "deltas": [{"toolUse": {"input": '{"at":'}}, {"toolUse": {"input": '"x"}'}}],
}
EMPTY_CALL: Block = {"start": {"toolUse": {"toolUseId": "tooluse_2", "name": "look"}}, "deltas": []}
SERVED: Block = {
    "start": {"toolUse": {"toolUseId": "srv", "name": "nova_code_interpreter", "type": "server_tool_use"}},
    "deltas": [],
}
SERVED_RESULT: Block = {
    "start": {"toolResult": {"toolUseId": "srv", "status": "success"}},
    "deltas": [{"toolResult": [{"text": "2"}]}],
}
PICTURE: Block = {
    "start": {"image": {"format": "webp"}},
    "deltas": [{"image": {"source": {"bytes": "YQ"}}}, {"image": {"source": {"bytes": "=="}}}],
}
CITED: Block = {
    "deltas": [
        {"citation": {"title": "a"}},
        {"text": "true"},
        {"citation": {"location": {"web": {"url": "https://example.com"}}, "title": "b"}},
    ]
}
ANSWER: Block = {
    "start": {"toolUse": {"toolUseId": "tooluse_3", "name": "answer_in_json"}},
    "deltas": [{"toolUse": {"input": '{"city":'}}, {"toolUse": {"input": '"Rome"}'}}],
}


def streamed(raw: bytes, model: str = CLAUDE, **fields: Any) -> tuple[Stream, bytes]:
    decoder = Stream(target(model), body(stream=True, **fields))
    return decoder, decoder.feed(raw) + decoder.close()


def without_metadata(raw: bytes) -> bytes:
    """A stream whose last event did not come."""
    return b"".join(frame(name, event) for name, event in judge.events(raw)[:-1])


def failed(raw: bytes, **fields: Any) -> dict[str, Any]:
    """The error that ends a stream."""
    decoder, out = streamed(raw, **fields)
    assert decoder.error is not None
    assert decoder.feed(frames(HI)) == b""
    assert decoder.close() == b""
    error: dict[str, Any] = chunks(out)[-1]["error"]
    return error


@pytest.mark.parametrize(
    ("model", "blocks", "stop", "fields"),
    [
        (CLAUDE, HI, "end_turn", {}),
        (CLAUDE, [THINK, REDACTED, *HI, CALL], "tool_use", {}),
        (CLAUDE, [CALL, THINK, EMPTY_CALL], "tool_use", {}),
        (NOVA, [SERVED, SERVED_RESULT, CALL], "tool_use", {}),
        (NOVA, [*HI, PICTURE, PICTURE], "end_turn", {}),
        (CLAUDE, [*HI, CITED, CITED], "end_turn", {}),
        (NOVA, [*HI, ANSWER], "tool_use", {"response_format": FORMAT}),
        (NOVA, [ANSWER, *HI, ANSWER], "tool_use", {"response_format": FORMAT}),
        (NOVA, [ANSWER | {"deltas": []}], "tool_use", {"response_format": {"type": "json_object"}}),
        (NOVA, [*HI, CALL], "tool_use", {"response_format": FORMAT, "tools": [TOOL]}),
        (NOVA, [{"deltas": [{"text": '{"city"'}, {"text": ':"Rome"}'}]}], "end_turn", {"response_format": FORMAT}),
        (CLAUDE, [{"deltas": [{"text": '{"city":"Rome"}'}]}], "end_turn", {"response_format": FORMAT}),
    ],
    ids=[
        "text",
        "thoughts and a call",
        "calls with thoughts between",
        "run by the service",
        "pictures",
        "sources",
        "answer by the tool",
        "more than the answer",
        "an empty answer",
        "another tool",
        "answer in spite of the tool",
        "native answer",
    ],
)
def test_streams_say_what_a_unary_answer_would(
    model: str, blocks: list[dict[str, Any]], stop: str, fields: dict[str, Any]
) -> None:
    raw = frames(blocks, stop)
    _, out = streamed(raw, model, **fields)
    unary = plain(json.loads(decode(json.dumps(judge.whole(judge.events(raw))).encode(), model, **fields).body))
    told = fold(out)
    for each in (told, unary):
        each["created"] = None
        message = each["choices"][0]["message"]
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
        for annotation in message.get("annotations", ()):
            annotation.update({name: annotation.get(name) for name in ("url_citation", "document_citation")})
        if "response_format" in fields and message.get("content", "").startswith("{"):
            message["content"] = json.loads(message["content"])
    assert told == unary


def test_usage_comes_last_where_the_client_asked() -> None:
    decoder, out = streamed(frames(HI), stream_options={"include_usage": True})
    assert chunks(out)[-1]["usage"]["total_tokens"] == 12
    assert decoder.usage == Usage(5, 7)
    assert not decoder.owes_usage


def test_usage_that_was_not_told_is_owed_and_taken_from_who_counted() -> None:
    raw = without_metadata(frames(HI))
    decoder = Stream(target(), body(stream=True, stream_options={"include_usage": True}))
    out = decoder.feed(raw)
    assert decoder.owes_usage
    out += decoder.close(Usage(1, 2, estimated=True))
    assert chunks(out)[-1]["usage"]["completion_tokens"] == 2
    assert chunks(out)[-2]["choices"][0]["finish_reason"] == "stop"


def test_tier_and_trace_come_with_the_last_chunk_of_the_choice() -> None:
    trace = {"guardrail": {"modelOutput": ["x"]}}
    with_usage: dict[str, Any] = {"stream_options": {"include_usage": True}}
    for options in ({}, with_usage):
        _, out = streamed(frames(HI, "guardrail_intervened", trace=trace, serviceTier={"type": "flex"}), **options)
        last = next(chunk for chunk in chunks(out) if chunk["choices"] and chunk["choices"][0]["finish_reason"])
        assert (last["choices"][0]["finish_reason"], last["bedrock"]) == ("content_filter", {"trace": trace})
        assert last["service_tier"] == "flex"


def test_events_and_pieces_that_nobody_knows_are_ignored() -> None:
    unknown = [{"deltas": [{"hologram": 1}, {"text": "Hi"}, {"image": {}}]}, {"start": {"hologram": {}}}]
    _, out = streamed(frame("hologram", {"x": 1}) + frames(unknown))
    assert fold(out)["choices"][0]["message"]["content"] == "Hi"


def test_a_call_without_arguments_gives_an_empty_object() -> None:
    _, out = streamed(frames([EMPTY_CALL], "tool_use"))
    assert fold(out)["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_arguments_that_belong_to_no_call_are_ignored() -> None:
    _, out = streamed(frames([{"deltas": [{"toolUse": {"input": "{}"}}]}, *HI]))
    assert fold(out)["choices"][0]["message"]["content"] == "Hello"


def test_usage_that_comes_before_the_end_is_not_the_end() -> None:
    early = frame("metadata", {"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}})
    decoder, out = streamed(early + frames(HI))
    assert fold(out)["choices"][0]["message"]["content"] == "Hello"
    assert decoder.usage == Usage(5, 7)


def test_what_follows_the_end_is_not_read() -> None:
    _, out = streamed(frames(HI) + frames(HI))
    assert fold(out)["choices"][0]["message"]["content"] == "Hello"
    assert out.count(DONE) == 1


def test_an_exception_inside_the_stream_ends_it() -> None:
    begun = frame("messageStart", {"role": "assistant"}) + frame(
        "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hel"}}
    )
    raw = begun + exception("throttlingException", {"message": "Too many requests"}) + frames(HI)
    error = failed(raw)
    assert (error["type"], error["code"], error["message"]) == (
        "rate_limit_error",
        "rate_limit_exceeded",
        "Too many requests",
    )


def test_an_error_of_the_framing_ends_it() -> None:
    raw = write({":message-type": "error", ":error-code": "InternalFailure", ":error-message": "Broke"}, b"")
    assert failed(raw)["message"] == "Broke"


def test_a_secret_is_not_told() -> None:
    decoder = Stream(target(api_key="s3cret-key-123"), body(stream=True))
    out = decoder.feed(exception("validationException", {"message": "The key s3cret-key-123 is wrong"}))
    assert b"s3cret" not in out


@pytest.mark.parametrize(
    "raw",
    [
        b"data: this is no event stream\n\n",
        frame("contentBlockDelta", {"delta": {"text": 5}}),
        frames(HI)[:150],
        b"",
    ],
    ids=["another format", "an event that can't be read", "cut", "nothing"],
)
def test_a_stream_that_breaks_is_told(raw: bytes) -> None:
    assert failed(raw)["type"] == "upstream_error"


def test_an_answer_that_does_not_fit_is_told_at_its_end() -> None:
    raw = frames([{"deltas": [{"text": '{"city":5}'}]}])
    assert failed(raw, response_format=FORMAT)["code"] == "invalid_structured_output"


def test_an_answer_that_does_not_fit_is_told_even_where_no_usage_came() -> None:
    raw = frames([{"deltas": [{"text": '{"city":5}'}]}])
    assert failed(without_metadata(raw), response_format=FORMAT)["code"] == "invalid_structured_output"
