"""Tokens of a request, counted by the service for Claude."""

import base64
import json
from typing import Any

import pytest

from adapters.inference.bedrock import ADAPTER
from adapters.wire.body import Body, parse
from adapters.wire.errors import UpstreamError
from tests.adapters.inference.bedrock import judge
from tests.adapters.inference.bedrock.asking import BASE_URL, CLAUDE, HELLO, NOVA, target
from tests.recordings import Recording, params

CODEC = ADAPTER.codecs["count_tokens"]


def asked(**fields: Any) -> Body:
    return parse(json.dumps({"model": "route", "messages": HELLO} | fields).encode())


@pytest.mark.parametrize("recording", params(providers=["bedrock"], operations=["count_tokens"]))
def test_a_recorded_count_is_told_as_anthropic_tells_it(recording: Recording) -> None:
    at = target(recording.model or "")
    assert CODEC.url(at, asked()) == recording.url
    assert json.loads(CODEC.decode(recording.body, at, asked()).body) == {"input_tokens": 11}


@pytest.mark.parametrize(("fields", "bound"), [({}, 1), ({"max_tokens": 9}, 9)])
def test_what_is_counted_is_a_request_that_could_be_asked(fields: dict[str, Any], bound: int) -> None:
    encoded = CODEC.encode(asked(**fields), target())
    judge.judged(encoded.body, CLAUDE, "CountTokens")
    body = json.loads(base64.b64decode(json.loads(encoded.body)["input"]["invokeModel"]["body"]))
    assert body == {"anthropic_version": "bedrock-2023-05-31", "max_tokens": bound, "messages": HELLO}


@pytest.mark.parametrize("model", ["us.anthropic.claude-x", "global.anthropic.claude-x", "anthropic.claude-x"])
def test_profiles_of_several_regions_are_counted_by_their_model(model: str) -> None:
    assert CODEC.url(target(model), asked()) == f"{BASE_URL}/model/anthropic.claude-x/count-tokens"


def test_tokens_of_other_models_are_not_counted_there() -> None:
    assert CODEC.serves is not None
    assert not CODEC.serves(target(NOVA))


@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff"])
def test_an_answer_without_a_count_is_the_providers_fault(raw: bytes) -> None:
    with pytest.raises(UpstreamError):
        CODEC.decode(raw, target(), asked())
