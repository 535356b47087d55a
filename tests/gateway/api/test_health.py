"""Who is told what of the gateway's health."""

from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from config.schema import Config
from gateway.app import App
from gateway.observe.health import Health, Phase
from gateway.onion import Live, build
from tests.gateway.calls import surroundings


async def ask(path: str, health: Health) -> tuple[int, Any]:
    around = surroundings()
    around.health.phase = health.phase
    around.health.checks += health.checks
    async with AsyncTestClient(App(Live(build(Config(), around), around)).litestar) as client:
        answer = await client.get(path)
    return answer.status_code, answer.json()


def in_phase(phase: Phase) -> Health:
    health = Health()
    health.phase = phase
    return health


@pytest.mark.parametrize("phase", ["starting", "draining"])
async def test_a_gateway_that_takes_no_requests_is_not_ready_and_lives(phase: Phase) -> None:
    assert await ask("/health/ready", in_phase(phase)) == (503, {"status": phase})
    assert await ask("/health/live", in_phase(phase)) == (200, {"status": "ok"})


async def test_a_gateway_that_serves_is_ready() -> None:
    assert await ask("/health/ready", in_phase("serving")) == (200, {"status": "ok"})


async def test_what_is_degraded_is_named_and_the_gateway_stays_ready() -> None:
    health = in_phase("serving")
    health.checks += [lambda: [("redis", "down since 12 s")], list, lambda: [("provider lab", "resting")]]
    assert await ask("/health/ready", health) == (
        200,
        {"status": "degraded", "degraded": {"redis": "down since 12 s", "provider lab": "resting"}},
    )
    assert {gauge[1] for gauge in health.gauges()} == {("redis",), ("provider lab",)}
