"""Counting in a process of its own: what it gives, and what happens when it is gone or too busy."""

import asyncio
import logging
import os
import signal
import struct
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator

import msgspec
import pytest

from adapters.wire.usage import Usage
from gateway.call import Call
from gateway.observe import counter as module
from gateway.observe.count import count, uncounted
from gateway.observe.counter import Counter
from tests.gateway.calls import a_call, a_target


@pytest.fixture
async def counter() -> AsyncIterator[Counter]:
    counts = Counter()
    yield counts
    await counts.close()


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """The log."""
    monkeypatch.setattr(logging.getLogger("isthmus"), "propagate", True)
    return caplog


def a_stream(words: int = 10) -> Call:
    call = a_call(messages=[{"role": "user", "content": "Hello there"}])
    call.target = a_target()
    call.transcript = [b'data: {"choices":[{"delta":{"content":"word "}}]}\n\n'] * words
    return call


def process_of(counter: Counter) -> asyncio.subprocess.Process:
    assert counter._process is not None
    return counter._process


async def test_it_counts_what_counting_here_would(counter: Counter) -> None:
    assert await counter.usage_of(a_stream()) == count(uncounted(a_stream()))


async def test_a_process_whose_gateway_is_gone_ends_in_silence() -> None:
    message = msgspec.msgpack.encode(uncounted(a_stream()))
    reading, writing = os.pipe()
    os.close(reading)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.observe.counter"), stdin=PIPE, stdout=writing, stderr=PIPE
    )
    os.close(writing)
    _, said = await process.communicate(struct.pack("!I", len(message)) + message)
    assert (process.returncode, said) == (-signal.SIGPIPE, b"")


async def test_one_process_counts_many_calls(counter: Counter) -> None:
    usages = await asyncio.gather(*(counter.usage_of(a_stream(words)) for words in range(1, 9)))
    process = process_of(counter)
    assert [usage.completion_tokens for usage in usages] == sorted(usage.completion_tokens for usage in usages)
    await counter.usage_of(a_stream())
    assert process_of(counter) is process


async def test_a_process_that_dies_costs_one_count_and_is_replaced(
    counter: Counter, heard: pytest.LogCaptureFixture
) -> None:
    await counter.usage_of(a_stream())
    process = process_of(counter)
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    assert await counter.usage_of(a_stream()) == Usage(estimated=True)
    assert "tokens are not counted" in heard.text
    assert (await counter.usage_of(a_stream())).completion_tokens > 0


async def test_it_ends_when_there_has_been_nothing_to_count(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.01)
    await counter.usage_of(a_stream())
    process = process_of(counter)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert (await counter.usage_of(a_stream())).completion_tokens > 0


async def test_closing_ends_the_process(counter: Counter) -> None:
    await counter.usage_of(a_stream())
    process = process_of(counter)
    await counter.close()
    assert process.returncode == -signal.SIGKILL


async def test_a_count_that_nobody_waits_for_any_more_is_not_taken_for_the_next(counter: Counter) -> None:
    await counter.usage_of(a_stream())
    asking = asyncio.create_task(counter.usage_of(a_stream(words=1_000)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await counter.usage_of(a_stream(words=3)) == count(uncounted(a_stream(words=3)))
