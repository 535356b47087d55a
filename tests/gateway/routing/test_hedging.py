"""What hedging may cost: shares of the calls and of their money, counted in the prices of the targets."""

import asyncio

import pytest
from msgspec import Raw

from adapters.inference.contract import NoOptions, Target
from adapters.wire.usage import Usage
from config.facts import Facts, Prices
from config.routing import Deployment, Hedge, Model
from config.schema import Provider
from gateway.route import Route
from gateway.routing.hedging import Allowance
from tests.gateway.calls import a_call

TARGETS = tuple(
    Target("lab", name, Raw(b'"x"'), Provider(base_url="http://lab/v1"), NoOptions()) for name in ("cheap", "dear")
)
CHEAP, DEAR = TARGETS
PRICES = (Prices(prompt=0.05, completion=0.4, version="1"), Prices(prompt=0.15, completion=0.6, version="1"))
"""Dollars for a million tokens."""


def allowance(*prices: Prices | None) -> Allowance:
    settings = Model(deployments=[Deployment(provider="lab", model=each.model) for each in TARGETS], hedge=Hedge())
    facts = tuple(Facts(prices=each) for each in prices)
    return Allowance(Route("m", settings, TARGETS, facts), share=1, cost_share=0.1)


def settled(made: Allowance, target: Target, usage: Usage) -> None:
    call = a_call()
    call.target, call.usage = target, usage
    made.settle(call)


def test_prices_of_less_than_a_dollar_weigh_what_they_are() -> None:
    made = allowance(*PRICES)
    assert made.weigh(Usage(1_000, 100), CHEAP) == 50_000 + 40_000
    assert made.weigh(Usage(1_000, 100), DEAR) == 150_000 + 60_000


def test_the_cost_of_one_token_is_never_nothing() -> None:
    assert allowance(Prices(prompt=0.0001, completion=0, version="1"), PRICES[1]).weigh(Usage(1), CHEAP) == 1


def test_where_a_price_is_unknown_tokens_stand_for_money() -> None:
    assert allowance(PRICES[0], None).weigh(Usage(1_000, 100), CHEAP) == 1_100


@pytest.mark.parametrize(("losers", "word"), [(0, "sent"), (1, "sent"), (2, "over_cost_share")])
async def test_losers_are_held_against_what_calls_cost_in_money(losers: int, word: str) -> None:
    made = allowance(*PRICES)
    now = asyncio.get_running_loop().time()
    for _ in range(10):
        made.requests.add(now)
    settled(made, CHEAP, Usage(40_000, 5_000))  # 4,000,000 nano-dollars, of which losers may cost 400,000
    for _ in range(losers):
        made.lose(now, Usage(1_000), DEAR)  # 150,000 each
    assert made.take(now, made.weigh(Usage(1_000), DEAR)) == word
