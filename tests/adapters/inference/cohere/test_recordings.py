"""What Cohere really sent and was sent, through the dialect."""

import json
from typing import Any

import cohere
import pytest

from adapters.framing import sse
from adapters.inference.cohere import ADAPTER
from adapters.wire.usage import Usage
from config.schema import Operation
from tests.adapters.inference.cohere.asking import KNOWN_EVENTS, chunks, decode, folded, joined, judge
from tests.adapters.inference.targets import request, target
from tests.recordings import SPLIT_SIZES, Recording, params

OTHER_SURFACES = {
    "cohere/chat-no-text-86d24",
    "cohere/chat-stream-text-command-r7b-12-2024-ac208",
}
"""Version 1 of the API, and its OpenAI surface."""

CHATS = params(providers=["cohere"], operations=["chat"], skip=OTHER_SURFACES)
STREAMS = params(providers=["cohere"], operations=["chat"], streamed=True, skip=OTHER_SURFACES)
EMBEDDINGS = params(providers=["cohere"], operations=["embeddings"])
RERANKS = params(providers=["cohere"], operations=["rerank"])
ERRORS = params(providers=["cohere"], operations=["error"])

PLAIN_DIFFERENCES = {"stream": False}
"""Written in every request, as Cohere's SDK does, while some recorded clients leave it out."""


def written(recording: Recording) -> bytes:
    if recording.raw is not None:
        return recording.raw
    frames = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in recording.events]
    return b"".join(frames)


def events(recording: Recording) -> list[Any]:
    data = [sse.parse(frame).data or b"" for frame in sse.split(written(recording))]
    return [json.loads(each) for each in data if each and each != b"[DONE]"]


def replayed(recording: Recording, size: int) -> bytes:
    decoder = ADAPTER.codecs["chat"].stream(target(), request(stream=True, stream_options={"include_usage": True}))
    raw = written(recording)
    out = b"".join(decoder.feed(raw[at : at + size]) for at in range(0, len(raw), size)) + decoder.close()
    assert decoder.error is None
    return out


# Answers


@pytest.mark.parametrize("recording", CHATS)
def test_answers_say_what_cohere_said(recording: Recording) -> None:
    told = cohere.V2ChatResponse.model_validate(recording.answer)
    shown = decode(recording.answer)
    message = shown["choices"][0]["message"]
    blocks = told.message.content or []
    assert (message["content"] or "") == (told.message.tool_plan or "") + "".join(
        block.text for block in blocks if block.type == "text"
    )
    assert message.get("reasoning_content", "") == "".join(
        block.thinking for block in blocks if block.type == "thinking"
    )
    assert [
        (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls", [])
    ] == [
        (call.id, call.function and call.function.name, call.function and call.function.arguments)
        for call in told.message.tool_calls or []
    ]
    assert told.usage is not None
    assert told.usage.tokens is not None
    assert shown["usage"]["completion_tokens"] == told.usage.tokens.output_tokens
    assert shown["usage"]["prompt_tokens_details"]["cached_tokens"] == (told.usage.cached_tokens or 0)


@pytest.mark.parametrize("recording", CHATS)
def test_citations_point_at_the_text_they_cite(recording: Recording) -> None:
    message = decode(recording.answer)["choices"][0]["message"]
    cited = [citation["text"] for citation in recording.answer["message"].get("citations", ())]
    places = [annotation[annotation["type"]] for annotation in message.get("annotations", ())]
    assert [message["content"][place["start_index"] : place["end_index"]] for place in places] == cited


@pytest.mark.parametrize("size", SPLIT_SIZES)
@pytest.mark.parametrize("recording", STREAMS)
def test_streams_say_what_the_whole_answer_says(recording: Recording, size: int) -> None:
    told = decode(folded(events(recording)))
    shown = joined(replayed(recording, size))
    message = told["choices"][0]["message"]
    expected = {"annotations": []} | {name: value for name, value in message.items() if name != "refusal"}
    assert shown["message"] == expected
    assert (shown["finish_reason"], shown["usage"]) == (told["choices"][0]["finish_reason"], told["usage"])


@pytest.mark.parametrize("recording", STREAMS)
def test_streams_have_no_event_that_the_sdk_does_not_know(recording: Recording) -> None:
    assert {event["type"] for event in events(recording)} <= KNOWN_EVENTS


@pytest.mark.parametrize("recording", STREAMS)
def test_a_stream_ends_with_usage_and_done(recording: Recording) -> None:
    out = replayed(recording, 64)
    assert out.endswith(b"data: [DONE]\n\n")
    assert chunks(out)[-1]["choices"] == []
    assert chunks(out)[-1]["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("recording", EMBEDDINGS)
def test_vectors_come_back_as_they_were(recording: Recording) -> None:
    body = request(input=recording.request["texts"])
    answer = ADAPTER.codecs["embeddings"].decode(recording.body, target(), body)
    data = json.loads(answer.body)["data"]
    assert [each["embedding"] for each in data] == recording.answer["embeddings"]["float"]
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == recording.answer["meta"]["billed_units"]["input_tokens"]


@pytest.mark.parametrize("recording", RERANKS)
def test_results_come_back_as_they_were(recording: Recording) -> None:
    asked = {name: recording.request[name] for name in ("query", "documents", "top_n")}
    answer = ADAPTER.codecs["rerank"].decode(recording.body, target("ranker"), request(**asked))
    shown = json.loads(answer.body)
    assert shown == recording.answer | {"model": "ranker"}
    assert answer.usage == Usage(searches=1)
    assert cohere.V2RerankResponse.model_validate(shown).results[0].index == recording.answer["results"][0]["index"]


@pytest.mark.parametrize("recording", ERRORS)
def test_errors_keep_coheres_words(recording: Recording) -> None:
    error = ADAPTER.explain(recording.status or 0, recording.headers, recording.body)
    code = {400: "context_length_exceeded", 401: "invalid_api_key", 404: "model_not_found"}[error.status]
    told = {"message": recording.answer["message"], "type": "invalid_request_error", "param": None, "code": code}
    assert json.loads(error.body())["error"] == told
    assert not error.retryable


# Requests: what a client of OpenAI's format would have written, for each that was recorded


def _as_openai(recording: Recording) -> dict[str, Any]:
    """The recorded request in OpenAI's format; what is the same in both is taken over."""
    asked = dict(recording.request)
    match recording.case.removeprefix("cohere/"):
        case "chat-cache-read-command-a-03-2025-c4e2b":
            asked["tool_choice"] = "none"
        case "chat-tool-cache-read-command-a-03-2025-923af":
            asked["tool_choice"] = "required"
        case "chat-citations-reasoning-command-a-plus-05-2026-10e96":
            asked["cohere"] = {"documents": asked.pop("documents")}
        case "chat-json-schema-cache-read-command-a-03-2025-48605":
            schema = asked["response_format"]["json_schema"]
            asked["response_format"] = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
        case "chat-reasoning-cache-read-command-a-reasoning-08-2025-398ea":
            del asked["thinking"]
            asked["reasoning_effort"] = "high"
        case "chat-reasoning-command-a-reasoning-08-2025-d660d":
            thought, said = asked["messages"][1]["content"]
            answered = {"role": "assistant", "content": said["text"], "reasoning_content": thought["thinking"]}
            asked["messages"] = [asked["messages"][0], answered, *asked["messages"][2:]]
        case "chat-stop-command-r-plus-dcd7a":
            asked["stop"] = asked.pop("stop_sequences")
        case _:
            pass
    return asked


DIFFERENT = {
    "cohere/chat-citations-document-command-a-plus-05-2026-2fece": "a file from a tool has a title and text alone",
}


def asked_for(member: str, *cases: Any) -> list[Any]:
    """The cases whose request was recorded and has a member; all where there are no recordings."""
    recordings = [(case, case.values[0]) for case in cases if case.id not in DIFFERENT]
    return [case for case, recording in recordings if recording is None or member in (recording.request or ())]


@pytest.mark.parametrize("recording", asked_for("messages", *CHATS, *STREAMS, *ERRORS))
def test_requests_are_what_recorded_clients_sent(recording: Recording) -> None:
    encoded = ADAPTER.codecs["chat"].encode(request(**_as_openai(recording)), target(recording.request["model"]))
    body = json.loads(encoded.body)
    judge(body)
    assert body == PLAIN_DIFFERENCES | without_empty_text(recording.request)
    assert encoded.dropped == ()


def without_empty_text(asked: dict[str, Any]) -> dict[str, Any]:
    """The recorded client writes an empty text beside calls, which says nothing and is left out."""
    messages = []
    for message in asked["messages"]:
        empty = "tool_calls" in message and message.get("content") == [{"type": "text", "text": ""}]
        messages.append({name: value for name, value in message.items() if not (empty and name == "content")})
    return asked | {"messages": messages}


@pytest.mark.parametrize("recording", [*asked_for("texts", *EMBEDDINGS, *ERRORS), *asked_for("query", *RERANKS)])
def test_other_requests_are_what_recorded_clients_sent(recording: Recording) -> None:
    asked = dict(recording.request)
    operation: Operation = "rerank" if "query" in asked else "embeddings"
    if operation == "embeddings":
        asked["input"] = asked.pop("texts")
    extra = {"embedding_types": ["float"]} if operation == "embeddings" else {}  # asked for by name
    unknown = asked.pop("max_chunks_per_doc", None)  # of version 1
    assert unknown is None
    encoded = ADAPTER.codecs[operation].encode(request(**asked), target(asked["model"]))
    expected = {name: value for name, value in recording.request.items() if value is not None} | extra
    assert json.loads(encoded.body) == expected
