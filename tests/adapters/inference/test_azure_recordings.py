"""The Azure dialect against recorded traffic of Azure OpenAI."""

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from adapters.inference.azure import ADAPTER
from adapters.inference.azure.options import AzureOptions
from adapters.inference.contract import Target
from adapters.wire.body import Body, parse
from config.schema import Operation, Provider
from tests.adapters.inference.targets import request
from tests.recordings import SPLIT_SIZES, Recording, params

SECRET = "0123456789abcdef"

_DATED = re.compile(
    r"(?P<endpoint>https://[^/]+)/+openai/deployments/(?P<model>[^/]+)/[a-z/]+\?api-version=(?P<version>.+)"
)
_V1 = re.compile(r"(?P<endpoint>https://[^/]+)/openai/v1/[a-z/]+")


def recorded(*operations: str, streamed: bool = False, only: Callable[[Recording], bool] | None = None) -> list[Any]:
    """Exchanges on the surfaces that this dialect speaks, to parametrise with."""
    found = params(providers=["azure"], operations=operations, streamed=streamed)
    return [
        each
        for each in found
        if each.values[0] is None or (_is_spoken(each.values[0]) and (not only or only(each.values[0])))
    ]


def _is_spoken(recording: Recording) -> bool:
    return "/openai/" in (recording.url or "")


def _is_located(recording: Recording) -> bool:
    """Some recorders drop the query of a URL, which has the version."""
    return any(form.fullmatch(recording.url or "") for form in (_DATED, _V1))


def _is_judged(recording: Recording) -> bool:
    """Whether a stream begins with a verdict on the prompt."""
    return recording.raw is not None and "prompt_filter_results" in events(recording.raw)[0]


STREAMS = recorded("chat", streamed=True, only=lambda recording: recording.raw is not None)
REQUESTS = [*recorded("chat", "embeddings"), *recorded("chat", streamed=True)]


def target_of(recording: Recording) -> Target:
    """The target that an operator would have configured for a recorded request."""
    url = recording.url or ""
    found = _DATED.fullmatch(url)
    endpoint = found["endpoint"] if found else url.partition("/openai/")[0]
    model = found["model"] if found else recording.request.get("model", "deployment")
    options = AzureOptions(api_version=found["version"] if found else "v1")
    settings = Provider(dialect="azure", base_url=endpoint, auth="header:api-key", api_key=SECRET)
    return Target("azure", model, msgspec.Raw(msgspec.json.encode(model)), settings, options)


def operation_of(recording: Recording) -> Operation:
    return "embeddings" if "/embeddings" in (recording.url or "") else "chat"


def asked(recording: Recording, **changes: Any) -> Body:
    return parse(json.dumps({"model": "azure/any"} | recording.request | changes).encode())


def events(stream: bytes) -> list[Any]:
    lines = [line[5:].strip() for line in stream.decode().splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.mark.parametrize(
    "recording",
    [
        *recorded("chat", "embeddings", "error", only=_is_located),
        *recorded("chat", streamed=True, only=_is_located),
    ],
)
def test_requests_go_where_recorded_clients_sent_theirs(recording: Recording) -> None:
    url = ADAPTER.codecs[operation_of(recording)].url(target_of(recording), asked(recording))
    assert url == re.sub(r"(?<!:)//+", "/", recording.url or "")


@pytest.mark.parametrize("recording", recorded("chat", "embeddings", only=lambda recording: recording.auth is not None))
def test_keys_go_in_the_header_that_recorded_clients_used(recording: Recording) -> None:
    ((name, value),) = ADAPTER.sign(target_of(recording), "", b"", SECRET)
    assert (f"{name.decode()} header", value) == (recording.auth, SECRET.encode())


@pytest.mark.parametrize("recording", REQUESTS)
def test_requests_are_what_recorded_clients_sent(recording: Recording) -> None:
    target = target_of(recording)
    encoded = ADAPTER.codecs[operation_of(recording)].encode(asked(recording), target)
    usage = {"stream_options": {"include_usage": True}} if recording.streamed else {}
    assert json.loads(encoded.body) == recording.request | {"model": target.model} | usage
    assert encoded.dropped == ()


@pytest.mark.parametrize("recording", recorded("chat", "embeddings"))
def test_unary_answers_go_back_as_they_came_and_tell_usage(recording: Recording) -> None:
    answer = ADAPTER.codecs[operation_of(recording)].decode(recording.body, target_of(recording), request())
    assert answer.body == recording.body
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == recording.answer["usage"]["prompt_tokens"]


@pytest.mark.parametrize("size", SPLIT_SIZES)
@pytest.mark.parametrize("recording", STREAMS)
def test_a_stream_whose_usage_the_client_asked_for_goes_through_byte_for_byte(recording: Recording, size: int) -> None:
    body = asked(recording, stream_options={"include_usage": True})
    decoder = ADAPTER.codecs["chat"].stream(target_of(recording), body)
    assert b"".join(map(decoder.feed, recording.cut(size))) + decoder.close() == recording.raw
    assert decoder.error is None


@pytest.mark.parametrize("recording", STREAMS)
def test_a_client_that_did_not_ask_sees_everything_but_usage(recording: Recording) -> None:
    assert recording.raw is not None
    decoder = ADAPTER.codecs["chat"].stream(target_of(recording), asked(recording, stream_options=None))
    shown = events(decoder.feed(recording.raw) + decoder.close())
    sent = events(recording.raw)
    assert shown == [
        {name: value for name, value in event.items() if name != "usage"} for event in sent if not event.get("usage")
    ]
    assert (decoder.usage is not None) == any(event.get("usage") for event in sent)


@pytest.mark.parametrize("recording", recorded("chat", streamed=True, only=_is_judged))
def test_the_first_chunk_with_the_verdict_on_the_prompt_is_not_taken_for_usage(recording: Recording) -> None:
    assert recording.raw is not None
    decoder = ADAPTER.codecs["chat"].stream(target_of(recording), asked(recording, stream_options=None))
    first = events(decoder.feed(recording.raw))[0]
    assert first["choices"] == []
    assert first == events(recording.raw)[0]


@pytest.mark.parametrize("recording", params(providers=["azure"], operations=["error"]))
def test_errors_keep_status_message_and_code_in_openais_shape(recording: Recording) -> None:
    assert recording.status is not None
    error = ADAPTER.explain(recording.status, recording.headers, recording.body)
    told = json.loads(error.body())["error"]
    assert error.status == recording.status
    assert recording.answer["error"].items() <= told.items()
    assert isinstance(told["type"], str)
    assert error.retryable == (error.status == 429)


@pytest.mark.parametrize("recording", params(providers=["azure"], operations=["error"]))
def test_a_wait_is_told_where_azure_tells_it(recording: Recording) -> None:
    assert recording.status is not None
    told = dict(recording.headers).get(b"retry-after")
    error = ADAPTER.explain(recording.status, recording.headers, recording.body)
    assert error.retry_after == (float(told) if told else None)
