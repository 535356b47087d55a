"""Counts tokens in a process of its own, which ends when there has been nothing to count for a while.

The tokenizer takes 80 MB and holds the interpreter's lock for tens of milliseconds on long texts: neither is wanted
where requests are served, and most gateways rarely count at all.
"""

import asyncio
import contextlib
import logging
import os
import signal
import struct
import sys
from asyncio.subprocess import PIPE, Process
from typing import BinaryIO

import msgspec

from adapters.wire.usage import Usage
from gateway.call import Call
from gateway.observe.count import Uncounted, count, uncounted

log = logging.getLogger("isthmus.usage")

_LENGTH = struct.Struct("!I")
_IDLE_SECONDS = 10.0
_COUNT_SECONDS = 60.0
_NICENESS = 10


class Counter:
    """Counts one call after the other."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._rest: asyncio.TimerHandle | None = None

    async def usage_of(self, call: Call) -> Usage:
        """The tokens of a call, estimated; none, with a word in the log, where they can't be counted."""
        return await self.count(uncounted(call))

    async def count(self, texts: Uncounted) -> Usage:
        """The same of a call that is over."""
        try:
            async with self._turn:
                return await self._ask(texts)
        except (OSError, EOFError, TimeoutError) as error:
            log.warning("%s: tokens are not counted: %s", texts.request_id, error or type(error).__name__)
            return Usage(estimated=True)

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if self._rest is not None:
            self._rest.cancel()
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _ask(self, texts: Uncounted) -> Usage:
        if self._rest is not None:
            self._rest.cancel()
        process = self._process
        if process is None:
            process = self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway.observe.counter", stdin=PIPE, stdout=PIPE
            )
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - they are pipes
        message = msgspec.msgpack.encode(texts)
        try:
            async with asyncio.timeout(_COUNT_SECONDS):
                process.stdin.write(_LENGTH.pack(len(message)) + message)
                await process.stdin.drain()
                length = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))[0]
                usage = msgspec.msgpack.decode(await process.stdout.readexactly(length), type=Usage)
        except BaseException:
            await self.close()  # an answer that comes late would be taken for the next one's
            raise
        self._rest = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._retire)
        return usage

    def _retire(self) -> None:
        """Let the process end: it does when nothing more can be written to it."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """The process: count what is written to it until there is no more."""
    while length := source.read(_LENGTH.size):
        message = source.read(_LENGTH.unpack(length)[0])
        answer = msgspec.msgpack.encode(count(msgspec.msgpack.decode(message, type=Uncounted)))
        sink.write(_LENGTH.pack(len(answer)) + answer)
        sink.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the gateway, which then closes the pipe
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a gateway that is gone waits for no answer
    os.nice(_NICENESS)
    serve(sys.stdin.buffer, sys.stdout.buffer)
