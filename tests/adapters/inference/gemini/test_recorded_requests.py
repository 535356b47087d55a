"""Requests as recorded clients of Google's own format sent them, made from what a client of OpenAI's would write."""

import json
from typing import Any

import pytest

from adapters.inference import gemini, vertex
from adapters.inference.contract import Adapter
from tests.adapters.inference.gemini.asked import ASKED
from tests.adapters.inference.gemini.exchanges import aim, recorded, told
from tests.adapters.inference.gemini.judge import judged
from tests.adapters.inference.targets import request
from tests.recordings import Recording

ADAPTERS: dict[str, Adapter] = {"gemini": gemini.ADAPTER, "vertex": vertex.ADAPTER}

WITHOUT_TEXT = {
    "gemini/error-429-resource-exhausted-8a9a4",  # the recorder took the messages out
    "vertex/error-400-invalid-argument-55387",
}


def kept(recording: Recording) -> bool:
    return recording.request is not None and recording.case not in WITHOUT_TEXT


def located(recording: Recording) -> bool:
    return (recording.url or "").startswith("https://")


REQUESTS = [
    *recorded("chat", only=kept),
    *recorded("chat", streamed=True, only=kept),
    *recorded("error", only=kept),
]
LOCATED = [
    *recorded("chat", only=located),
    *recorded("chat", streamed=True, only=lambda each: located(each) and (each.url or "").endswith("alt=sse")),
]


def as_sent(sent: dict[str, Any]) -> dict[str, Any]:
    """A recorded request without what says nothing: a role of instructions, and parts that are no list."""
    instruction = sent.get("systemInstruction")
    if instruction is None:
        return sent
    parts = instruction["parts"]
    return sent | {"systemInstruction": {"parts": parts if isinstance(parts, list) else [parts]}}


def with_sorted_tools(body: dict[str, Any]) -> dict[str, Any]:
    """Which tool stands first says nothing."""
    return body | {"tools": sorted(body["tools"], key=str)} if "tools" in body else body


@pytest.mark.parametrize("recording", REQUESTS)
def test_a_request_is_what_a_recorded_client_sent(recording: Recording) -> None:
    sent = told(recording)
    asked = ASKED[recording.case](sent)
    codec = ADAPTERS[recording.provider].codecs["chat"]
    encoded = codec.encode(request(**asked, stream=recording.streamed), aim(recording))
    assert with_sorted_tools(judged(json.loads(encoded.body))) == with_sorted_tools(judged(as_sent(sent)))
    assert encoded.dropped == ()


@pytest.mark.parametrize("recording", LOCATED)
def test_a_request_goes_where_a_recorded_client_sent_it(recording: Recording) -> None:
    codec = ADAPTERS[recording.provider].codecs["chat"]
    url = codec.url(aim(recording), request(stream=recording.streamed))
    # Where a location of Vertex AI is has tests of its own.
    start = "/publishers/" if recording.provider == "vertex" else "https://"
    assert url.partition(start)[2] == (recording.url or "").partition(start)[2]
