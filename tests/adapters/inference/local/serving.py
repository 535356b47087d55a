"""A server of ours at a Unix socket, and the settings of a model's process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory
from typing import Any

from adapters.inference.local import unix_server
from adapters.inference.local.options import ProcessSettings
from adapters.inference.local.process import answers
from adapters.inference.local.unix_server import Handler
from tests.adapters.inference.local.asking import eventually


@asynccontextmanager
async def serving(handler: Handler, idle_seconds: float | None = None) -> AsyncIterator[tuple[str, asyncio.Task[None]]]:
    """A server at a socket, and its task."""
    with TemporaryDirectory(prefix="isthmus-") as folder:
        path = f"{folder}/x.sock"
        task = asyncio.create_task(unix_server.serve(handler, path, idle_seconds))
        await eventually(lambda: answers(path))
        yield path, task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def settings_with(**changes: Any) -> ProcessSettings:
    """What the process of a model called `m` is told."""
    usual: dict[str, Any] = {
        "name": "m",
        "kind": "chat",
        "file": "m.gguf",
        "sha256": None,
        "socket": "m.sock",
        "inner_socket": "m.sock.inner.sock",
        "threads": 1,
        "context": 256,
        "parallel": 1,
        "queue": 1,
        "pooling": None,
        "idle_seconds": None,
        "lock": 0,
        "parent": 0,
    }
    return ProcessSettings(**usual | changes)
