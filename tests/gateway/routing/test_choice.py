"""The route of a call: its own, or that of the first rule that fits."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.inference.contract import NoOptions
from adapters.wire.tokens import _load, count_chat
from adapters.wire.usage import Usage
from config.routing import Deployment, Model, Rule, When
from config.schema import Config, Provider
from gateway.auth import Caller
from gateway.call import Call, Reply
from gateway.routing.choice import Choice
from gateway.routing.conditions import Conditions
from gateway.routing.prompt_tokens import _LONGEST_TOKEN, _fewest
from gateway.routing.routes import Routes
from gateway.safety.routes import CheckRoutes
from tests.gateway.calls import a_call

LONG = [{"role": "user", "content": "word " * 1_000}]


class House:
    """A choice among `m` and `other`, with rules for `m`."""

    def __init__(self, *rules: Rule, tokens: int = 0, slow: bool = False) -> None:
        self.counted: list[str] = []
        self._tokens = tokens
        self._slow = slow
        self.gate = asyncio.Event()
        self.counting = asyncio.Event()
        models = {
            "m": Model(deployments=[Deployment(provider="lab", model="gpt-4")], rules=list(rules)),
            "other": Model(deployments=[Deployment(provider="lab", model="b")], rules=[Rule(use="m")]),
        }
        config = Config(providers={"lab": Provider(base_url="http://lab/v1")}, models=models)
        self._choice = Choice(self._answer, Routes(config, lambda name: NoOptions()), self._count, CheckRoutes({}, ()))

    def _answer(self, call: Call) -> Awaitable[Reply]:
        async def answer() -> Reply:
            return Reply(200, [])

        return answer()

    async def _count(self, call: Call) -> Usage:
        assert call.target is not None
        self.counted.append(call.target.model)
        self.counting.set()
        if self._slow:
            await self.gate.wait()
        return Usage(self._tokens, estimated=True)

    async def route(self, call: Call | None = None, **fields: Any) -> str:
        call = call or a_call(**fields)
        await self._choice(call)
        assert call.route is not None
        assert call.target is None
        return call.route.name


def over(tokens: int) -> Rule:
    return Rule(use="other", when=When(tokens_over=tokens))


async def test_a_rule_without_conditions_sends_every_call() -> None:
    assert await House(Rule(use="other")).route() == "other"


async def test_rules_of_the_other_route_are_not_asked() -> None:
    house = House(Rule(use="other"))
    call = a_call()
    call.body.model = "other"
    assert await house.route(call) == "m"


async def test_the_model_of_the_route_says_how_tokens_are_counted() -> None:
    house = House(over(600), tokens=601)
    assert await house.route(messages=LONG) == "other"
    assert house.counted == ["gpt-4"]


async def test_as_many_tokens_as_the_limit_are_not_over_it() -> None:
    assert await House(over(600), tokens=600).route(messages=LONG) == "m"


async def test_a_prompt_of_fewer_bytes_is_not_counted() -> None:
    house = House(over(8_000))
    assert await house.route(messages=LONG) == "m"
    assert house.counted == []


async def test_a_prompt_that_must_be_longer_is_not_counted() -> None:
    house = House(over(10))
    assert await house.route(messages=LONG) == "other"
    assert house.counted == []


async def test_several_rules_share_one_count() -> None:
    rules = (Rule(use="m", when=When(tokens_over=3_000)), over(1_000))
    house = House(*rules, tokens=2_000)
    assert await house.route(messages=LONG) == "other"
    assert len(house.counted) == 1


async def test_what_can_be_told_without_counting_is_told_first() -> None:
    house = House(Rule(use="other", when=When(tokens_over=600, keys=["team-b"])))
    assert await house.route(messages=LONG) == "m"
    assert house.counted == []


async def test_where_nothing_can_be_counted_bytes_are_judged() -> None:
    assert await House(over(1_000)).route(messages=LONG) == "other"
    assert await House(over(2_000)).route(messages=LONG) == "m"


async def test_counting_takes_no_more_time_than_the_call_has() -> None:
    house = House(over(600), slow=True)
    call = a_call(messages=LONG)
    call.client_headers[b"x-isthmus-timeout"] = b"0.05"
    assert await house.route(call) == "other"
    assert house.counted
    house.gate.set()


async def test_a_client_that_leaves_does_not_end_the_count_of_its_call() -> None:
    """The counting process serves one after the other, and would be started anew."""
    house = House(over(600), slow=True)
    task = asyncio.create_task(house.route(messages=LONG))
    await house.counting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (counting,) = house._choice._tokens._counting
    assert not counting.done()
    house.gate.set()
    assert (await counting).estimated


async def test_a_canarys_side_hangs_on_caller_and_prompt_alone() -> None:
    rule = Rule(use="other", share=0.5)
    one, two = House(rule), House(rule)
    for n in range(50):
        messages = [{"role": "user", "content": str(n)}]
        assert await one.route(messages=messages) == await two.route(messages=messages, temperature=0.1 * (n % 5))


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
async def test_a_canary_gets_its_share(share: float) -> None:
    house = House(Rule(use="other", share=share))
    sides = [await house.route(caller=Caller(f"key-{n}", ["*"])) for n in range(2_000)]
    assert sides.count("other") / 2_000 == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize(
    ("hours", "timezone", "now", "holds"),
    [
        ("08:00-17:00", "UTC", "2026-03-01T08:00", True),
        ("08:00-17:00", "UTC", "2026-03-01T16:59", True),
        ("08:00-17:00", "UTC", "2026-03-01T17:00", False),
        ("22:00-06:00", "UTC", "2026-03-01T23:00", True),
        ("22:00-06:00", "UTC", "2026-03-01T05:59", True),
        ("22:00-06:00", "UTC", "2026-03-01T06:00", False),
        ("00:00-00:00", "UTC", "2026-03-01T12:00", True),
        ("08:00-09:00", "Europe/Berlin", "2026-01-15T07:30", True),
        ("08:00-09:00", "Europe/Berlin", "2026-07-15T06:30", True),
        ("08:00-09:00", "Europe/Berlin", "2026-07-15T07:30", False),
        ("08:00-09:00", "Asia/Kathmandu", "2026-07-15T02:20", True),
    ],
)
async def test_hours_are_those_of_the_timezone(hours: str, timezone: str, now: str, holds: bool) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp()
    conditions = Conditions(When(hours=hours, timezone=timezone), clock=lambda: moment)
    assert conditions.hold(a_call(), None) is holds


TEXTS = st.one_of(st.text(max_size=200), st.sampled_from([" " * 500, "word " * 80, "\n" * 300, "a" * 400, "𝔘" * 50]))


@settings(deadline=None)
@given(texts=st.lists(TEXTS, max_size=4))
def test_the_bounds_hold_for_every_prompt(texts: list[str]) -> None:
    """Never more tokens than bytes, never fewer than the bytes of texts by the longest token."""
    messages = [{"role": "user", "content": text} for text in texts]

    async def check() -> None:
        call = a_call(messages=messages)
        counted = count_chat(messages, "gpt-4o")
        assert counted <= len(call.body.fields["messages"]) + 3
        assert _fewest(call.body) <= counted

    asyncio.run(check())


@pytest.mark.parametrize("encoding", ["cl100k_base", "o200k_base"])
def test_no_token_is_longer(encoding: str) -> None:
    assert max(map(len, _load(encoding).token_byte_values())) == _LONGEST_TOKEN
