"""One backend, in a process of its own: `python -m benchmarks.vectors.measure TYPE COUNT FOLDER` prints its figures."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from adapters.vector_io.contract import BackendUnavailable, Hit, VectorBackend
from adapters.vector_io.filters import Comparison
from adapters.vector_io.registry import open_backend
from benchmarks.processes import cpu_seconds, family
from benchmarks.vectors import data
from config.vector_stores import Backend

STORE = "vs_measured"
BATCH = 500
_PHASE_SECONDS = 15.0
"""A kind of question is asked no longer than this."""
_CRASH_SECONDS = 2.0
_BACK_SECONDS = 30.0
_LOOK_SECONDS = 2.0
_REST_SHARE = 0.1
"""Of a core; a backend that makes an index takes more."""


class Figures(Struct):
    """What was measured. Times are in milliseconds, sizes in MB."""

    type: str
    count: int
    ingest: float
    """Chunks a second: vectors, texts and words, every 500 of them durable."""
    nearest_p50: float
    nearest_p99: float
    recall: float
    filtered_p50: float
    filtered_recall: float
    words_p50: float
    memory: float
    """What the process and those that it started have for themselves, data of the benchmark taken off."""
    disk: float
    reopen: float
    """From nothing to the first answer."""
    rest: float
    """Seconds after this until no index is being made any more: questions are measured from then on."""
    crash_said: int
    """Chunks that a writer said were written before it was killed."""
    crash_lost: int
    """Of these, missing afterwards."""


async def measure(type: str, count: int, folder: Path) -> Figures:
    known = data.make(count)
    before = _memory()
    backend = await _opened(type, folder)
    await backend.create(STORE, data.DIMENSIONS)
    spent = 0.0
    for chunks in known.batches(BATCH):
        began = time.perf_counter()
        await backend.write(STORE, chunks)
        spent += time.perf_counter() - began
    await backend.close()
    began = time.perf_counter()
    backend = await _opened(type, folder)
    await backend.nearest(STORE, known.questions[0].tobytes(), data.WANTED)
    reopen = time.perf_counter() - began
    rest = await _rest(backend, known.questions[0].tobytes())
    year = Comparison("eq", "year", 7.0)
    vectors = [question.tobytes() for question in known.questions]
    near, recall = await _ask(lambda at: backend.nearest(STORE, vectors[at], data.WANTED), known.nearest())
    few, few_recall = await _ask(lambda at: backend.nearest(STORE, vectors[at], data.WANTED, year), known.nearest(7))
    words, _ = await _ask(lambda at: backend.matching(STORE, known.asked_words(at), data.WANTED), [])
    memory = _memory() - before
    await backend.close()
    said, lost = await _crash(type, folder.with_name(f"{folder.name}-crash"))
    return Figures(
        type, count, count / spent, _part(near, 0.5), _part(near, 0.99), recall, _part(few, 0.5), few_recall,
        _part(words, 0.5), memory, _disk(folder), reopen * 1000, rest, said, lost,
    )  # fmt: skip


async def _opened(type: str, folder: Path) -> VectorBackend:
    backend = open_backend("measured", Backend(type=type), folder)
    await backend.start()
    return backend


async def _rest(backend: VectorBackend, question: bytes) -> float:
    """Wait until nothing is done but what is asked for: an index that was being made is taken by the next question."""
    began = time.perf_counter()
    busy = True
    while busy:
        before = cpu_seconds(os.getpid())
        await asyncio.sleep(_LOOK_SECONDS)
        busy = cpu_seconds(os.getpid()) - before > _REST_SHARE * _LOOK_SECONDS
        await backend.nearest(STORE, question, data.WANTED)
    return time.perf_counter() - began


async def _ask(ask: Callable[[int], Awaitable[list[Hit]]], right: list[set[str]]) -> tuple[list[float], float]:
    """How long each answer took, and the part of the right chunks that were found."""
    times: list[float] = []
    found = 0
    deadline = time.perf_counter() + _PHASE_SECONDS
    while len(times) < data.QUESTIONS and time.perf_counter() < deadline:
        began = time.perf_counter()
        hits = await ask(len(times))
        if right:
            found += len({hit.id for hit in hits} & right[len(times)])
        times.append((time.perf_counter() - began) * 1000)
    return sorted(times), found / (data.WANTED * len(times))


async def _crash(type: str, folder: Path) -> tuple[int, int]:
    """Kill a writer in the middle of its work, and look for what it said was written."""
    command = [sys.executable, "-m", "benchmarks.vectors.measure", "write", type, str(folder)]
    writer = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    said = int(await writer.stdout.readline())
    await asyncio.sleep(_CRASH_SECONDS)
    writer.kill()
    said = max([said, *(int(line) for line in (await writer.stdout.read()).split())])
    await writer.wait()
    backend, there = await _once_it_is_back(type, folder)
    vector = data.make(1).questions[0].tobytes()
    reached = len(await backend.nearest(STORE, vector, 1_000))
    await backend.close()
    return said, max(0, said - there, min(said, 1_000) - reached)


async def _once_it_is_back(type: str, folder: Path) -> tuple[VectorBackend, int]:
    """The backend, and how many chunks it has: a process that served the killed one may have to end first."""
    deadline = time.perf_counter() + _BACK_SECONDS
    while True:
        try:
            backend = await _opened(type, folder)
            return backend, await backend.count(STORE)
        except BackendUnavailable:
            if time.perf_counter() > deadline:
                raise
            await asyncio.sleep(0.1)


async def write(type: str, folder: Path) -> None:
    """Write until killed, and say how many are written."""
    backend = await _opened(type, folder)
    await backend.create(STORE, data.DIMENSIONS)
    written = 0
    for chunks in data.make(50_000).batches(100):
        await backend.write(STORE, chunks)
        written += len(chunks)
        print(written, flush=True)


def _part(times: list[float], part: float) -> float:
    return times[min(len(times) - 1, int(len(times) * part))]


def _memory() -> float:
    """Pages of mapped files are left out: they are the kernel's to take back."""
    lines = [line for pid in family(os.getpid()) for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


def _disk(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    if sys.argv[1] == "write":
        asyncio.run(write(sys.argv[2], Path(sys.argv[3])))
    else:
        figures = asyncio.run(measure(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
        sys.stdout.write(msgspec.json.encode(figures).decode())
