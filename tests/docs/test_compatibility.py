"""docs/compatibility.md is what the adapters' tables say, and the tables say what the adapters do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from adapters.inference.contract import Codec, Encoded, Target
from adapters.inference.registry import find
from adapters.wire.body import Body, parse
from config.catalogue import catalogue
from gateway.commands.compatibility import page, shipped
from tests.config.rows import row

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
FORM = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
ASKED: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "Hi"}]},
    "completions": {"prompt": "Hi"},
    "embeddings": {"input": "Hi"},
    "rerank": {"query": "Hi", "documents": ["a", "b"]},
}
SAYS: dict[str, Any] = {
    "audio": {"voice": "alloy", "format": "wav"},
    "best_of": 2,
    "dimensions": 8,
    "echo": True,
    "encoding_format": "base64",
    "frequency_penalty": 0.5,
    "function_call": "none",
    "functions": [TOOLS[0]["function"]],
    "logit_bias": {"5": 1},
    "logprobs": True,
    "max_completion_tokens": 2000,
    "max_tokens": 2000,
    "max_tokens_per_doc": 100,
    "metadata": {"a": "b"},
    "modalities": ["text", "audio"],
    "moderation": {"model": "omni"},
    "n": 2,
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "Hi"},
    "presence_penalty": 0.5,
    "prompt_cache_key": "k",
    "prompt_cache_options": {"a": 1},
    "prompt_cache_retention": "24h",
    "reasoning_effort": "low",
    "response_format": FORM,
    "return_documents": True,
    "safety_identifier": "s",
    "seed": 1,
    "service_tier": "priority",
    "stop": ["END"],
    "store": True,
    "stream": True,
    "stream_options": {"include_usage": True},
    "suffix": "end",
    "temperature": 0.5,
    "tool_choice": "none",
    "tools": TOOLS,
    "top_logprobs": 2,
    "top_n": 1,
    "top_p": 0.5,
    "user": "u",
    "verbosity": "low",
    "web_search_options": {"search_context_size": "low"},
}
"""A value that asks for something, for each field that may be left out."""
BESIDE: dict[str, dict[str, Any]] = {
    "audio": {"modalities": ["text", "audio"]},
    "function_call": {"functions": SAYS["functions"]},
    "parallel_tool_calls": {"tools": TOOLS},
    "stream_options": {"stream": True},
    "tool_choice": {"tools": TOOLS},
    "top_logprobs": {"logprobs": True},
}
"""What a field only says something about."""
MODELS = {
    ("anthropic", "chat"): "claude-sonnet-4-5",
    ("bedrock", "chat"): "anthropic.claude-sonnet-4-5-v1:0",
    ("bedrock", "embeddings"): "amazon.titan-embed-text-v2:0",
    ("bedrock", "rerank"): "cohere.rerank-v3-5:0",
    ("vertex", "chat"): "gemini-2.5-flash",
}
"""Models that have what the tables tell of, where a service's models differ."""
TABLES = shipped()
ALWAYS = {"model", "messages", "prompt", "input", "query", "documents"}


def told() -> Iterator[Any]:
    """Every provider, operation and field of the tables."""
    for provider, operations in TABLES.items():
        for operation, fields in operations.items():
            for name in fields:
                if name not in ALWAYS and name in SAYS:
                    yield pytest.param(provider, operation, name, id=f"{provider}-{operation}-{name}")


def target_of(provider: str, operation: str) -> Target:
    settings = row(provider)
    adapter = find(settings.dialect)
    model = MODELS.get((provider, operation), "model")
    options = msgspec.convert(settings.options, adapter.options)
    return Target(provider, model, Raw(json.dumps(model).encode()), settings, options)


def encoded(codec: Codec, target: Target, asked: dict[str, Any]) -> tuple[str, Encoded]:
    body: Body = parse(json.dumps({"model": "m", **asked}).encode())
    return codec.url(target, body), codec.encode(body, target)


def test_the_page_is_what_the_tables_say() -> None:
    assert PAGE.read_text() == page(TABLES), "run: isthmus compatibility > docs/compatibility.md"


def test_every_shipped_provider_is_on_the_page() -> None:
    assert set(TABLES) == set(catalogue().entries)


@pytest.mark.parametrize(("provider", "operation", "name"), tuple(told()))
def test_the_table_says_what_the_adapter_does(provider: str, operation: Any, name: str) -> None:
    target = target_of(provider, operation)
    codec = find(target.settings.dialect).codecs[operation]
    plain = {**ASKED[operation], **BESIDE.get(name, {})}
    before_url, before = encoded(codec, target, plain)
    after_url, after = encoded(codec, target, {**plain, name: SAYS[name]})
    dropped = {each.partition("=")[0] for each in after.dropped} - {each.partition("=")[0] for each in before.dropped}
    sent = json.loads(after.body)
    match TABLES[provider][operation][name].how:
        case "kept":
            assert sent[name] == SAYS[name]
            assert name not in dropped
        case "unsupported":
            assert name in dropped
            assert name not in sent
        case "mapped":
            assert name not in dropped
            assert (after_url, after.body, after.headers) != (before_url, before.body, before.headers)
        case "emulated":
            assert name not in dropped
