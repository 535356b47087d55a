"""What providers of OpenAI's dialect really sent, through the dialect."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from adapters.framing import sse
from adapters.inference.openai import ADAPTER
from adapters.inference.openai.stream import Stream
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import request, target
from tests.recordings import SPLIT_SIZES, Recording, params

PROVIDERS = {
    *("openai", "azure", "groq", "cerebras", "sambanova", "together", "fireworks", "mistral", "deepseek", "xai"),
    *("openrouter", "perplexity", "nvidia", "databricks", "huggingface", "vllm", "llamacpp", "lmstudio", "gpustack"),
    *("tgi", "alibaba", "cloudflare", "crusoe", "moonshotai", "nebius", "novita", "snowflake", "writer", "zai"),
    *("ollama", "hyperbolic", "openai-compatible"),
}
OPERATIONS = {"chat", "completions", "embeddings"}
OTHER_DIALECTS = {
    "azure/chat-length-reasoning-claude-sonnet-4-5-fa1f5",
    "azure/chat-reasoning-claude-haiku-4-5-531dd",
    "azure/chat-stream-tool-claude-opus-4-5-19fae",
    "huggingface/embeddings-mixedbread-ai-f46f1",
    "ollama/chat-stream-length-reasoning-gpt-oss-20b-0039f",
    "ollama/chat-stream-text-llama3-2-f361b",
}
"""Anthropic's surface, Ollama's own and the feature-extraction pipeline."""

FAILED = {
    "groq/chat-stream-error-in-stream-reasoning-gpt-oss-120b-8b882",
    "cerebras/chat-stream-text-llama3-1-8b-a9ab8",
    "writer/completions-stream-palmyra-x4-0a765",
}
"""An error inside the stream, a recording whose last frame is damaged, and one of a form that has no end."""

STREAMS = params(providers=PROVIDERS, operations=OPERATIONS, streamed=True, skip=OTHER_DIALECTS)


def written(recording: Recording) -> bytes:
    if recording.raw is not None:
        return recording.raw
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in recording.events)


def decoder(*, wants_usage: bool, stream_usage: str) -> Stream:
    options = {"stream_options": {"include_usage": True}} if wants_usage else {}
    return Stream(target(stream_usage=stream_usage), request(stream=True, **options))


def replay(pieces: Iterable[bytes], made: Stream) -> bytes:
    return b"".join(map(made.feed, pieces)) + made.close()


def cut(stream: bytes, size: int) -> Iterator[bytes]:
    return (stream[start : start + size] for start in range(0, len(stream), size))


def chunks(stream: bytes) -> list[Any]:
    """The parsed data of every frame but the last."""
    told = [event.data for frame in sse.split(stream) if (event := sse.parse(frame)).data is not None]
    return [json.loads(data) for data in told if data != b"[DONE]"]


def expected_usage(told: Any) -> Usage | None:
    """An independent reading of a recorded `usage`."""
    if not told:
        return None
    prompt, completion = told["prompt_tokens"], told.get("completion_tokens") or 0
    of_prompt, of_completion = told.get("prompt_tokens_details") or {}, told.get("completion_tokens_details") or {}
    reasoning = of_completion.get("reasoning_tokens") or 0
    hidden = told.get("total_tokens") == prompt + completion + reasoning
    return Usage(
        prompt,
        completion + reasoning * hidden,
        of_prompt.get("cached_tokens") or told.get("cached_tokens") or 0,
        reasoning,
        cache_write_tokens=of_prompt.get("cache_write_tokens") or 0,
        prompt_audio_tokens=of_prompt.get("audio_tokens") or 0,
        completion_audio_tokens=of_completion.get("audio_tokens") or 0,
    )


def last_usage(stream: bytes) -> Usage | None:
    usage = None
    for chunk in chunks(stream):
        usage = expected_usage(chunk.get("usage") or chunk.get("x_groq", {}).get("usage")) or usage
    return usage


@pytest.mark.parametrize("recording", params(providers=PROVIDERS, operations=OPERATIONS, skip=OTHER_DIALECTS))
def test_unary_answers_pass_and_tell_their_usage(recording: Recording) -> None:
    answer = ADAPTER.codecs["chat"].decode(recording.body, target(), request())
    assert answer.body == recording.body
    if "choices" in recording.answer or recording.answer.get("object") == "list":
        told = recording.answer.get("usage") or {}
        assert answer.usage == (expected_usage(told) if told.get("prompt_tokens") is not None else None)


@pytest.mark.parametrize("stream_usage", ["ask", "sent", "never"])
@pytest.mark.parametrize("wants_usage", [True, False])
@pytest.mark.parametrize("recording", STREAMS)
def test_streams_are_shown_the_same_at_every_split(recording: Recording, wants_usage: bool, stream_usage: str) -> None:
    stream = written(recording)
    whole = replay([stream], decoder(wants_usage=wants_usage, stream_usage=stream_usage))
    for size in SPLIT_SIZES:
        assert replay(cut(stream, size), decoder(wants_usage=wants_usage, stream_usage=stream_usage)) == whole
    if recording.pieces:
        pieces = recording.as_received()
        assert replay(pieces, decoder(wants_usage=wants_usage, stream_usage=stream_usage)) == whole


@pytest.mark.parametrize("wants_usage", [True, False])
@pytest.mark.parametrize("recording", STREAMS)
def test_streams_end_with_one_done_or_an_error(recording: Recording, wants_usage: bool) -> None:
    made = decoder(wants_usage=wants_usage, stream_usage="ask")
    told = [sse.parse(frame).data for frame in sse.split(replay([written(recording)], made))]
    if recording.case in FAILED:
        assert made.error is not None
        assert list(json.loads(told[-1] or b"")) == ["error"]
        assert b"[DONE]" not in told
    else:
        assert made.error is None
        assert told[-1] == b"[DONE]"
        assert told.count(b"[DONE]") == 1


@pytest.mark.parametrize("stream_usage", ["ask", "sent"])
@pytest.mark.parametrize("wants_usage", [True, False])
@pytest.mark.parametrize("recording", [case for case in STREAMS if case.id not in FAILED])
def test_streams_tell_their_usage(recording: Recording, wants_usage: bool, stream_usage: str) -> None:
    made = decoder(wants_usage=wants_usage, stream_usage=stream_usage)
    out = replay([written(recording)], made)
    assert made.usage == last_usage(written(recording))
    if not wants_usage:
        return
    shown = [chunk for chunk in chunks(out) if chunk.get("usage")]
    assert len(shown) == (made.usage is not None)
    for chunk in shown:
        assert chunk["choices"] == []
        assert expected_usage(chunk["usage"]) == made.usage


@pytest.mark.parametrize("recording", [case for case in STREAMS if case.id not in FAILED])
def test_streams_hide_only_the_usage_that_was_asked_for(recording: Recording) -> None:
    out = replay([written(recording)], decoder(wants_usage=False, stream_usage="ask"))
    kept = [chunk for chunk in chunks(written(recording)) if not chunk.get("usage") or chunk["choices"]]
    assert chunks(out) == [
        {name: value for name, value in chunk.items() if name != "usage" or value is not None} for chunk in kept
    ]


@pytest.mark.parametrize("recording", [case for case in STREAMS if case.id not in FAILED])
def test_streams_of_providers_that_are_not_asked_pass_byte_for_byte(recording: Recording) -> None:
    stream = written(recording)
    out = replay([stream], decoder(wants_usage=False, stream_usage="sent"))
    assert out == stream + b"data: [DONE]\n\n" * (b"[DONE]" not in stream)


@pytest.mark.parametrize("recording", params(providers=PROVIDERS, operations={"error"}))
def test_errors_keep_the_providers_words_in_openais_shape(recording: Recording) -> None:
    status = recording.status or 400
    error = ADAPTER.explain(status, recording.headers, recording.body)
    shown = json.loads(error.body())["error"]
    assert error.status == status
    assert len(shown["message"]) > 5
    assert json.dumps(shown["message"])[1:-1].split(": ")[-1] in recording.body.decode()
    assert isinstance(shown["type"], str)
    assert isinstance(shown.get("code"), str | None)
    assert isinstance(shown.get("param"), str | None)
    assert error.retry_after == (1.0 if status == 429 else None)
