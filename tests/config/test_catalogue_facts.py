"""Every shipped provider: its row loads, its page is true to the row, and recorded traffic agrees with both."""

import json
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
import yaml

from adapters.inference.contract import Target
from adapters.inference.registry import SHIPPED, find
from adapters.wire.body import parse
from config.catalogue import ROWS
from config.schema import Operation, Provider
from tests.config.loading import read
from tests.config.rows import TEXTS, row, variables
from tests.recordings import Recording
from tests.recordings import load as load_recordings

PROJECT = Path(__file__).parents[2]
PAGES = PROJECT / "docs" / "providers"
recorded_traffic = pytest.mark.skipif(not load_recordings(), reason="no recorded traffic beside the project")

CATALOGUE: dict[str, dict[str, Any]] = yaml.safe_load(ROWS.read_text())
NAMES = sorted(CATALOGUE)
PROMISED = (
    "openai azure vllm ollama groq cerebras sambanova together fireworks mistral deepseek xai openrouter nvidia"
    " huggingface databricks perplexity llamacpp lmstudio local watsonx gemini vertex bedrock"
)

# Recordings that were made at another address than the row's, and why.
_ELSEWHERE = {
    ("gpustack", "chat"): "at a port of its own",
    ("anthropic", "count_tokens"): "by the SDK's beta client, whose URLs say so",
    ("nebius", "chat"): "before it became the Token Factory",
    ("ollama", "embeddings"): "through an older path of its API",
    ("sambanova", "embeddings"): "through the router of Hugging Face",
    ("together", "completions"): "at its former host",
    ("together", "embeddings"): "at its former host",
    ("watsonx", "chat"): "through its OpenAI surface",
}


@cache
def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text()


def blocks(language: str) -> list[Any]:
    """The examples of all pages."""
    pages = sorted(PAGES.glob("*.md"))
    found = (
        (path, re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)) for path in pages
    )
    return [
        pytest.param(path.stem, text, id=f"{path.stem}-{i}") for path, texts in found for i, text in enumerate(texts)
    ]


def test_every_promised_provider_is_shipped() -> None:
    assert set(PROMISED.split()) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_needs_nothing_but_its_own_variables(name: str) -> None:
    assert row(name).dialect in SHIPPED


@pytest.mark.parametrize("name", NAMES)
def test_a_row_cites_where_its_facts_were_read(name: str) -> None:
    assert (row(name).docs or "").startswith("https://")


@pytest.mark.parametrize("name", NAMES)
def test_a_row_has_only_operations_that_its_dialect_speaks(name: str) -> None:
    assert set(row(name).operations) <= set(find(row(name).dialect).codecs)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_does_not_rename_what_it_drops(name: str) -> None:
    renamed = row(name).rename
    assert not set(row(name).unsupported) & {*renamed, *renamed.values()}


@pytest.mark.parametrize("name", NAMES)
def test_a_key_leaves_this_machine_only_encrypted(name: str) -> None:
    address = urlsplit(row(name).base_url or "http://127.0.0.1")
    assert address.scheme == "https" or address.hostname == "127.0.0.1"


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_a_row_tells_what_the_row_does(name: str) -> None:
    settings = row(name)
    said = page(name)
    assert f"`{settings.docs}`" in said or f"<{settings.docs}>" in said
    for word in (
        *re.findall(r"\$\{(\w+)", TEXTS[name]),
        *settings.unsupported,
        *settings.rename,
        *settings.rename.values(),
        *settings.quirks,
    ):
        assert f"`{word}`" in said or f"`{word}=" in said, word
    for name in ("past_reasoning", "structured_outputs"):
        assert (f"`{name}: " in said) == (getattr(settings, name) != getattr(Provider(), name))
    assert ("take text only" in said) == (not settings.embeddings.token_input)
    assert ("unasked" in said or "in every chunk" in said) == (settings.stream_usage == "sent")
    assert settings.embeddings.max_inputs is None or f"{settings.embeddings.max_inputs:,} inputs" in said


@pytest.mark.parametrize("name", NAMES)
def test_the_page_and_the_index_name_the_operations(name: str) -> None:
    first, *rest = row(name).operations
    named = f"{', '.join([first, *rest[:-1]])} and {rest[-1]}" if rest else first
    assert f"**Operations**: {named}." in page(name)
    assert re.search(rf"\]\({name}\.md\) \| `{name}` \| .* \| {named} \|$", page("index"), re.MULTILINE)


def test_every_page_belongs_to_a_row() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {*NAMES, "index", "any-openai-compatible"}


@pytest.mark.parametrize(("name", "text"), blocks("yaml"))
def test_the_configuration_on_a_page_loads(name: str, text: str) -> None:
    named = [each for each in NAMES if re.search(rf"^  {each}:|extends: {each}\b", text, re.MULTILINE)]
    environ = variables(text + "".join(TEXTS[each] for each in named))
    assert read(text, environ).providers, name


@pytest.mark.parametrize(("name", "text"), blocks("sh"))
def test_the_example_of_a_page_asks_that_provider(name: str, text: str) -> None:
    words = shlex.split(text.replace("\\\n", " "))
    sent = json.loads(words[words.index("-d") + 1])
    provider, _, model = sent["model"].partition("/")
    assert provider == {"any-openai-compatible": "lab"}.get(name, name)
    assert model
    assert sent.get("messages") or sent.get("documents")


def recordings(name: str) -> list[Recording]:
    return [recording for recording in load_recordings() if recording.provider == name]


def asked(recording: Recording) -> dict[str, Any]:
    """The body of a recorded request, as far as it was kept."""
    return recording.request if isinstance(recording.request, dict) else {}


def events(recording: Recording) -> list[Any]:
    """The events of a recorded stream, whether its framing was kept or not."""
    if recording.raw is None:
        return list(recording.events)
    lines = recording.raw.decode().splitlines()
    data = (line.removeprefix("data:").strip() for line in lines if line.startswith(("data:", "{")))
    # One recorder left a quotation mark behind the last event.
    return [json.JSONDecoder().raw_decode(each)[0] for each in data if each != "[DONE]"]


def tells_usage(recording: Recording) -> bool:
    return any(event.get("usage") for event in events(recording))


def addresses() -> list[Any]:
    """Every shipped provider and operation of which there is a recorded request."""
    return [
        pytest.param(name, operation, id=f"{name}-{operation}")
        for name in NAMES
        for operation in CATALOGUE[name].get("operations", ["chat", "completions", "embeddings"])
        if name not in ("azure", "bedrock", "gemini", "vertex")  # whose URLs have tests of their own
        if (name, operation) not in _ELSEWHERE
        if any(recording.operation == operation and recording.url for recording in recordings(name))
    ]


def streams(usage: str) -> list[Any]:
    """Recorded streams without an error, of the rows that say so of their usage."""
    return [
        pytest.param(recording, id=recording.case)
        for name in NAMES
        if CATALOGUE[name].get("stream_usage", "ask") == usage
        for recording in recordings(name)
        if recording.streamed and "chat/completions" in (recording.url or "")
        if not any("error" in event for event in events(recording))
    ]


@recorded_traffic
@pytest.mark.parametrize(("name", "operation"), addresses())
def test_requests_go_where_recorded_clients_sent_theirs(name: str, operation: Operation) -> None:
    settings = row(name)
    target = Target(name, "model", msgspec.Raw(b'"model"'), settings, None)
    url = find(settings.dialect).codecs[operation].url(target, parse(b'{"model":"model"}'))
    assert url in {(recording.url or "").replace("//localhost:", "//127.0.0.1:") for recording in recordings(name)}


@recorded_traffic
@pytest.mark.parametrize("name", [name for name in NAMES if any(recording.auth for recording in recordings(name))])
def test_recorded_clients_sent_their_key_as_the_row_does(name: str) -> None:
    header = f"{row(name).auth.replace('bearer', 'authorization').removeprefix('header:')} header"
    assert header in {recording.auth.removesuffix(", Bearer") for recording in recordings(name) if recording.auth}


@recorded_traffic
@pytest.mark.parametrize("recording", streams("sent"))
def test_a_provider_that_sends_usage_does_so_asked_or_not(recording: Recording) -> None:
    assert tells_usage(recording)


@recorded_traffic
@pytest.mark.parametrize("recording", [each for each in streams("ask") if asked(each.values[0]).get("stream_options")])
def test_a_provider_that_is_asked_for_usage_tells_it(recording: Recording) -> None:
    assert tells_usage(recording)


@recorded_traffic
@pytest.mark.parametrize("name", NAMES)
def test_no_recorded_provider_took_a_parameter_under_the_name_that_its_row_replaces(name: str) -> None:
    taken = {field for recording in recordings(name) if recording.status == 200 for field in asked(recording)}
    assert not taken & set(row(name).rename)
