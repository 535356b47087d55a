"""Keeps the process of one model: starts it when it is needed, watches it, starts it again after a crash.

Several workers of one gateway share a process. It holds a file lock for as long as it is there to be asked, so that
whoever gets the lock may start one and nobody starts a second; and it listens only once its model is loaded, so that a
socket that answers is a model that can. When the worker that started it dies, it dies too, and the next request to any
worker starts another. Lock and socket are named after the model's settings: a new configuration never meets an old
process.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import os
import secrets
from pathlib import Path
from typing import IO

import msgspec

from adapters.inference.local.options import LocalModel, ProcessSettings
from adapters.inference.local.process import ModelProcess, answers, spawn
from adapters.inference.local.weights import PACKAGED, locate
from adapters.shielded import shielded
from adapters.wire.errors import GatewayError, Overloaded, UpstreamError

log = logging.getLogger("isthmus.local")

_POLL_SECONDS = 0.03
_PULSE_SECONDS = 10.0
_PULSES_MISSED = 3
_STABLE_SECONDS = 60.0
_REST_FIRST, _REST_MAX = 0.5, 30.0
_SOCKET_PATH_MAX = 90
"""Bytes. Systems take 104 to 108, and the engine's own socket has a longer name than this one."""


class Supervisor:
    """One model, in one worker of the gateway."""

    def __init__(self, name: str, model: LocalModel, folder: Path) -> None:
        self._name = name
        self._model = model
        stem = f"{name}-{hashlib.sha256(msgspec.json.encode(model)).hexdigest()[:8]}"
        self._socket = str(folder / f"{stem}.sock")
        self._lock_path = folder / f"{stem}.lock"
        self._process: ModelProcess | None = None
        """The process that this worker started, once it can answer."""
        self._starting: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._waiting = 0
        self._deaths = 0
        """In a row, each soon after a start."""
        self._rests_until = 0.0
        self._failure = ""
        """Why the last start failed."""

    async def ready(self) -> str:
        """Wait until the model can answer and give its base URL.

        Raises Overloaded while it rests after crashes or too many wait, ModelNotInstalled, and UpstreamError where it
        can't be loaded.
        """
        if self._process is None or not self._process.alive:
            if self._waiting >= self._model.parallel + self._model.queue:
                raise Overloaded(f"The local model '{self._name}' is loading, and its queue is full.", retry_after=2)
            self._waiting += 1
            try:
                await shielded(self._start())
            finally:
                self._waiting -= 1
        return f"unix://{self._socket}"

    async def stop(self) -> None:
        """End the process if this worker started it, and whatever waits for it."""
        for task in (self._starting, self._watching):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, GatewayError):
                    await task
        if self._process is not None:
            await self._process.end()
            self._process = None

    def _start(self) -> asyncio.Task[None]:
        """The one attempt that everybody waits for."""
        if self._starting is None or self._starting.done():
            self._starting = asyncio.get_running_loop().create_task(self._reach())
        return self._starting

    async def _reach(self) -> None:
        """Find a process that answers, another worker's or one started here."""
        if self._watching is not None:
            await self._watching  # it may have to write down a death first
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._model.start_seconds
        while loop.time() < deadline:
            lock = _take(self._lock_path)
            if lock is not None:
                with lock:
                    await self._launch(lock, deadline)
                return
            if await answers(self._socket):
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise Overloaded(f"The local model '{self._name}' is still loading.", retry_after=5)

    async def _launch(self, lock: IO[bytes], deadline: float) -> None:
        """Start a process and wait until it answers."""
        self._refuse_while_resting()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        settings = await self._settings(lock.fileno())
        log.info("Loading the local model %s.", self._name)
        process = await spawn(settings, self._model.spin)
        try:
            while not await process.answers():
                if not process.alive or loop.time() > deadline:
                    raise await self._failed(process)
                await asyncio.sleep(_POLL_SECONDS)
        except asyncio.CancelledError:
            await process.kill()
            raise
        log.info("The local model %s is ready after %.1f s.", self._name, loop.time() - begun)
        self._process, self._failure = process, ""
        self._watching = loop.create_task(self._watch(process))

    async def _settings(self, lock: int) -> ProcessSettings:
        if len(os.fsencode(self._socket)) > _SOCKET_PATH_MAX:
            raise UpstreamError(f"The path of the folder for sockets is too long for the local model '{self._name}'.")
        model = self._model
        weights = await asyncio.to_thread(locate, self._name, model.file)
        packaged = PACKAGED[self._name].kind if model.file == "packaged" else None
        return ProcessSettings(
            name=self._name,
            kind=packaged or model.kind or "chat",
            file=weights.file,
            sha256=weights.sha256,
            socket=self._socket,
            inner_socket=f"{self._socket}.{secrets.token_hex(2)}.sock",
            threads=model.threads or max(1, len(os.sched_getaffinity(0)) // 2),
            context=model.context,
            parallel=model.parallel,
            queue=model.queue,
            pooling=model.pooling,
            idle_seconds=model.idle_seconds,
            lock=lock,
            parent=os.getpid(),
        )

    async def _watch(self, process: ModelProcess) -> None:
        """Feel the pulse of a process until it ends; end one that has none."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        missed = 0
        ended = loop.create_task(process.ended())
        try:
            while not (await asyncio.wait({ended}, timeout=_PULSE_SECONDS))[0]:
                missed = 0 if await process.answers() else missed + 1
                if missed == _PULSES_MISSED:
                    log.error("The local model %s does not answer and is killed.", self._name)
                    await process.kill()
        finally:
            ended.cancel()
        if process.unloaded:
            log.info("The local model %s was idle and is unloaded.", self._name)
            return
        if loop.time() - begun > _STABLE_SECONDS:
            self._deaths = 0
        self._died(process)

    async def _failed(self, process: ModelProcess) -> UpstreamError:
        """What to say of a process that did not come to answer."""
        if process.alive:
            self._failure = f"It did not load within {self._model.start_seconds:g} seconds."
            await process.kill()
        else:
            await process.ended()
            self._failure = " ".join(process.lines[-2:]) or f"It ended with {process.cause}."
        self._died(process)
        return UpstreamError(
            f"The local model '{self._name}' can't be loaded. {self._failure}",
            status=503,
            type="server_error",
            code="model_failed",
        )

    def _died(self, process: ModelProcess) -> None:
        """Log a death; let it rest after the second one in a row, twice as long after each further one."""
        log.error("The local model %s died: %s.", self._name, process.cause)
        for line in process.lines:
            log.error("[%s] %s", self._name, line)
        self._deaths += 1
        if self._deaths > 1:
            rest = min(_REST_MAX, _REST_FIRST * 2 ** (self._deaths - 2))
            self._rests_until = asyncio.get_running_loop().time() + rest

    def _refuse_while_resting(self) -> None:
        left = self._rests_until - asyncio.get_running_loop().time()
        if left > 0:
            raise Overloaded(
                f"The local model '{self._name}' has died {self._deaths} times in a row and is started again in "
                f"{left:.1f} seconds. {self._failure}".rstrip(),
                code="model_failed",
                retry_after=left,
            )


def _take(path: Path) -> IO[bytes] | None:
    """Take the lock, None where a process lives that holds it."""
    file = path.open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
