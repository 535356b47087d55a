"""What workers tell each other of targets, through a real Redis: two of them in one process."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from adapters.inference.contract import NoOptions, Target
from adapters.wire.errors import Overloaded
from config.routing import Cooldown, Deployment, Model
from config.schema import Config, Provider
from gateway.call import Attempt, Call
from gateway.observe.counters import Counters
from gateway.routing.balancer import Balancer
from gateway.routing.cooldown import Breaker
from gateway.routing.routes import Routes
from gateway.routing.shared import Shared
from gateway.routing.standing import Standings
from gateway.state.faults import RedisUnavailable
from gateway.state.redis import Redis
from tests.gateway.calls import a_call
from tests.gateway.routing.candidates import standing_of
from tests.services.redis import RedisServer


@dataclass
class Worker:
    """A balancer of its own, and what it tells and hears when the test says so."""

    routes: Routes
    balancer: Balancer
    standings: Standings
    shared: Shared
    redis: Redis

    @property
    def target(self) -> Target:
        return self.routes.find("m").targets[0]

    @property
    def breaker(self) -> Breaker:
        standing = standing_of(self.standings, self.target)
        assert standing.breaker is not None
        return standing.breaker

    def call(self) -> Call:
        call = a_call()
        call.route = self.routes.find("m")
        return call

    def order(self) -> list[str]:
        return [each.provider for each in self.balancer.order(self.call(), self.routes.find("m"))]

    async def enter(self) -> Attempt:
        if (place := self.balancer.enter(self.call(), self.target)) is not None:
            await place
        return Attempt(b"att_1", self.target, "first", asyncio.get_running_loop().time())

    def leave(self, attempt: Attempt, status: int) -> None:
        attempt.status = status
        attempt.error = None if status == 200 else "server_error"
        self.balancer.leave(self.target, attempt)

    async def attempt(self, status: int) -> None:
        self.leave(await self.enter(), status)
        await self.shared.exchange()


def worker(server: RedisServer, **cooldown: float) -> Worker:
    deployments = [Deployment(provider=name, model="x") for name in ("one", "two")]
    settings = Cooldown(**{"failures": 1, "seconds": 60, **cooldown})  # type: ignore[arg-type]
    config = Config(
        providers={name: Provider(base_url=f"http://{name}/v1") for name in ("one", "two")},
        models={"m": Model(deployments=deployments, cooldown=settings)},
    )
    standings = Standings()
    redis = Redis(server.settings(timeout_ms=2_000), Counters())
    shared = Shared(redis, standings)
    routes = Routes(config, lambda name: NoOptions())
    return Worker(routes, Balancer(routes, standings, Counters(), shared), standings, shared, redis)


@pytest.fixture
async def workers(own_redis: RedisServer) -> AsyncIterator[tuple[Worker, Worker]]:
    both = worker(own_redis, seconds=0.3), worker(own_redis, seconds=0.3)
    yield both
    for each in both:
        await each.redis.close()


async def rest(each: Worker) -> None:
    """Wait until a worker may be asked for a probe."""
    await asyncio.sleep(each.breaker.rests(asyncio.get_running_loop().time()) + 0.01)


async def test_an_opening_is_heard_with_what_is_left_of_it(own_redis: RedisServer) -> None:
    one, other = worker(own_redis), worker(own_redis)
    await one.attempt(500)
    await other.shared.exchange()
    now = asyncio.get_running_loop().time()
    assert other.breaker.rests(now) == pytest.approx(one.breaker.rests(now), abs=0.5)
    assert other.order() == ["two"]
    for each in (one, other):
        await each.redis.close()


async def test_one_probe_is_granted_to_both_together(workers: tuple[Worker, Worker]) -> None:
    one, other = workers
    await one.attempt(500)
    await other.shared.exchange()
    await rest(one)
    await rest(other)
    probe = await one.enter()
    with pytest.raises(Overloaded):
        await other.enter()
    assert other.order() == ["two"]
    one.leave(probe, 200)
    await one.shared.exchange()
    await other.shared.exchange()
    assert other.order() == ["one", "two"]
    assert other.breaker.until is None


async def test_a_probe_that_fails_makes_both_rest_twice_as_long(workers: tuple[Worker, Worker]) -> None:
    one, other = workers
    await one.attempt(500)
    await other.shared.exchange()
    await rest(one)
    await one.attempt(500)
    await other.shared.exchange()
    assert (one.breaker.openings, other.breaker.openings) == (2, 2)


async def test_no_probe_is_granted_to_one_that_has_not_heard_of_the_longer_rest(
    workers: tuple[Worker, Worker],
) -> None:
    one, other = workers
    await one.attempt(500)
    await other.shared.exchange()
    await rest(one)
    await one.attempt(500)
    await rest(other)
    with pytest.raises(Overloaded):
        await other.enter()


async def test_a_probe_that_never_began_makes_way(workers: tuple[Worker, Worker]) -> None:
    one, other = workers
    await one.attempt(500)
    await other.shared.exchange()
    await rest(one)
    await rest(other)
    await one.enter()
    one.balancer.leave(one.target, None)
    await one.shared.exchange()
    await other.enter()


async def test_successes_of_all_count_together(own_redis: RedisServer) -> None:
    one, other = (worker(own_redis, seconds=0.3, probes=2) for _ in range(2))
    await one.attempt(500)
    await other.shared.exchange()
    await rest(one)
    await rest(other)
    first, second = await one.enter(), await other.enter()
    one.leave(first, 200)
    await one.shared.exchange()
    assert one.breaker.until is not None
    other.leave(second, 200)
    await other.shared.exchange()
    assert other.breaker.until is None
    for each in (one, other):
        await each.redis.close()


async def test_what_a_closing_told_does_not_hide_new_failures(own_redis: RedisServer) -> None:
    """It stays in Redis for some seconds, and is read again and again."""
    one = worker(own_redis, seconds=0.3, failures=2)
    await one.attempt(500)
    await one.attempt(500)
    await rest(one)
    await one.attempt(200)
    await one.attempt(500)
    await one.attempt(500)
    assert one.breaker.until is not None
    await one.redis.close()


async def test_what_redis_was_not_told_it_is_told_later(own_redis: RedisServer) -> None:
    one, other = worker(own_redis), worker(own_redis)
    own_redis.stop()
    with pytest.raises(RedisUnavailable):
        await one.attempt(500)
    own_redis.start()
    while other.breaker.until is None:
        for each in (one, other):
            try:
                await each.shared.exchange()
            except RedisUnavailable:
                await asyncio.sleep(0.05)
    assert other.order() == ["two"]
    for each in (one, other):
        await each.redis.close()


async def test_without_redis_a_probe_is_its_own_affair(own_redis: RedisServer) -> None:
    one = worker(own_redis, seconds=0.3)
    await one.attempt(500)
    own_redis.stop()
    await rest(one)
    probe = await one.enter()
    one.leave(probe, 200)
    assert one.order() == ["one", "two"]
    await one.redis.close()
