"""Where files of tests are read: real processes, and folders of the test."""

import itertools
from pathlib import Path
from typing import Any

import msgspec

from config.vector_stores import Ingestion
from gateway.ingest.contract import Chunking, Extracted, FileRefused, Piece
from gateway.ingest.readers import Readers


class Desk:
    """Reads bytes under a name."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self.readers = Readers(Ingestion(**settings))

    async def close(self) -> None:
        """End what reads."""
        await self.readers.close()

    async def extracted(self, content: bytes, name: str) -> tuple[Extracted, str]:
        """What a file was taken for, and its text."""
        number = next(self._numbers)
        source, text = self._folder / f"{number}.file", self._folder / f"{number}.text"
        source.write_bytes(content)
        extracted = await self.readers.extract(source, name, text)
        written = text.read_bytes()
        assert extracted.size == len(written)
        return extracted, written.decode()

    async def text(self, content: bytes, name: str) -> str:
        """Its text."""
        return (await self.extracted(content, name))[1]

    async def refused(self, content: bytes, name: str) -> FileRefused:
        """Why a file is not read."""
        try:
            extracted = await self.extracted(content, name)
        except FileRefused as refused:
            return refused
        raise AssertionError(f"It was read: {extracted}")

    async def pieces(self, text: str, chunking: Chunking) -> list[Piece]:
        """The chunks of a text."""
        number = next(self._numbers)
        source, chunks = self._folder / f"{number}.text", self._folder / f"{number}.chunks"
        source.write_text(text, newline="")
        count = await self.readers.chunk(source, chunks, chunking)
        pieces = [msgspec.json.decode(line, type=Piece) for line in chunks.read_bytes().splitlines()]
        assert count == len(pieces)
        return pieces
