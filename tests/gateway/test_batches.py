"""Embeddings of more inputs than the provider takes at once, at a real upstream."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest

from adapters.inference.contract import Target
from adapters.wire.errors import UpstreamError
from config.schema import Config, EmbeddingsLimits, Provider
from gateway.dispatch import Dispatch
from gateway.onion import Live, build
from tests.gateway.calls import a_call, surroundings
from tests.upstream import Gate, Hang, Request, Step, Upstream, json_answer

Start = Callable[..., tuple[Dispatch, Target]]


@pytest.fixture
async def start(upstream: Upstream) -> AsyncIterator[Start]:
    """A dispatch to a provider that takes two inputs at once."""
    running: list[Live] = []

    def begin(answer: Any, **settings: Any) -> tuple[Dispatch, Target]:
        around = surroundings()
        told = Provider(base_url=upstream.base_url, embeddings=EmbeddingsLimits(max_inputs=2), **settings)
        live = Live(build(Config(providers={"lab": told}), around), around)
        running.append(live)
        case = upstream.on(answer)
        return Dispatch(live.onion.providers, live.count), live.onion.routes.find(f"lab/{case.name}").targets[0]

    yield begin
    for live in running:
        await live.close()


def lengths(request: Request) -> Iterable[Step]:
    """An answer whose vectors are the lengths of the inputs."""
    inputs = request.json["input"]
    data = [{"object": "embedding", "index": i, "embedding": [len(text)]} for i, text in enumerate(inputs)]
    usage = {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}
    return json_answer({"object": "list", "data": data, "model": "m", "usage": usage})


async def test_the_answers_come_back_as_one_in_the_order_of_the_inputs(start: Start) -> None:
    dispatch, target = start(lengths)
    call = a_call("embeddings", input=["a" * n for n in range(1, 12)])
    reply = await dispatch.attempt(call, target)
    data = json.loads(reply.body)["data"]
    assert [item["embedding"] for item in data] == [[n] for n in range(1, 12)]
    assert [item["index"] for item in data] == list(range(11))
    assert (b"content-length", str(len(reply.body)).encode()) in reply.headers


async def test_usage_is_the_sum_of_all_parts(start: Start) -> None:
    dispatch, target = start(lengths)
    call = a_call("embeddings", input=["a"] * 5)
    reply = await dispatch.attempt(call, target)
    assert json.loads(reply.body)["usage"]["prompt_tokens"] == 5
    assert call.usage is not None
    assert call.usage.prompt_tokens == 5


async def test_a_part_that_tells_no_usage_leaves_it_untold(start: Start) -> None:
    dispatch, target = start(json_answer({"data": []}))
    call = a_call("embeddings", input=["a"] * 3)
    await dispatch.attempt(call, target)
    assert call.usage is None


async def test_as_many_as_fit_are_sent_in_one_request(start: Start) -> None:
    seen: list[int] = []

    def count(request: Request) -> Iterable[Step]:
        seen.append(len(request.json["input"]))
        return lengths(request)

    dispatch, target = start(count)
    await dispatch.attempt(a_call("embeddings", input=["a", "b"]), target)
    await dispatch.attempt(a_call("embeddings", input=["a", "b", "c"]), target)
    assert seen[0] == 2
    assert sorted(seen[1:]) == [1, 2]


async def test_the_first_part_that_fails_is_what_the_client_is_told(start: Start) -> None:
    def refuse_the_last(request: Request) -> Iterable[Step]:
        if "bad" in request.json["input"]:
            return json_answer({"error": {"message": "no", "type": "t", "code": None, "param": None}}, status=422)
        return lengths(request)

    dispatch, target = start(refuse_the_last)
    with pytest.raises(UpstreamError, match="no") as caught:
        await dispatch.attempt(a_call("embeddings", input=["a", "b", "c", "bad"]), target)
    assert caught.value.status == 422


async def test_a_client_that_leaves_ends_every_part(start: Start) -> None:
    seen: list[Request] = []
    both = Gate()

    def wait(request: Request) -> Iterable[Step]:
        seen.append(request)
        return (both, Hang()) if len(seen) == 2 else (Hang(),)

    dispatch, target = start(wait)
    asked = asyncio.ensure_future(dispatch.attempt(a_call("embeddings", input=["a"] * 4), target))
    await asyncio.to_thread(both.await_reached)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    both.open()
    for request in seen:
        await asyncio.to_thread(request.closed_at)
