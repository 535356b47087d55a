"""Who leads a call, as replicas agree on it: in one Redis, and in a cluster."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.wire.errors import UpstreamError
from config import state
from gateway.observe.counters import Counters
from gateway.state.publication import Publication
from gateway.state.redis import Redis
from gateway.state.replicas import Replicas
from tests.gateway.state.test_redis import eventually
from tests.services.redis import Cluster, RedisServer, free_port


@pytest.fixture(params=["server", "cluster"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Replicas, Replicas]]:
    if request.param == "cluster":
        cluster: Cluster = request.getfixturevalue("redis_cluster")
        settings = state.Redis(url=cluster.url, timeout_ms=5_000)
    else:
        server: RedisServer = request.getfixturevalue("own_redis")
        settings = server.settings(timeout_ms=5_000)
    both = [Redis(settings, Counters()) for _ in range(2)]
    yield Replicas(both[0]), Replicas(both[1])
    for redis in both:
        await redis.close()


async def test_the_first_leads_until_it_has_ended(pair: tuple[Replicas, Replicas]) -> None:
    first, second = pair
    led = await first.join("ends", is_second=False)
    assert isinstance(led, Publication)
    assert isinstance(await second.join("ends", is_second=False), str)
    led.failed(UpstreamError("Later.", status=503))

    async def leads() -> bool:
        found = await second.join("ends", is_second=True)
        if isinstance(found, Publication):
            found.failed(asyncio.CancelledError())
        return isinstance(found, Publication)

    await eventually(leads)


async def test_a_leader_learns_that_somebody_waits(pair: tuple[Replicas, Replicas]) -> None:
    first, second = pair
    led = await first.join("waits", is_second=False)
    assert isinstance(led, Publication)
    assert not led.is_wanted
    leader = await second.join("waits", is_second=False)
    assert isinstance(leader, str)
    await second.ask_to_publish(leader)

    async def wanted() -> bool:
        return led.is_wanted

    await eventually(wanted)
    led.failed(asyncio.CancelledError())


async def test_without_redis_everybody_goes_alone() -> None:
    redis = Redis(state.Redis(url=f"redis://127.0.0.1:{free_port()}"), Counters())
    assert await Replicas(redis).join("alone", is_second=False) is None
    await redis.close()
