"""Work on texts in a process of its own, so that a library which computes for long stalls nobody.

The process is started when it is needed, ended when it takes too long, and ends by itself with the gateway. Both
sides write frames: four bytes with the length, the high one first, and so much JSON.
"""

import asyncio
import contextlib
import sys
from typing import Any

import msgspec

from adapters.safety.contract import CheckUnavailable
from adapters.shielded import shielded

_ANSWER_MAX = 67_108_864
"""Bytes."""
_encode = msgspec.json.Encoder().encode


class Apart:
    """One process that runs the function which `prepare` of a module gives, with one argument after the other."""

    def __init__(self, module: str, options: Any, seconds: float, start_seconds: float = 60.0) -> None:
        self._module = module
        self._options = options
        self._seconds = seconds
        """For one piece of work; a process that takes longer is killed."""
        self._start_seconds = start_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._free = asyncio.Lock()
        self._work: set[asyncio.Task[bytes]] = set()

    async def start(self) -> None:
        """Have the process ready. Raises CheckUnavailable."""
        async with self._free:
            await self._ready()

    async def close(self) -> None:
        """End the process."""
        for task in self._work:
            task.cancel()
        await self._kill()

    async def do(self, argument: Any) -> bytes:
        """The function's answer, as JSON. Raises CheckUnavailable where it raised, was killed or took too long.

        Whoever stops waiting leaves the work to its end: half an exchange would spoil the next.
        """
        task = asyncio.get_running_loop().create_task(self._do(argument))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return await shielded(task)

    async def _do(self, argument: Any) -> bytes:
        async with self._free:
            process = await self._ready()
            try:
                async with asyncio.timeout(self._seconds):
                    answer = await _exchange(process, argument)
            except TimeoutError:
                await self._kill()
                raise CheckUnavailable(f"a text took longer than {self._seconds:g} s") from None
            except (OSError, EOFError):
                await self._kill()
                raise CheckUnavailable("its process ended") from None
            except BaseException:
                await self._kill()
                raise
        if answer.startswith(b'{"fault":'):
            raise CheckUnavailable(msgspec.json.decode(answer)["fault"])
        return answer

    async def _ready(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        # Nothing of what it writes is shown: libraries log texts.
        process = self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "adapters.safety.apart", self._module),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._start_seconds):
                answer = await _exchange(process, self._options)
        except (TimeoutError, OSError, EOFError):
            await self._kill()
            raise CheckUnavailable("its process did not start") from None
        except BaseException:
            await self._kill()
            raise
        if answer != b"{}":
            await self._kill()
            raise CheckUnavailable(msgspec.json.decode(answer)["fault"])
        return process

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _exchange(process: asyncio.subprocess.Process, message: Any) -> bytes:
    """Raises EOFError and OSError where the process is gone."""
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    data = _encode(message)
    process.stdin.write(len(data).to_bytes(4) + data)
    await process.stdin.drain()
    size = int.from_bytes(await process.stdout.readexactly(4))
    if size > _ANSWER_MAX:
        raise EOFError
    return await process.stdout.readexactly(size)
