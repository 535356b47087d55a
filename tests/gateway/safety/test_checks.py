"""The engine of checks: faults named, places bounded, checks loaded once and kept over a reload."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec import Struct

from adapters.safety.contract import Ask, CheckType, CheckUnavailable, Content, Judgement
from adapters.safety.registry import CHECKS
from adapters.wire.errors import GatewayError, UnknownModel, UpstreamError
from adapters.wire.usage import Usage
from config.safety import Check, Safety
from gateway.auth import ANYBODY
from gateway.call import Call
from gateway.inside import Inside
from gateway.observe.counters import Counters
from gateway.safety.checks import Checks

TEXTS = [Content(("a",)), Content(("b",))]
HARMLESS = Judgement(flagged=False)


class Options(Struct, frozen=True):
    """None but one."""

    word: str = ""


class Scripted:
    """A check that does what the test says."""

    made: list["Scripted"] = []

    def __init__(self, name: str, options: Options) -> None:
        if options.word == "missing":
            raise ImportError("install it")
        self.options = options
        self.started = 0
        self.closed = 0
        self.loading = asyncio.Event()
        self.loading.set()
        self.answer: Callable[[Sequence[Content]], Any] = lambda contents: [HARMLESS] * len(contents)
        self.now = self.most = 0
        Scripted.made.append(self)

    async def start(self) -> None:
        self.started += 1
        await self.loading.wait()
        if self.options.word == "broken start":
            raise CheckUnavailable("no weights")
        if self.options.word == "very broken start":
            raise ZeroDivisionError

    async def close(self) -> None:
        self.closed += 1

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        judged: list[Judgement] = self.answer(contents)
        return judged


CHECK = CheckType("scripted", Options, Scripted)
PATH = "tests.gateway.safety.test_checks:CHECK"


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Scripted.made.clear()


async def nobody(operation: Any, body: bytes) -> bytes:
    raise AssertionError


async def _count(call: Call) -> Usage:
    return Usage()


def build(before: Checks | None = None, counters: Counters | None = None, **words: str) -> Checks:
    checks = {name: Check(type=PATH, options={"word": word}) for name, word in words.items()}
    inside = Inside(_count, lambda: None, lambda: None)
    return Checks(Safety(checks=checks, moderation=next(iter(words))), inside, counters or Counters(), before)


async def judge(checks: Checks, name: str = "one") -> list[Judgement]:
    check = checks.find(name)
    assert check is not None
    return await check.judge(TEXTS, nobody)


def test_the_path_of_a_check_is_known() -> None:
    assert CHECKS.find(PATH).options is Options


async def test_without_configured_checks_there_are_none() -> None:
    checks = Checks(Safety(), Inside(_count, lambda: None, lambda: None), Counters())
    assert not checks
    assert checks.by_model() == {}


async def test_a_check_loads_once_and_whoever_comes_before_waits() -> None:
    checks = build(one="")
    (made,) = Scripted.made
    made.loading.clear()
    judging = asyncio.create_task(judge(checks))
    starting = asyncio.create_task(checks.start())
    await asyncio.sleep(0.01)
    assert not judging.done()
    made.loading.set()
    assert await judging == [HARMLESS, HARMLESS]
    await starting
    assert made.started == 1


async def test_judgements_are_counted() -> None:
    counters = Counters()
    checks = build(counters=counters, one="")
    await judge(checks)
    Scripted.made[0].answer = lambda contents: []
    with pytest.raises(CheckUnavailable):
        await judge(checks)
    assert counters.values["safety_judgements", "one", "made"] == 2
    assert counters.values["safety_judgements", "one", "failed"] == 1


def fails(error: BaseException) -> Callable[[Sequence[Content]], Any]:
    def answer(contents: Sequence[Content]) -> Any:
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (fails(CheckUnavailable("away")), "away"),
        (fails(UpstreamError("secret text", status=503, code="overloaded")), "the model it asks: overloaded"),
        (fails(UnknownModel("secret text")), "the model it asks: model_not_found"),
        (fails(ZeroDivisionError("secret text")), "ZeroDivisionError"),
        (lambda contents: [HARMLESS], "it did not judge each of the contents"),
    ],
)
async def test_a_fault_is_told_in_words_without_the_text_until_it_judges_again(
    answer: Callable[[Sequence[Content]], Any], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    checks = build(one="")
    made = Scripted.made[0]
    good, made.answer = made.answer, answer
    with pytest.raises(CheckUnavailable) as refused:
        await judge(checks)
    assert str(refused.value) == told
    assert dict(checks.conditions()) == {"safety.one": told}
    assert "secret" not in caplog.text
    made.answer = good
    await judge(checks)
    assert dict(checks.conditions()) == {}


async def test_the_callers_own_limit_is_no_fault_of_the_check() -> None:
    checks = build(one="")
    refusal = UpstreamError("Too many.", status=429)
    Scripted.made[0].answer = fails(refusal)
    with pytest.raises(CheckUnavailable) as refused:
        await judge(checks)
    assert isinstance(refused.value.__cause__, GatewayError)
    assert dict(checks.conditions()) == {}


@pytest.mark.parametrize("word", ["missing", "broken start", "very broken start"])
async def test_a_check_that_can_not_be_opened_or_loaded_is_told_of(word: str) -> None:
    checks = build(one=word, two="")
    await checks.start()
    assert list(dict(checks.conditions())) == ["safety.one"]
    assert await judge(checks, "two")
    if word == "missing":
        with pytest.raises(CheckUnavailable, match="install it"):
            await judge(checks)


async def test_a_type_that_nobody_offers_is_told_of() -> None:
    inside = Inside(_count, lambda: None, lambda: None)
    checks = Checks(Safety(checks={"one": Check(type="nobodys")}, moderation="one"), inside, Counters())
    assert "there is no such safety check" in dict(checks.conditions())["safety.one"]


async def test_no_more_than_so_many_judge_at_once() -> None:
    checks = build(one="")
    await asyncio.gather(*(judge(checks) for _ in range(300)))
    assert Scripted.made[0].most == 64


async def test_a_reload_keeps_what_did_not_change_and_ends_the_rest() -> None:
    before = build(one="", two="a")
    await before.start()
    after = build(before, one="", two="b")
    await after.start()
    await before.close(kept=after)
    one, two, changed = Scripted.made
    assert (one.started, one.closed) == (1, 0)
    assert (two.started, two.closed) == (1, 1)
    assert (changed.started, changed.closed) == (1, 0)
    await after.close()
    assert (one.closed, changed.closed) == (1, 1)


async def test_a_check_may_not_ask_checks() -> None:
    checks = build(one="")
    ask = checks.ask_for(ANYBODY)
    with pytest.raises(CheckUnavailable, match="is a check itself"):
        await ask("moderations", b'{"input": "a"}')
    with pytest.raises(CheckUnavailable, match="is a check itself"):
        await ask("moderations", b'{"input": "a", "model": "one"}')
