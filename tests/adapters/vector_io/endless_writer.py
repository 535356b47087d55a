"""A process that writes files of some chunks into a store, and says each that is written, until it is killed."""

import asyncio
import sys
from pathlib import Path

from adapters.vector_io.registry import open_backend
from config.vector_stores import Backend
from tests.adapters.vector_io.samples import DIMENSIONS, chunks_of

STORE = "vs_crash"
CHUNKS = 20


async def main(type: str, folder: str) -> None:
    backend = open_backend("test", Backend(type=type), Path(folder))
    await backend.start()
    await backend.create(STORE, DIMENSIONS)
    at = 0
    while True:
        await backend.write(STORE, chunks_of(f"file-{at}", CHUNKS, number=float(at)))
        if at % 4 == 3:
            await backend.remove(STORE, f"file-{at - 1}")
        print(at, flush=True)
        at += 1


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
