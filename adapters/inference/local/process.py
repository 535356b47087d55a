"""One run of a model's process, seen from the gateway."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections import deque

import msgspec

from adapters.inference.local.options import ProcessSettings

log = logging.getLogger("isthmus.local")

_PULSE_TIMEOUT = 5.0
_DRAIN_SECONDS = 30.0
_LAST_LINES = 20
_LINE_MAX = 16_384
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_PASSED_ON_PREFIXES = ("LC_", "XDG_", "OMP_", "GOMP_", "GGML_", "CUDA_")
"""Of the gateway's environment, which also holds providers' keys."""


class ModelProcess:
    """A child that loads one model and answers at a socket."""

    def __init__(self, settings: ProcessSettings, process: asyncio.subprocess.Process) -> None:
        self._settings = settings
        self._process = process
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._reading = asyncio.get_running_loop().create_task(self._read())

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    @property
    def unloaded(self) -> bool:
        """Whether it ended by itself, having been idle."""
        return self._process.returncode == 0

    @property
    def cause(self) -> str:
        """How it ended."""
        code = self._process.returncode
        return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"

    @property
    def lines(self) -> list[str]:
        """The last lines it wrote, the oldest first."""
        return list(self._lines)

    async def answers(self) -> bool:
        """Whether it says that it is well."""
        return await answers(self._settings.socket)

    async def ended(self) -> None:
        """Wait until it has ended and its last line is read."""
        await self._process.wait()
        await self._reading
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._settings.inner_socket)

    async def end(self) -> None:
        """Have it finish what it is computing, for other workers or a new configuration, and end then."""
        if self.alive:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """End it at once."""
        if self.alive:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._settings.socket)
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self.ended()

    async def _read(self) -> None:
        """Keep the last lines it writes: they are told when it dies."""
        output = self._process.stdout
        assert output is not None  # noqa: S101 (for the type checker: it is always a pipe)
        while True:
            try:
                line = await output.readline()
            except ValueError:  # longer than the limit
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            self._lines.append(text)
            log.debug("[%s] %s", self._settings.name, text)


async def spawn(settings: ProcessSettings, spin: bool) -> ModelProcess:
    """Start a process; it inherits the open file `settings.lock`, and with it the lock."""
    program = "chat_server" if settings.kind == "chat" else "embeddings_server"
    environment = {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }
    if not spin:
        environment["GOMP_SPINCOUNT"] = "0"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"adapters.inference.local.{program}",
        msgspec.json.encode(settings).decode(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=_LINE_MAX,
        env=environment,
        pass_fds=(settings.lock,),
        start_new_session=True,  # Ctrl-C is the gateway's to handle: running answers finish first
    )
    return ModelProcess(settings, process)


async def answers(socket: str) -> bool:
    """Whether somebody at a socket says that all is well."""
    try:
        async with asyncio.timeout(_PULSE_TIMEOUT):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
