"""Answers in memory: bounded in bytes, honest about them, and gone when their time is over."""

import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.usage import Usage
from gateway.state.cache.contract import Entry
from gateway.state.cache.memory import Memory, size_of
from tests.gateway.layers.cache.kitchen import Clock


def an_entry(size: int = 100, name: str = "x") -> Entry:
    return Entry(0.0, name.encode() * size, ((b"x-isthmus-provider", b"lab"),), None)


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


SIZE = size_of(key(0), an_entry())


async def test_what_was_put_is_there_until_its_time_is_over() -> None:
    clock = Clock()
    memory = Memory(10 * SIZE, clock)
    memory.put(key(1), an_entry(), 5)
    clock.now += 4.9
    assert await memory.get(key(1)) == an_entry()
    clock.now += 0.1
    assert await memory.get(key(1)) is None
    assert (len(memory), memory.size) == (0, 0)


async def test_the_least_recently_used_leave_first() -> None:
    memory = Memory(3 * SIZE)
    for number in range(3):
        memory.put(key(number), an_entry(), 60)
    await memory.get(key(0))
    memory.put(key(3), an_entry(), 60)
    assert [bool(entry) for entry in await memory.get_many([key(number) for number in range(4)])] == [
        True,
        False,
        True,
        True,
    ]


async def test_what_was_used_again_outlives_any_number_that_was_not() -> None:
    memory = Memory(10 * SIZE)
    memory.put(key(0), an_entry(), 60)
    await memory.get(key(0))
    for number in range(1, 100):
        memory.put(key(number), an_entry(), 60)
    assert await memory.get(key(0)) is not None


async def test_what_was_used_again_long_ago_leaves_too() -> None:
    memory = Memory(10 * SIZE)
    for number in range(100):
        memory.put(key(number), an_entry(), 60)
        await memory.get(key(number))
    assert await memory.get(key(0)) is None
    assert memory.size <= 10 * SIZE


async def test_an_entry_over_the_bound_is_not_kept() -> None:
    memory = Memory(SIZE)
    memory.put(key(1), an_entry(200), 60)
    assert await memory.get(key(1)) is None


async def test_a_new_answer_replaces_the_old_one() -> None:
    memory = Memory(10 * SIZE)
    for again in (False, True):
        memory.put(key(1), an_entry(100, "a"), 60)
        if again:
            await memory.get(key(1))
        memory.put(key(1), an_entry(50, "b"), 60)
        assert await memory.get(key(1)) == an_entry(50, "b")
    assert memory.size == size_of(key(1), an_entry(50))


def test_less_room_pushes_out_at_once() -> None:
    memory = Memory(10 * SIZE)
    for number in range(10):
        memory.put(key(number), an_entry(), 60)
    memory.resize(4 * SIZE)
    assert len(memory) == 4


steps = st.lists(st.tuples(st.sampled_from(["put", "get", "discard", "wait"]), st.integers(0, 12), st.integers(0, 900)))


@given(steps, st.integers(1, 8))
async def test_the_bound_holds_and_the_sum_is_right_whatever_happens(
    steps: list[tuple[str, int, int]], room: int
) -> None:
    clock = Clock()
    memory = Memory(room * SIZE, clock)
    latest: dict[int, Entry] = {}
    for step, number, size in steps:
        if step == "put":
            latest[number] = an_entry(size, chr(97 + number))
            memory.put(key(number), latest[number], 5)
        elif step == "get":
            entry = await memory.get(key(number))
            assert entry is None or entry == latest[number]
        elif step == "discard":
            memory.discard(key(number))
        else:
            clock.now += 1
        assert memory.size <= room * SIZE
    for number in range(13):
        memory.discard(key(number))
    assert (memory.size, len(memory)) == (0, 0)


@pytest.mark.parametrize("size", [10, 400, 20_000])
@pytest.mark.parametrize("pieces", [0, 50])
def test_bytes_are_counted_as_they_are(size: int, pieces: int) -> None:
    memory = Memory(1 << 30)
    headers = ((b"x-isthmus-provider", b"lab"), (b"x-isthmus-model", b"llama"))
    entry = Entry(1.5, b"x" * size, headers, Usage(3_000, 5_000), pace=((1_000, 0.5),) * pieces)
    stored = msgspec.msgpack.encode(entry)
    tracemalloc.start()
    for number in range(500):
        memory.put(key(number), msgspec.msgpack.decode(stored, type=Entry), 60)
    really = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert 0.7 * memory.size < really < 1.05 * memory.size
