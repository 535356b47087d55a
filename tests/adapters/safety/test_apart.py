"""Work in a process of its own: faults stay there, and the next piece of work is done."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from adapters.safety.apart import Apart
from adapters.safety.contract import CheckUnavailable
from tests.adapters.safety.frames import answers
from tests.gateway_process import lives

WORK = "tests.adapters.safety.apart_work"


@pytest.fixture
async def apart() -> AsyncIterator[Apart]:
    apart = Apart(WORK, {}, 10.0)
    yield apart
    await apart.close()


async def pid_of(apart: Apart) -> int:
    pid = msgspec.json.decode(await apart.do("hello"))["pid"]
    assert isinstance(pid, int)
    return pid


async def test_one_process_does_one_piece_after_the_other(apart: Apart) -> None:
    await apart.start()
    answers = await asyncio.gather(*(apart.do({"number": number}) for number in range(20)))
    assert [msgspec.json.decode(each)["message"]["number"] for each in answers] == list(range(20))
    assert len({msgspec.json.decode(each)["pid"] for each in answers}) == 1


async def test_a_fault_is_named_without_its_words(apart: Apart) -> None:
    with pytest.raises(CheckUnavailable, match=r"^KeyError$"):
        await apart.do({"raise": "a secret"})
    await pid_of(apart)


async def test_a_process_that_ends_fails_its_work_and_is_started_again(apart: Apart) -> None:
    first = await pid_of(apart)
    with pytest.raises(CheckUnavailable, match="its process ended"):
        await apart.do({"exit": 1})
    assert await pid_of(apart) != first


async def test_work_that_takes_too_long_is_killed() -> None:
    apart = Apart(WORK, {}, 0.2)
    await apart.start()
    assert apart._process is not None
    pid = apart._process.pid
    with pytest.raises(CheckUnavailable, match="took longer than"):
        await apart.do({"sleep": 60})
    assert not lives(pid)
    await apart.close()


async def test_whoever_stops_waiting_does_not_spoil_the_next(apart: Apart) -> None:
    await apart.start()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await apart.do({"sleep": 0.2})
    assert msgspec.json.decode(await apart.do("next"))["message"] == "next"


async def test_what_can_not_begin_says_so() -> None:
    for apart, words in (
        (Apart(WORK, {"fault": 1}, 1.0), "^it can't be opened: ValueError$"),
        (Apart("tests.adapters.safety.nothing", {}, 1.0), "ModuleNotFoundError"),
        (Apart(WORK, {}, 1.0, start_seconds=0.001), "did not start"),
    ):
        with pytest.raises(CheckUnavailable, match=words):
            await apart.start()
        await apart.close()


def test_the_process_ends_by_itself_once_nobody_speaks_to_it_any_more() -> None:
    ready, *done = answers(WORK, {}, "one", {"raise": "a secret"}, "two")
    assert ready == {}
    assert [answer.get("message", answer) for answer in done] == ["one", {"fault": "KeyError"}, "two"]
    assert answers(WORK, {"fault": 1}, "one") == [{"fault": "it can't be opened: ValueError"}]


async def test_an_answer_that_is_too_long_ends_the_process_and_not_the_next(
    apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await pid_of(apart)
    monkeypatch.setattr("adapters.safety.apart._ANSWER_MAX", 1_000)
    with pytest.raises(CheckUnavailable, match="its process ended"):
        await apart.do("x" * 1_000)
    assert not lives(first)
    assert await pid_of(apart) != first


async def test_a_start_that_nobody_waits_for_any_more_leaves_no_process(apart: Apart) -> None:
    starting = asyncio.ensure_future(apart.start())
    async with asyncio.timeout(10):
        while apart._process is None:  # noqa: ASYNC110 - it is there before anybody is told
            await asyncio.sleep(0)
    pid = apart._process.pid
    starting.cancel()
    await asyncio.wait({starting})
    assert starting.cancelled()
    assert not lives(pid)


async def test_it_ends_with_its_check(apart: Apart) -> None:
    pid = await pid_of(apart)
    working = asyncio.ensure_future(apart.do({"sleep": 60}))
    await asyncio.sleep(0.05)
    await apart.close()
    with pytest.raises((CheckUnavailable, asyncio.CancelledError)):
        await working
    assert not lives(pid)
