"""sticky: what belongs together goes to one target, and only the keys of one that leaves move."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.routing import Sticky as Settings
from gateway.auth import Caller
from gateway.call import Call
from gateway.routing.strategies.sticky import Sticky
from tests.gateway.calls import a_call
from tests.gateway.routing.candidates import NO_CALL, candidates, names

AMONG = candidates(5)


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def order(call: Call, **settings: Any) -> list[str]:
    return names(Sticky(Settings(**settings)).order(call, AMONG))


class _Prefixed(Sticky):
    """Its keys are given, so that the hash is tested alone."""

    def __init__(self, key: bytes) -> None:
        super().__init__(Settings())
        self.key = key

    def _key(self, call: Call) -> bytes:
        return self.key


@given(key=st.binary(max_size=64), number=st.integers(2, 12), leaver=st.integers(0, 11))
def test_when_one_leaves_only_its_own_keys_move_each_to_its_second_choice(key: bytes, number: int, leaver: int) -> None:
    among, strategy = candidates(number), _Prefixed(key)
    before = names(strategy.order(NO_CALL, among))
    gone = f"p{leaver % number}"
    after = names(strategy.order(NO_CALL, [each for each in among if each.target.provider != gone]))
    assert after == [name for name in before if name != gone]


def test_keys_are_spread_evenly() -> None:
    firsts = [names(_Prefixed(b"%d" % n).order(NO_CALL, AMONG))[0] for n in range(2_000)]
    for each in AMONG:
        assert firsts.count(each.target.provider) == pytest.approx(400, rel=0.25)


async def test_a_prefix_stays_while_the_conversation_goes_on() -> None:
    system = said("system", "You are helpful. " * 300)
    first = a_call(messages=[system, said("user", "Hello")])
    second = a_call(messages=[system, said("user", "Bye"), said("assistant", "Oh."), said("user", "Well")])
    assert order(first, by="prefix") == order(second, by="prefix")


async def test_other_prefixes_and_tools_may_go_elsewhere() -> None:
    firsts = {order(a_call(messages=[said("system", f"Number {n}")]), by="prefix")[0] for n in range(100)}
    assert len(firsts) == 5
    calls = [a_call(messages=[said("user", "x")], tools=[{"type": "function", "n": n}]) for n in range(100)]
    assert len({order(call, by="prefix")[0] for call in calls}) == 5


async def test_a_prefix_is_the_same_whoever_calls() -> None:
    messages = [said("user", "x")]
    assert order(a_call(caller=Caller("a", ["*"]), messages=messages), by="prefix") == order(
        a_call(caller=Caller("b", ["*"]), messages=messages), by="prefix"
    )


async def test_a_conversation_goes_by_its_messages_up_to_the_first_answer() -> None:
    opening = [said("system", "Be kind."), said("user", "Hello")]
    first = a_call(messages=opening)
    later = a_call(messages=[*opening, said("assistant", "Hi."), said("user", "What is new?")])
    assert order(first, by="conversation") == order(later, by="conversation")
    others = {order(a_call(messages=[said("user", f"Hello {n}")]), by="conversation")[0] for n in range(100)}
    assert len(others) == 5


async def test_a_conversation_goes_by_its_prompt_cache_key_where_it_has_one() -> None:
    calls = [a_call(messages=[said("user", str(n))], prompt_cache_key="c-1") for n in range(20)]
    assert len({tuple(order(call, by="conversation")) for call in calls}) == 1
    others = {order(a_call(prompt_cache_key=f"c-{n}"), by="conversation")[0] for n in range(100)}
    assert len(others) == 5


async def test_a_user_is_the_callers_own() -> None:
    calls = [a_call(messages=[said("user", str(n))], user="ann") for n in range(20)]
    assert len({tuple(order(call, by="user")) for call in calls}) == 1
    others = {order(a_call(caller=Caller(f"key-{n}", ["*"]), user="ann"), by="user")[0] for n in range(100)}
    assert len(others) == 5


@pytest.mark.parametrize("by", ["user", "conversation", "prefix"])
@pytest.mark.parametrize("fields", [{}, {"messages": 1}, {"messages": [1]}, {"user": 3}, {"messages": [{"role": []}]}])
async def test_fields_of_wrong_types_are_for_the_provider_to_judge(by: str, fields: dict[str, Any]) -> None:
    assert len(order(a_call(**fields), by=by)) == 5
