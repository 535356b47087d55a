"""A provider's own models, and its errors without its key."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.inference.registry import find
from adapters.wire.errors import GatewayError, UpstreamError
from config import schema
from gateway.provider import Provider
from tests.upstream import Step, Upstream, json_answer, whole

KEY = "upstream-secret-0123456789"

Start = Callable[..., Provider]


@pytest.fixture
async def start(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """A provider whose list of models is answered by these steps."""
    running: list[Provider] = []

    def begin(*steps: Step, **settings: Any) -> Provider:
        if steps:
            monkeypatch.setattr(upstream, "script_for", lambda request: steps)
        told = schema.Provider(base_url=upstream.base_url, api_key=KEY, **settings)
        running.append(Provider("lab", told, schema.Server(), find(told.dialect), Path()))
        return running[-1]

    yield begin
    for provider in running:
        await provider.close()


async def test_its_models_are_asked_for_with_its_key(start: Start, upstream: Upstream) -> None:
    assert await start().model_names() == ["talker", "embedder"]
    asked = upstream.unscripted[-1]
    assert asked.line == "GET /v1/models HTTP/1.1"
    assert asked.header("authorization") == f"Bearer {KEY}"


async def test_a_bare_list_is_understood(start: Start) -> None:
    assert await start(*json_answer([{"id": "a", "object": "model"}])).model_names() == ["a"]


@pytest.mark.parametrize("body", [b"hello", b"{}", b'{"data":[{}]}', b'{"data":[{"id":"\xff"}]}', b"[" * 100_000])
async def test_a_list_that_is_none_is_its_error(start: Start, body: bytes) -> None:
    with pytest.raises(UpstreamError, match="can't be read"):
        await start(*whole(200, body)).model_names()


async def test_a_refusal_is_told_without_the_key(start: Start) -> None:
    refused = json_answer({"error": {"message": f"Bad key {KEY}", "type": "t"}}, status=401)
    with pytest.raises(GatewayError) as caught:
        await start(*refused).model_names()
    assert caught.value.status == 401
    assert KEY not in caught.value.message
    assert KEY.encode() not in caught.value.body()


async def test_local_models_are_known_without_asking() -> None:
    provider = Provider("local", schema.Provider(dialect="local"), schema.Server(), find("local"), Path())
    assert "smollm2" in await provider.model_names()
    await provider.close()
