"""Recorded traffic of real providers, replayed behind a running gateway."""

import json
from typing import Any

import pytest

from tests.gateway_process import GatewayProcess
from tests.recordings import Recording, params
from tests.scenarios.raw import ask, chat
from tests.upstream import Upstream, replay

SPEAKS_OPENAI = (
    *("openai", "azure", "groq", "cerebras", "openrouter", "perplexity"),
    *("deepseek", "together", "xai", "mistral"),
)
DAMAGED = ("cerebras/chat-stream-text-llama3-1-8b-a9ab8",)
"""Its recorder left a stray quote behind the last frame."""


@pytest.mark.parametrize(
    "recording", params(providers=SPEAKS_OPENAI, operations=["chat", "completions"], streamed=True, skip=DAMAGED)
)
def test_recorded_streams_say_the_same_through_the_gateway(
    gateway: GatewayProcess, upstream: Upstream, recording: Recording
) -> None:
    if recording.raw is None:
        pytest.skip("the framing of this stream was not recorded")
    if recording.status and recording.status > 299:
        pytest.skip("not a stream")
    answer = ask(
        gateway.port, chat(upstream.on(replay(recording)).model, stream=True, stream_options={"include_usage": True})
    )
    sent = _said(recording.raw)
    assert answer.status == 200
    assert _said(answer.body) == sent


@pytest.mark.parametrize("recording", params(providers=SPEAKS_OPENAI, operations=["chat", "completions", "embeddings"]))
def test_recorded_answers_come_byte_for_byte(gateway: GatewayProcess, upstream: Upstream, recording: Recording) -> None:
    case = upstream.on(replay(recording))
    path = {"chat": "/v1/chat/completions", "completions": "/v1/completions", "embeddings": "/v1/embeddings"}
    answer = ask(gateway.port, chat(case.model), path[recording.operation])
    assert answer.status == (recording.status or 200)
    assert answer.body == recording.body


@pytest.mark.parametrize("recording", params(providers=SPEAKS_OPENAI, operations=["error"]))
def test_recorded_refusals_keep_their_status_and_message(
    gateway: GatewayProcess, upstream: Upstream, recording: Recording
) -> None:
    if not recording.status or recording.status < 400:
        pytest.skip("the status was not recorded")
    answer = ask(gateway.port, chat(upstream.on(replay(recording)).model))
    assert answer.status == recording.status
    assert answer.json["error"]["message"]


def _said(raw: bytes) -> list[tuple[Any, Any]]:
    """Text, reasoning, tool calls and ends of a stream's choices."""
    said: list[tuple[Any, Any]] = []
    for line in raw.splitlines():
        data = line.removeprefix(b"data:").strip()
        if line.startswith(b"data:") and data != b"[DONE]":
            choices = json.loads(data).get("choices") or ()
            said += [(choice.get("delta") or choice.get("text"), choice.get("finish_reason")) for choice in choices]
    return said
