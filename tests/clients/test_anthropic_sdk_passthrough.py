"""Anthropic's SDK in front of Anthropic itself: requests and answers pass the gateway byte for byte."""

from collections.abc import Iterator
from typing import Any

import anthropic
import msgspec
import pytest
from anthropic import Anthropic
from anthropic.types import MessageParam

from tests.gateway_process import GatewayProcess
from tests.recordings import Recording, params
from tests.upstream import Upstream, json_answer, replay

HELLO: list[MessageParam] = [{"role": "user", "content": "Hello"}]
SECRET = "sk-ant-of-the-upstream-0123456789"


@pytest.fixture(scope="module")
def claude(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anthropic]:
    """A client of a gateway that has Anthropic's dialect behind it, and a provider of OpenAI's."""
    provider = {"dialect": "anthropic", "base_url": upstream.base_url, "api_key": SECRET, "auth": "header:x-api-key"}
    config = {
        "server": {"port": 0},
        "providers": {
            "claude": {**provider, "forward_headers": ["anthropic-beta"]},
            "scripted": {"base_url": upstream.base_url},
        },
    }
    with (
        GatewayProcess(config, tmp_path_factory.mktemp("claude")) as gateway,
        Anthropic(base_url=gateway.url, api_key="any", max_retries=0, timeout=30) as client,
    ):
        yield client
    gateway.assert_no_fault(secrets=(SECRET,))


def asked(recording: Recording) -> dict[str, Any]:
    """The recorded request, or a small one where it was not kept."""
    kept = recording.request if isinstance(recording.request, dict) and "messages" in recording.request else {}
    return {"max_tokens": 9, "messages": HELLO} | kept | {"stream": recording.streamed}


@pytest.mark.parametrize("recording", params(providers=("anthropic",), operations=("chat",), streamed=True))
def test_recorded_streams(claude: Anthropic, upstream: Upstream, recording: Recording) -> None:
    if recording.raw is None:
        pytest.skip("its framing was not kept")
    case = upstream.on(replay(recording))
    body: Any = asked(recording) | {"model": f"claude/{case.name}"}
    with claude.messages.with_streaming_response.create(
        model=body["model"], max_tokens=9, messages=HELLO, stream=True, extra_body=body
    ) as raw:
        received = b"".join(raw.iter_bytes())
    assert received == recording.raw
    assert case.request().json == body | {"model": case.name}


@pytest.mark.parametrize("recording", params(providers=("anthropic",), operations=("chat",), streamed=True))
def test_the_streaming_helper_reads_recorded_streams(
    claude: Anthropic, upstream: Upstream, recording: Recording
) -> None:
    if recording.raw is None:
        pytest.skip("its framing was not kept")
    model = f"claude/{upstream.on(replay(recording)).name}"
    with claude.messages.stream(model=model, max_tokens=9, messages=HELLO) as stream:
        message = stream.get_final_message()
    assert message.stop_reason
    assert message.usage.output_tokens


@pytest.mark.parametrize("recording", params(providers=("anthropic",), operations=("chat",)))
def test_recorded_answers(claude: Anthropic, upstream: Upstream, recording: Recording) -> None:
    case = upstream.on(replay(recording))
    body: Any = asked(recording) | {"model": f"claude/{case.name}"}
    raw = claude.messages.with_raw_response.create(model=body["model"], max_tokens=9, messages=HELLO, extra_body=body)
    assert raw.read() == recording.body
    assert raw.headers["request-id"] == raw.headers["x-request-id"]
    assert case.request().json == body | {"model": case.name}


@pytest.mark.parametrize("recording", params(providers=("anthropic",), operations=("count_tokens",)))
def test_recorded_counts(claude: Anthropic, upstream: Upstream, recording: Recording) -> None:
    case = upstream.on(replay(recording))
    raw = claude.messages.with_raw_response.count_tokens(model=f"claude/{case.name}", messages=HELLO)
    assert raw.parse().input_tokens == recording.answer["input_tokens"]
    assert "x-isthmus-estimated" not in raw.headers
    assert case.request().line == "POST /v1/messages/count_tokens HTTP/1.1"


@pytest.mark.parametrize("recording", params(providers=("anthropic",), operations=("error",)))
def test_recorded_errors(claude: Anthropic, upstream: Upstream, recording: Recording) -> None:
    case = upstream.on(replay(recording))
    with pytest.raises(anthropic.APIStatusError) as caught:
        claude.messages.create(model=f"claude/{case.name}", max_tokens=9, messages=HELLO)
    assert caught.value.status_code == recording.status
    assert caught.value.body == recording.answer


def test_what_the_service_asks_of_its_clients_goes_along(claude: Anthropic, upstream: Upstream) -> None:
    case = upstream.on(json_answer({"type": "message", "role": "assistant", "content": []}))
    claude.beta.messages.create(
        model=f"claude/{case.name}",
        max_tokens=9,
        messages=[{"role": "user", "content": "a"}],
        betas=["context-1m-2025-08-07"],
    )
    request = case.request()
    assert request.header("x-api-key") == SECRET
    assert request.header("anthropic-version") == "2023-06-01"
    assert request.header("anthropic-beta") == "context-1m-2025-08-07"


def test_thoughts_of_another_model_do_not_reach_it(claude: Anthropic, upstream: Upstream) -> None:
    thought = {"role": "assistant", "content": "Hi.", "reasoning_content": "A greeting."}
    choice = {"index": 0, "message": thought, "finish_reason": "stop"}
    other = upstream.on(json_answer({"id": "c1", "object": "chat.completion", "model": "m", "choices": [choice]}))
    said = claude.messages.create(model=other.model, max_tokens=9, messages=HELLO)
    assert [block.type for block in said.content] == ["thinking", "text"]
    case = upstream.on(json_answer({"type": "message", "role": "assistant", "content": []}))
    claude.messages.create(model=f"claude/{case.name}", max_tokens=9, messages=[*HELLO, said.to_param(), *HELLO])
    sent = msgspec.json.decode(case.request().body)["messages"][1]["content"]
    assert [(block["type"], block["text"]) for block in sent] == [("text", "Hi.")]
