"""A configuration at work, and the swap to the next."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.wire.errors import Unauthorized
from config.access import Key
from config.routing import Deployment, Model
from config.schema import Config, Limits, Provider, Server
from gateway.call import Call
from gateway.onion import Live, build
from tests.gateway.calls import a_call, surroundings
from tests.upstream import Gate, Upstream, json_answer

LAB = Provider(base_url="http://lab.invalid/v1")
OTHER = Provider(base_url="http://other.invalid/v1")


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    around = surroundings()
    running = Live(build(Config(providers={"lab": LAB, "other": OTHER}), around), around)
    yield running
    await running.close()


async def test_an_unchanged_provider_is_taken_over(live: Live) -> None:
    before = live.onion.providers
    live.swap(Config(providers={"lab": LAB, "other": Provider(base_url="http://elsewhere.invalid/v1")}))
    assert live.onion.providers["lab"] is before["lab"]
    assert live.onion.providers["other"] is not before["other"]


async def test_what_every_provider_gets_from_the_server_changes_them_all(live: Live) -> None:
    before = live.onion.providers["lab"]
    live.swap(Config(server=Server(limits=Limits(answer_bytes=2_048)), providers={"lab": LAB}))
    assert live.onion.providers["lab"] is not before


async def test_keys_and_models_are_those_of_the_new_one(live: Live) -> None:
    key = Key(name="a", key="sk-0123456789")
    models = {"fast": Model(deployments=[Deployment(provider="lab", model="llama")])}
    live.swap(Config(keys=[key], providers={"lab": LAB}, models=models))
    assert live.onion.routes.names == ["fast"]
    with pytest.raises(Unauthorized):
        live.onion.keyring.known({})


async def test_a_changed_provider_is_closed_after_its_last_call(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = asyncio.Event()

    async def close() -> None:
        closed.set()

    old = live.onion
    monkeypatch.setattr(type(old.providers["other"]), "close", lambda self: close())
    old.running.enter()
    old.running.enter()
    live.swap(Config(providers={"lab": LAB}))
    old.running.leave()
    await asyncio.sleep(0.01)
    assert not closed.is_set()
    old.running.leave()
    await asyncio.wait_for(closed.wait(), 5)


async def test_a_call_passes_every_layer_to_the_provider_and_is_told_to_the_sinks(upstream: Upstream) -> None:
    told: list[Call] = []
    around = surroundings(told.append)
    gate = Gate()
    case = upstream.on((gate, *json_answer({"choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 3}})))
    live = Live(build(Config(providers={"lab": Provider(base_url=upstream.base_url)}), around), around)
    call = a_call(model=f"lab/{case.name}")
    asking = asyncio.ensure_future(live.onion.handler(call))
    await asyncio.to_thread(gate.await_reached)
    assert around.in_flight.total() == 1
    gate.open()
    reply = await asking
    assert (reply.status, call.usage and call.usage.completion_tokens) == (200, 3)
    call.close()
    assert around.in_flight.total() == 0
    assert told == [call]
    await live.close()
