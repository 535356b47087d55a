"""Work in threads whose caller may leave."""

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from adapters.files.threads import to_its_end


async def test_what_fails_after_its_caller_left_is_told_to_nobody() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    threads, go, over = ThreadPoolExecutor(1), threading.Event(), threading.Event()

    def fail() -> None:
        go.wait(10)
        over.set()
        raise OSError("it broke")

    working = asyncio.ensure_future(to_its_end(threads, fail))
    await asyncio.sleep(0)
    working.cancel()
    await asyncio.wait({working})
    go.set()
    await asyncio.to_thread(threads.shutdown)
    assert over.is_set()
    await asyncio.sleep(0)
    del working
    gc.collect()
    assert told == []


async def test_what_never_began_because_its_threads_ended_is_told_to_nobody() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    threads, go = ThreadPoolExecutor(1), threading.Event()
    threads.submit(go.wait, 10)
    waiting = asyncio.ensure_future(to_its_end(threads, int))
    await asyncio.sleep(0)
    threads.shutdown(wait=False, cancel_futures=True)
    go.set()
    await asyncio.wait({waiting}, timeout=10)
    assert waiting.cancelled()
    assert told == []
