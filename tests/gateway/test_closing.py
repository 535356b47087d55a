"""What comes after answers: for all of a turn together, before anything later."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from adapters.wire.body import Body
from gateway.auth import ANYBODY
from gateway.call import Call
from gateway.closing import Closing
from gateway.onion import Running


def call_of(name: bytes) -> Call:
    return Call("chat", name, ANYBODY, Body({}, "gpt", stream=False, wants_usage=False), {}, 0.0)


async def test_calls_are_closed_before_what_comes_later_is_looked_at() -> None:
    seen: list[str] = []
    closing, running = Closing(), Running()
    for name in ("a", "b"):
        call = call_of(name.encode())
        call.on_close.append(lambda call: seen.append(call.request_id.decode()))
        running.enter()
        closing.add(call, running)
    asyncio.get_running_loop().call_soon(seen.append, "later")
    assert seen == []
    await running.wait()
    assert seen == ["a", "b", "later"]
    assert running.count == 0


def _break(call: Call) -> None:
    raise ZeroDivisionError


async def test_one_that_fails_keeps_no_other_open(caplog: pytest.LogCaptureFixture) -> None:
    closed: list[Call] = []
    closing, running = Closing(), Running()
    broken, whole = call_of(b"broken"), call_of(b"whole")
    broken.on_close.append(_break)
    whole.on_close.append(closed.append)
    for call in (broken, whole):
        running.enter()
        closing.add(call, running)
    with caplog.at_level(logging.ERROR, "isthmus.closing"):
        await running.wait()
    assert closed == [whole]
    assert "broken: what comes after the answer failed" in caplog.text


def _say(step: str, seen: list[str]) -> Callable[[Call], None]:
    return lambda call: seen.append(f"{step} {call.request_id.decode()}")


async def test_each_step_is_done_for_all_before_the_next_which_for_each_is_the_one_before_it() -> None:
    seen: list[str] = []
    closing, running = Closing(), Running()
    for name in ("a", "b"):
        call = call_of(name.encode())
        for step in ("outer", "inner"):
            call.on_close.append(_say(step, seen))
        running.enter()
        closing.add(call, running)
    await running.wait()
    assert seen == ["inner a", "inner b", "outer a", "outer b"]


async def test_a_step_that_fails_keeps_none_of_the_others_from_being_done(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Call] = []
    closing, running = Closing(), Running()
    call = call_of(b"broken")
    call.on_close += [seen.append, _break]
    running.enter()
    closing.add(call, running)
    with caplog.at_level(logging.ERROR, "isthmus.closing"):
        await running.wait()
    assert seen == [call]
