"""Whom the balancer names, whom it lets in, and what it learns."""

import asyncio
import contextlib
import gc
from typing import Any, get_args

import pytest

from adapters.inference.contract import NoOptions, Target
from adapters.wire.errors import Overloaded
from adapters.wire.usage import Usage
from config.routing import Concurrency, Cooldown, Deployment, Model, Strategy
from config.schema import Config, Provider
from gateway.call import Attempt, Call
from gateway.observe.counters import Counters
from gateway.route import Route
from gateway.routing.balancer import Balancer
from gateway.routing.routes import Routes
from gateway.routing.standing import Standings
from tests.gateway.calls import a_call
from tests.gateway.routing.candidates import standing_of

PROVIDERS = {name: Provider(base_url=f"http://{name}/v1") for name in ("one", "two", "three")}


class House:
    """A balancer with what it stands on, and the routes of its configuration."""

    def __init__(
        self, standings: Standings | None = None, providers: dict[str, Provider] = PROVIDERS, **model: Any
    ) -> None:
        settings = {"cooldown": Cooldown(failures=1, seconds=15), "deployments": [on("one"), on("two")], **model}
        single = Model(deployments=[on("one")])
        config = Config(providers=providers, models={"m": Model(**settings), "single": single})
        self.standings = standings or Standings()
        self.counters = Counters()
        self.routes = Routes(config, lambda name: NoOptions())
        self.balancer = Balancer(self.routes, self.standings, self.counters)

    @property
    def route(self) -> Route:
        return self.routes.find("m")

    def call(self, model: str = "m") -> Call:
        call = a_call()
        call.route = self.routes.find(model)
        return call

    def order(self) -> list[str]:
        return [target.provider for target in self.balancer.order(self.call(), self.route)]

    async def enter(self, index: int = 0, model: str = "m") -> Target:
        call = self.call(model)
        assert call.route is not None
        target = call.route.targets[index]
        if (place := self.balancer.enter(call, target)) is not None:
            await place
        return target

    async def attempt(
        self, index: int = 0, status: int = 200, model: str = "m", retry_after: float | None = None
    ) -> None:
        """Go in, be answered so, and leave."""
        target = await self.enter(index, model)
        now = asyncio.get_running_loop().time()
        attempt = Attempt(b"att_1", target, "first", now)
        attempt.status, attempt.retry_after = status, retry_after
        attempt.first = attempt.ended = now + 0.5
        attempt.error = None if status < 400 else "server_error"
        attempt.usage = Usage(10, 20)
        self.balancer.leave(target, attempt)

    def rest_is_over(self, index: int = 0) -> None:
        standing = standing_of(self.standings, self.route.targets[index])
        assert standing.breaker is not None
        standing.breaker.until = asyncio.get_running_loop().time() - 0.001


def on(provider: str, **settings: Any) -> Deployment:
    return Deployment(provider=provider, model="x", **settings)


async def test_a_target_that_failed_is_left_out_while_it_rests() -> None:
    house = House()
    assert house.order() == ["one", "two"]
    await house.attempt(0, 500)
    assert house.order() == ["two"]
    assert house.counters.values["cooldowns_opened", "one", "x"] == 1


async def test_when_all_rest_the_call_is_refused_until_the_soonest_is_back() -> None:
    house = House()
    await house.attempt(0, 429, retry_after=40)
    await house.attempt(1, 429, retry_after=20)
    with pytest.raises(Overloaded) as caught:
        house.order()
    assert (caught.value.status, caught.value.code) == (503, "all_targets_resting")
    assert caught.value.retry_after == pytest.approx(20, abs=0.5)


async def test_the_only_target_of_a_route_never_rests() -> None:
    house = House()
    for _ in range(10):
        await house.attempt(0, 500, model="single")
    assert house.balancer.order(house.call("single"), house.routes.find("single"))
    await house.attempt(0, 200, model="single")


async def test_after_its_rest_one_probe_is_let_in() -> None:
    house = House()
    await house.attempt(0, 500)
    house.rest_is_over()
    assert house.order() == ["one", "two"]
    target = await house.enter(0)
    assert house.order() == ["two"]
    with pytest.raises(Overloaded):
        await house.enter(0)
    house.balancer.leave(target, None)
    assert house.order() == ["one", "two"]


async def test_a_probe_that_succeeds_brings_the_target_back() -> None:
    house = House()
    await house.attempt(0, 500)
    house.rest_is_over()
    await house.attempt(0, 200)
    assert house.order() == ["one", "two"]
    await house.enter(0)
    await house.enter(0)
    assert house.counters.values["cooldowns_closed", "one", "x"] == 1


async def test_a_probe_that_finds_no_place_makes_way_for_another() -> None:
    house = House(deployments=[on("one", concurrency=Concurrency(start=1, queue=0)), on("two")])
    full = await house.enter(0)
    standing = standing_of(house.standings, full)
    assert standing.breaker is not None
    standing.breaker.hear(asyncio.get_running_loop().time() - 0.001, 1)
    with pytest.raises(Overloaded):
        await house.enter(0)
    assert house.order() == ["one", "two"]
    assert house.counters.values["queue_refusals", "one", "x"] == 1


async def test_what_is_known_outlives_a_configuration() -> None:
    before = House()
    await before.attempt(0, 500)
    assert House(before.standings).order() == ["two"]


async def test_a_provider_whose_settings_changed_is_another_one() -> None:
    before = House()
    await before.attempt(0, 500)
    moved = {**PROVIDERS, "one": Provider(base_url="http://elsewhere/v1")}
    assert House(before.standings, moved).order() == ["one", "two"]


async def test_what_is_under_way_when_the_configuration_changes_is_counted_down() -> None:
    before = House()
    target = await before.enter(0)
    after = House(before.standings)
    before.balancer.leave(target, None)
    assert [gauge.in_flight for gauge in after.standings.snapshot()] == [0, 0]


async def test_a_target_is_given_no_more_than_its_concurrency() -> None:
    house = House(deployments=[on("one", concurrency=Concurrency(start=2, queue=0)), on("two")])
    await house.enter(0)
    target = await house.enter(0)
    with pytest.raises(Overloaded):
        await house.enter(0)
    house.balancer.leave(target, None)
    await house.enter(0)


async def test_the_snapshot_tells_of_every_target() -> None:
    house = House(deployments=[on("one", concurrency=Concurrency(start=1)), on("two")])
    await house.enter(0)
    waiting = asyncio.ensure_future(house.enter(0))
    await asyncio.sleep(0)
    await house.attempt(1, 500)
    one, two = house.standings.snapshot()
    assert (one.provider, one.model, one.in_flight, one.limit, one.queued, one.resting) == ("one", "x", 1, 1, 1, 0)
    assert (two.provider, two.in_flight, two.limit, two.queued) == ("two", 0, None, 0)
    assert two.resting == pytest.approx(15, abs=0.5)
    waiting.cancel()


async def test_the_time_to_the_first_content_is_learned() -> None:
    house = House()
    target = house.route.targets[0]
    for _ in range(19):
        await house.attempt(0)
    assert house.balancer.first_content_within(target, 0.95) is None
    await house.attempt(0)
    assert house.balancer.first_content_within(target, 0.95) == pytest.approx(0.5)


async def test_requests_and_tokens_are_counted_where_a_strategy_goes_by_them() -> None:
    house = House(strategy="usage_based")
    await house.attempt(0)
    standing = standing_of(house.standings, house.route.targets[0])
    assert standing.minute.used(asyncio.get_running_loop().time()) == (1, 30)


async def test_a_target_that_no_model_names_is_nobodys_business() -> None:
    house = House()
    stranger = Routes(Config(providers=PROVIDERS), lambda name: NoOptions()).find("one/other").targets[0]
    assert house.balancer.enter(house.call(), stranger) is None
    house.balancer.leave(stranger, None)
    assert house.balancer.first_content_within(stranger, 0.95) is None


@pytest.mark.parametrize("strategy", get_args(Strategy))
async def test_calls_leave_no_garbage(strategy: str) -> None:
    """Only reference counts free what a call needed, a place in the line and a refusal included."""
    full = Concurrency(start=1, most=1, queue=1)
    house = House(strategy=strategy, deployments=[on("one", concurrency=full), on("two", requests_per_minute=5)])

    async def calls() -> None:
        for _ in range(10):
            house.order()
            inside = await house.enter(0)
            waiting = asyncio.ensure_future(house.enter(0))
            await asyncio.sleep(0)
            with contextlib.suppress(Overloaded):
                await house.enter(0)
            house.balancer.leave(inside, None)
            house.balancer.leave(await waiting, None)
            await house.attempt(1)

    async def left_by_calls() -> int:
        await calls()
        return gc.collect()

    await left_by_calls()
    gc.disable()
    try:
        assert min([await left_by_calls() for _ in range(3)]) == 0  # others in this process may leave something
    finally:
        gc.enable()
