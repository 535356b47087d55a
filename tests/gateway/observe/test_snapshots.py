"""Files of the workers: one gateway, whoever answers, and whoever died."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from gateway.observe.counter import Counter
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.observe.metrics import Metrics
from gateway.observe.snapshots import Snapshots
from gateway.observe.tables import Tables, decode, encode
from tests.gateway.observe.finished import finished, metrics


def snapshots(folder: Path, index: int, of: Metrics | None = None) -> Snapshots:
    return Snapshots(of or metrics(), folder, index)


def requests_in(tables: Tables) -> int:
    return sum(tables.requests.values())


async def test_every_worker_tells_the_same(tmp_path: Path) -> None:
    first, second = metrics(), metrics()
    files = [snapshots(tmp_path, 0, first), snapshots(tmp_path, 1, second)]
    first(finished())
    second(finished())
    second(finished())
    for each in files:
        each.start()
    for each in files:
        await each.collect()
    assert [requests_in(await each.collect()) for each in files] == [3, 3]
    for each in files:
        await each.close()


async def test_what_was_told_once_is_never_less_for_another(tmp_path: Path) -> None:
    busy = metrics()
    one, other = snapshots(tmp_path, 0, busy), snapshots(tmp_path, 1)
    one.start()
    other.start()
    for number in range(1, 20):
        busy(finished())
        assert requests_in(await one.collect()) == number
        assert requests_in(await other.collect()) == number
    await one.close()
    await other.close()


async def test_a_successor_goes_on_where_the_dead_worker_stopped(tmp_path: Path) -> None:
    dead = metrics()
    dead(finished())
    dead.tables.events["redis_errors", "TimeoutError"] = 2.0
    tmp_path.joinpath("worker-0").write_bytes(encode(dead.tables))
    alive = metrics()
    files = snapshots(tmp_path, 0, alive)
    files.start()
    alive(finished())
    alive._counters.add("redis_errors", "TimeoutError")
    tables = await files.collect()
    assert requests_in(tables) == 2
    assert tables.events["redis_errors", "TimeoutError"] == 3.0
    await files.close()


async def test_what_a_dead_worker_counted_stays_and_what_it_held_goes(tmp_path: Path) -> None:
    gone = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await gone.wait()
    dead = Tables(requests={("chat", "r", "k", 200, ""): 5}, gauges={("held_bytes",): 7.0}, pid=gone.pid)
    tmp_path.joinpath("worker-1").write_bytes(encode(dead))
    files = snapshots(tmp_path, 0)
    files.start()
    tables = await files.collect()
    assert requests_in(tables) == 5
    assert ("held_bytes",) not in tables.gauges
    assert tables.gauges["workers",] == 1
    await files.close()


@pytest.mark.parametrize("raw", [b"", b"\x93", b"rubbish"])
async def test_a_file_that_cannot_be_read_harms_nobody(tmp_path: Path, raw: bytes) -> None:
    for index in (0, 1):
        tmp_path.joinpath(f"worker-{index}").write_bytes(raw)
    files = snapshots(tmp_path, 0)
    files.start()
    assert requests_in(await files.collect()) == 0
    await files.close()


async def test_the_last_of_it_is_written(tmp_path: Path) -> None:
    counted = metrics()
    files = snapshots(tmp_path, 3, counted)
    files.start()
    counted(finished())
    await files.close()
    tables = decode(tmp_path.joinpath("worker-3").read_bytes())
    assert (requests_in(tables), tables.pid) == (1, os.getpid())


async def test_the_loops_lag_is_measured(tmp_path: Path) -> None:
    class Watched(Metrics):
        def observe_lag(self, bounds: tuple[float, ...], seconds: float) -> None:
            super().observe_lag(bounds, seconds)
            measured.set()

    measured = asyncio.Event()
    counted = Watched(Counters(), [], Estimates(Counter()))
    files = snapshots(tmp_path, 0, counted)
    files.start()
    time.sleep(0.8)  # noqa: ASYNC251 - what is to be measured: nothing else runs meanwhile
    await measured.wait()
    await files.close()
    assert counted.tables.lag.sum > 0.2
    assert sum(counted.tables.lag.counts) == 1
