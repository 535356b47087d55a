"""Every recorded chat of the providers that speak OpenAI's dialect, through its own row: OpenAI's types judge."""

import json
from typing import Any

import pytest
from openai.types import Completion
from openai.types.chat import ChatCompletionChunk

from adapters.inference.openai import ADAPTER
from adapters.wire.usage import Usage
from tests.adapters.inference.openai_quirks.answers import (
    Said,
    asked,
    chunks,
    of_completion,
    of_stream,
    sent,
    streamed,
    target_of,
    written,
)
from tests.adapters.inference.rows import NAMES, row
from tests.recordings import SPLIT_SIZES, Recording, params

PROVIDERS = {
    *(
        "alibaba",
        "azure",
        "cerebras",
        "cloudflare",
        "crusoe",
        "databricks",
        "deepseek",
        "fireworks",
        "gpustack",
        "groq",
    ),
    *("huggingface", "hyperbolic", "llamacpp", "lmstudio", "mistral", "moonshotai", "nebius", "novita", "nvidia"),
    *("openai", "openai-compatible", "openrouter", "perplexity", "sambanova", "snowflake", "tgi", "together", "vllm"),
    *("writer", "xai", "zai"),
}
OTHER_DIALECTS = {
    "azure/chat-length-reasoning-claude-sonnet-4-5-fa1f5",
    "azure/chat-reasoning-claude-haiku-4-5-531dd",
    "azure/chat-stream-tool-claude-opus-4-5-19fae",
}
"""Anthropic's surface."""
FAILED = {
    "groq/chat-stream-error-in-stream-reasoning-gpt-oss-120b-8b882",
    "cerebras/chat-stream-text-llama3-1-8b-a9ab8",
}
"""An error inside the stream, and a recording whose last frame is damaged."""
OTHER_TOOLS = {"openai/chat-tool-gpt-5-686bb", "openai/chat-tool-gpt-3-5-turbo-679e1"}
"""A custom tool, and `function_call`."""

UNARY = params(providers=PROVIDERS, operations={"chat"}, skip=OTHER_DIALECTS)
STREAMS = params(providers=PROVIDERS, operations={"chat"}, streamed=True, skip={*OTHER_DIALECTS, *FAILED})

FINISH = {
    **dict.fromkeys(("eos", "eos_token"), "stop"),
    "tool_call": "tool_calls",
}


def expected(recording: Recording) -> list[Said]:
    """What the provider said, as a client is to see it."""
    quirks = target_of(recording.provider).settings.quirks
    choices = []
    for said in sent(recording):
        finish = FINISH.get(said.finish or "", said.finish) or "stop"
        if "finish_reason" in quirks and said.calls and finish == "stop":
            finish = "tool_calls"
        choices.append(said._replace(finish=finish))
    return choices


def told_usage(value: Any) -> Usage | None:
    """An independent reading of a `usage` object."""
    if not value or value.get("completion_tokens") is None:
        return None
    prompt, completion = value["prompt_tokens"], value["completion_tokens"]
    details = value.get("prompt_tokens_details") or {}
    cached = details.get("cached_tokens") or value.get("cached_tokens") or value.get("prompt_cache_hit_tokens") or 0
    reasoning = (value.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    apart = value["total_tokens"] == prompt + completion + reasoning
    return Usage(prompt, completion + reasoning * apart, cached, reasoning)


@pytest.mark.parametrize("recording", [case for case in UNARY if case.id not in OTHER_TOOLS])
def test_whole_answers_say_what_the_provider_said(recording: Recording) -> None:
    answer = ADAPTER.codecs["chat"].decode(recording.body, target_of(recording.provider), asked())
    assert of_completion(answer.body) == expected(recording)


@pytest.mark.parametrize("size", SPLIT_SIZES)
@pytest.mark.parametrize("recording", STREAMS)
def test_streams_say_what_the_provider_said_at_every_split(recording: Recording, size: int) -> None:
    stream = written(recording)
    pieces = (stream[start : start + size] for start in range(0, len(stream), size))
    shown = streamed(pieces, target_of(recording.provider), asked(stream=True))
    assert of_stream(shown) == expected(recording)
    assert shown.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("recording", STREAMS)
def test_streams_have_one_finish_reason_for_each_choice(recording: Recording) -> None:
    shown = streamed([written(recording)], target_of(recording.provider), asked(stream=True))
    reasons = [choice.get("finish_reason") for chunk in chunks(shown) for choice in chunk["choices"]]
    assert len([reason for reason in reasons if reason]) == len(expected(recording))


@pytest.mark.parametrize("recording", UNARY)
def test_whole_answers_count_as_openai_does(recording: Recording) -> None:
    answer = ADAPTER.codecs["chat"].decode(recording.body, target_of(recording.provider), asked())
    told = told_usage(recording.answer.get("usage"))
    assert _classes(answer.usage) == _classes(told)
    if told is not None and "usage" in target_of(recording.provider).settings.quirks:
        assert _shown(json.loads(answer.body)["usage"]) == _classes(told)


@pytest.mark.parametrize("recording", STREAMS)
def test_streams_count_as_openai_does_where_the_client_asked(recording: Recording) -> None:
    usage = {"stream_options": {"include_usage": True}}
    shown = streamed([written(recording)], target_of(recording.provider), asked(stream=True, **usage))
    last = None
    for chunk in chunks(written(recording)):
        last = told_usage(chunk.get("usage") or chunk.get("x_groq", {}).get("usage")) or last
    seen = [ChatCompletionChunk.model_validate(chunk) for chunk in chunks(shown) if chunk.get("usage")]
    assert len(seen) == (last is not None)
    for chunk in seen:
        assert chunk.choices == []
        if "usage" in target_of(recording.provider).settings.quirks and chunk.usage is not None:
            assert _shown(chunk.usage.model_dump()) == _classes(last)


def _classes(usage: Usage | None) -> tuple[int, ...] | None:
    if usage is None:
        return None
    return usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.reasoning_tokens


def _shown(usage: Any) -> tuple[int, ...]:
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    return usage["prompt_tokens"], usage["completion_tokens"], cached, reasoning


@pytest.mark.parametrize(
    "recording",
    params(providers=PROVIDERS & set(NAMES), operations={"completions"}),
)
def test_completions_are_openais(recording: Recording) -> None:
    answer = ADAPTER.codecs["completions"].decode(recording.body, target_of(recording.provider), asked())
    shown = Completion.model_validate_json(answer.body)
    assert [choice.text for choice in shown.choices] == [choice["text"] for choice in recording.answer["choices"]]


@pytest.mark.parametrize(
    "recording",
    params(providers=PROVIDERS & set(NAMES), operations={"completions"}, streamed=True),
)
def test_streamed_completions_keep_their_text(recording: Recording) -> None:
    decoder = ADAPTER.codecs["completions"].stream(target_of(recording.provider), asked(stream=True))
    shown = list(chunks(decoder.feed(written(recording)) + decoder.close()))
    assert {chunk["object"] for chunk in shown} == {"text_completion"}
    texts = [choice["text"] for chunk in shown for choice in chunk["choices"]]
    assert "".join(texts) == "".join(c["text"] for chunk in chunks(written(recording)) for c in chunk["choices"])


@pytest.mark.parametrize(
    "recording",
    [
        case
        for case in [*UNARY, *STREAMS]
        if case.values[0] and case.values[0].provider in NAMES and not row(case.values[0].provider).quirks
    ],
)
def test_a_provider_without_quirks_passes_byte_for_byte(recording: Recording) -> None:
    target = target_of(recording.provider)
    if recording.streamed:
        usage = {"stream_options": {"include_usage": True}}
        assert streamed([written(recording)], target, asked(stream=True, **usage)).startswith(
            written(recording)[:2_000]
        )
    else:
        assert ADAPTER.codecs["chat"].decode(recording.body, target, asked()).body == recording.body
