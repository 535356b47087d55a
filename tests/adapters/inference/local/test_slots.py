import asyncio

import pytest

from adapters.inference.local.slots import Slots
from adapters.wire.errors import Overloaded


async def hold(slots: Slots, order: list[str], name: str, until: asyncio.Event) -> None:
    async with slots.turn():
        order.append(name)
        await until.wait()


async def test_turns_come_in_order_of_asking() -> None:
    slots, order, until = Slots(1, 5), list[str](), asyncio.Event()
    tasks = [asyncio.create_task(hold(slots, order, name, until)) for name in "abc"]
    await asyncio.sleep(0)
    assert order == ["a"]
    until.set()
    await asyncio.gather(*tasks)
    assert order == ["a", "b", "c"]


async def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    slots, until = Slots(1, 1), asyncio.Event()
    tasks = [asyncio.create_task(hold(slots, [], name, until)) for name in "ab"]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as caught:
        async with slots.turn():
            pass
    assert caught.value.retry_after == 1
    until.set()
    await asyncio.gather(*tasks)


async def test_a_free_slot_is_taken_without_a_queue() -> None:
    async with Slots(1, 0).turn():
        pass


async def test_one_who_leaves_the_queue_makes_room() -> None:
    slots, order, until = Slots(1, 1), list[str](), asyncio.Event()
    first, second = (asyncio.create_task(hold(slots, order, name, until)) for name in "ab")
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    third = asyncio.create_task(hold(slots, order, "c", until))
    until.set()
    await asyncio.gather(first, third)
    assert order == ["a", "c"]
