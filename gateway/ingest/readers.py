"""Has files read in a process of its own, which is started for the first of them and ends when there are none."""

import asyncio
import contextlib
import itertools
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import msgspec

from config.vector_stores import Ingestion
from gateway.ingest import confinement
from gateway.ingest.contract import Chunk, Chunking, Done, Extract, Extracted, FileRefused, Job, Limits, Task, TryLater
from gateway.ingest.frames import LENGTH, frame

_IDLE_SECONDS = 60.0
_GRACE_SECONDS = 30.0
"""What the process has beyond a job's own time to say that it ended: it may have to start first."""

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Done)


class Readers:
    """Does jobs, so many at once. One for each worker of the gateway; paths are those that the gateway made."""

    def __init__(self, settings: Ingestion) -> None:
        self._text_bytes = settings.text_bytes
        self._limits = Limits(settings.seconds, settings.memory_bytes)
        self._turns = asyncio.Semaphore(settings.parallel)
        self._ids = itertools.count(1)
        self._hand: _Hand | None = None
        self._starting = asyncio.Lock()
        self._rest: asyncio.TimerHandle | None = None

    async def extract(self, source: Path, name: str, text: Path) -> Extracted:
        """Write a file's text to a path. `name` is what its owner calls it. Raises FileRefused and TryLater."""
        done = await self._done(Extract(str(source), name, str(text), self._text_bytes))
        assert done.extracted is not None  # noqa: S101 - what failed was raised
        return done.extracted

    async def chunk(self, text: Path, chunks: Path, chunking: Chunking) -> int:
        """Cut a text: a Piece as JSON in each line. Gives how many there are. Raises FileRefused and TryLater."""
        return (await self._done(Chunk(str(text), str(chunks), chunking))).count

    async def close(self) -> None:
        """End the process, and whatever it does."""
        if self._rest is not None:
            self._rest.cancel()
        hand, self._hand = self._hand, None
        if hand is not None:
            await hand.kill()

    async def _done(self, job: Job) -> Done:
        """Have a job done by its turn."""
        async with self._turns:
            if self._rest is not None:
                self._rest.cancel()
            try:
                done = await self._ask(Task(next(self._ids), job, self._limits))
            finally:
                if self._hand is not None and not self._hand.waiting:
                    self._rest = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._retire)
        if not done.message:
            return done
        if done.code is not None:
            raise FileRefused(done.code, done.message)
        raise TryLater(done.message)

    async def _ask(self, task: Task) -> Done:
        hand = await self._running()
        try:
            async with asyncio.timeout(task.limits.seconds + _GRACE_SECONDS):
                return await hand.ask(task)
        except TimeoutError:
            await hand.kill()
            raise TryLater("The process that reads files did not answer; it is started again.") from None

    async def _running(self) -> "_Hand":
        async with self._starting:
            if self._hand is None or self._hand.is_over:
                try:
                    self._hand = await _Hand.start()
                except OSError as error:
                    raise TryLater(f"The process that reads files can't be started: {error.strerror}.") from None
            return self._hand

    def _retire(self) -> None:
        hand = self._hand
        if hand is not None and not hand.waiting:
            self._hand = None
            hand.let_go()


class _Hand:
    """One process, and those who wait for what it does."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - they are pipes
        self._process = process
        self._sink = process.stdin
        self._source = process.stdout
        self.waiting: dict[int, asyncio.Future[Done]] = {}
        """By the ids of their tasks."""
        self.is_over = False
        """Whether it will answer no more."""
        self._hearing = asyncio.create_task(self._hear())

    @classmethod
    async def start(cls) -> "_Hand":
        """Start a process. Raises OSError."""
        program = (sys.executable, "-m", "gateway.ingest.process", str(os.getpid()))
        environment = confinement.environment()
        return cls(await asyncio.create_subprocess_exec(*program, stdin=PIPE, stdout=PIPE, env=environment))

    async def ask(self, task: Task) -> Done:
        """Have a job done; it ends with whoever waits for it. Raises TryLater where the process ends."""
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self.waiting[task.id] = future
        try:
            self._say(task)
            return await future
        except asyncio.CancelledError:
            self._say(Task(task.id, None, task.limits))
            raise
        finally:
            self.waiting.pop(task.id, None)

    async def kill(self) -> None:
        """End it now."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._hearing

    def let_go(self) -> None:
        """Let it end: it does when nothing more can be written to it."""
        self._sink.close()

    def _say(self, task: Task) -> None:
        if not self.is_over:
            self._sink.write(frame(_encode(task)))

    async def _hear(self) -> None:
        """Hand out answers until there are no more."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = LENGTH.unpack(await self._source.readexactly(LENGTH.size))[0]
                done = _decoder.decode(await self._source.readexactly(length))
                if (future := self.waiting.get(done.id)) is not None and not future.done():
                    future.set_result(done)
        self.is_over = True
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(TryLater("The process that reads files ended; it is started again."))
        await self._process.wait()
