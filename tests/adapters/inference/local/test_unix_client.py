import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.inference.local.unix_client import request as ask

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


@asynccontextmanager
async def saying(folder: Path, *pieces: bytes) -> AsyncIterator[str]:
    """A socket at which each who asks gets these bytes, one piece after the other, and then the end."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)  # so that each piece is read by itself
        writer.close()

    path = str(folder / "x.sock")
    async with await asyncio.start_unix_server(say, path):
        yield path


async def test_a_body_that_comes_after_its_head_is_waited_for(tmp_path: Path) -> None:
    async with saying(tmp_path, HEAD, b"ab", b"cd") as path, ask(path, "GET", "/") as answer:
        assert (answer.status, await answer.read()) == (200, b"abcd")


async def test_a_body_that_ends_too_early_is_no_answer(tmp_path: Path) -> None:
    async with saying(tmp_path, HEAD, b"ab") as path, ask(path, "GET", "/") as answer:
        with pytest.raises(ConnectionError, match="too early"):
            await answer.read()


@pytest.mark.parametrize(("raw", "said"), [(b"", "too early"), (b"nonsense\r\n\r\n", "not HTTP")])
async def test_what_has_no_head_is_no_answer(tmp_path: Path, raw: bytes, said: str) -> None:
    async with saying(tmp_path, raw) as path:
        with pytest.raises(ConnectionError, match=said):
            async with ask(path, "GET", "/"):
                pass
