"""Tokens by key and model, in lines that add up."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.wire.usage import Usage
from gateway.auth import Caller
from gateway.observe import estimates as module
from gateway.observe.counter import Counter
from gateway.observe.estimates import Estimates
from gateway.observe.usage import UsageTotals
from tests.gateway.calls import a_call, a_target

TEAM = Caller("team-a", ["*"])


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The usage lines so far, parsed."""
    monkeypatch.setattr(logging.getLogger("isthmus"), "propagate", True)
    caplog.set_level("INFO", "isthmus.usage")
    return lambda: [json.loads(record.message) for record in caplog.records]


@pytest.fixture
async def estimates() -> AsyncIterator[Estimates]:
    counter = Counter()
    yield Estimates(counter)
    await counter.close()


def answered(usages: UsageTotals, usage: Usage | None, **of_call: Any) -> None:
    call = a_call(caller=TEAM)
    call.target = a_target()
    call.status = 200
    call.usage = usage
    for name, value in of_call.items():
        setattr(call, name, value)
    usages(call)


@pytest.mark.parametrize("status", [200, 499])
async def test_a_rerank_without_tokens_is_a_request_whose_tokens_nobody_counts(
    lines: Any, estimates: Estimates, status: int
) -> None:
    usages = UsageTotals(estimates)
    answered(usages, None, operation="rerank", status=status)
    await estimates.close()
    usages.tell()
    (line,) = lines()
    assert (line["requests"], line["prompt_tokens"], line["estimated_requests"]) == (1, 0, 0)


async def test_calls_of_a_key_and_model_are_one_line(lines: Any, estimates: Estimates) -> None:
    usages = UsageTotals(estimates)
    answered(usages, Usage(10, 5, cached_tokens=4, reasoning_tokens=2))
    answered(usages, Usage(1, 2))
    usages.tell()
    assert lines() == [
        {
            "event": "usage",
            "key": "team-a",
            "model": "lab/llama",
            "requests": 2,
            "failed": 0,
            "prompt_tokens": 11,
            "completion_tokens": 7,
            "cached_tokens": 4,
            "reasoning_tokens": 2,
            "estimated_requests": 0,
        }
    ]


async def test_lines_tell_what_came_since_the_last_and_so_add_up(lines: Any, estimates: Estimates) -> None:
    usages = UsageTotals(estimates)
    answered(usages, Usage(10, 5))
    usages.tell()
    answered(usages, Usage(1, 2))
    usages.tell()
    usages.tell()
    assert [line["prompt_tokens"] for line in lines()] == [10, 1]


async def test_keys_and_models_have_lines_of_their_own(lines: Any, estimates: Estimates) -> None:
    usages = UsageTotals(estimates)
    answered(usages, Usage(1, 1))
    answered(usages, Usage(1, 1), caller=Caller("team-b", ["*"]))
    answered(usages, Usage(1, 1), target=a_target("lab", "other"))
    await estimates.close()
    usages.tell()
    assert [(line["key"], line["model"]) for line in lines()] == [
        ("team-a", "lab/llama"),
        ("team-b", "lab/llama"),
        ("team-a", "lab/other"),
    ]


async def test_a_failed_call_is_counted_as_such(lines: Any, estimates: Estimates) -> None:
    usages = UsageTotals(estimates)
    answered(usages, None, status=502, error="upstream_unreachable")
    await estimates.close()
    usages.tell()
    (line,) = lines()
    assert (line["requests"], line["failed"], line["prompt_tokens"]) == (1, 1, 0)


async def test_calls_for_models_that_are_not_served_share_a_line(lines: Any, estimates: Estimates) -> None:
    usages = UsageTotals(estimates)
    for _ in range(3):
        answered(usages, None, target=None, status=404, error="model_not_found")
    await estimates.close()
    usages.tell()
    assert [(line["model"], line["requests"]) for line in lines()] == [("(none)", 3)]


@pytest.mark.parametrize("status", [200, 499])
async def test_what_the_provider_did_not_tell_is_estimated_before_the_end(
    lines: Any, estimates: Estimates, status: int
) -> None:
    usages = UsageTotals(estimates)
    sent = b'data: {"choices":[{"delta":{"content":"Hello, world, how are you today?"}}]}\n\n'
    answered(usages, None, status=status, transcript=[sent])
    await estimates.close()
    usages.tell()
    (line,) = lines()
    assert (line["requests"], line["estimated_requests"]) == (1, 1)
    assert line["completion_tokens"] > 0


async def test_what_waits_to_be_counted_is_bounded(
    lines: Any, estimates: Estimates, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    usages = UsageTotals(estimates)
    sent = b'data: {"choices":[{"delta":{"content":"Hello, world, how are you today?"}}]}\n\n'
    monkeypatch.setattr(module, "_WAITING_BYTES_MAX", 3 * len(sent))
    for _ in range(5):
        answered(usages, None, status=499, transcript=[sent])
    await asyncio.wait_for(estimates._counting or asyncio.sleep(0), 30)
    assert caplog.text.count("too much waits to be") == 2
    answered(usages, None, status=499, transcript=[sent])
    caplog.clear()
    await estimates.close()
    usages.tell()
    (line,) = lines()
    assert (line["requests"], line["estimated_requests"]) == (6, 6)


async def test_a_count_that_fails_is_not_the_last(
    lines: Any, estimates: Estimates, monkeypatch: pytest.MonkeyPatch
) -> None:
    usages = UsageTotals(estimates)
    sent = [b'data: {"choices":[{"delta":{"content":"Hello"}}]}\n\n']
    with monkeypatch.context() as patched:
        patched.setattr(estimates._counter, "count", lambda texts: 1 / 0)
        answered(usages, None, status=499, transcript=sent)
        assert estimates._counting is not None
        await asyncio.gather(estimates._counting, return_exceptions=True)
    answered(usages, None, status=499, transcript=sent)
    await estimates.close()
    usages.tell()
    (line,) = lines()
    assert (line["requests"], line["estimated_requests"]) == (2, 1)


async def test_one_who_waits_for_a_count_is_not_behind_all_that_are_over(lines: Any, estimates: Estimates) -> None:
    usages = UsageTotals(estimates)
    for _ in range(300):
        answered(usages, None, status=499, transcript=[b'data: {"choices":[]}\n\n'])
    await estimates._counter.usage_of(a_call())
    usages.tell()
    assert lines()[0]["estimated_requests"] < 300


async def test_all_who_want_a_calls_usage_share_one_count(estimates: Estimates) -> None:
    call = a_call(messages=[{"role": "user", "content": "Hello"}])
    told: list[Usage] = []
    for _ in range(3):
        estimates.then(call, told.append)
    await estimates.close()
    assert len(told) == 3
    assert told[0].prompt_tokens > 0
    assert told[0] is told[1] is told[2]


async def test_any_number_of_models_takes_bounded_room(lines: Any, estimates: Estimates) -> None:
    usages = UsageTotals(estimates)
    for number in range(3_000):
        answered(usages, Usage(1, 1), target=a_target("lab", str(number)))
        assert len(usages.totals) <= 1_024
    await estimates.close()
    usages.tell()
    assert sum(line["requests"] for line in lines()) == 3_000


@pytest.mark.parametrize(("cache", "tokens"), [("hit", 0), ("stale", 0), ("joined", 0), ("miss", 3), ("bypass", 3)])
async def test_tokens_of_an_answer_that_was_made_for_another_call_are_not_counted_again(
    cache: str, tokens: int
) -> None:
    totals = UsageTotals(Estimates(Counter()))
    call = a_call()
    call.usage, call.cache = Usage(prompt_tokens=3), cache
    totals(call)
    assert [(total.requests, total.prompt_tokens) for total in totals.totals.values()] == [(1, tokens)]
    totals.tell()
