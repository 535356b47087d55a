"""What an embedded backend said was written is there after its process was killed, and nothing is there by half."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.vector_io.endless_writer import CHUNKS, STORE
from tests.adapters.vector_io.openers import Folder, Opener, openers
from tests.adapters.vector_io.samples import DIMENSIONS, packed

EMBEDDED = [opener for opener in openers() if opener.embedded]
WRITTEN = 40
"""Files, after which the writer is killed in the middle of something."""


@pytest.mark.parametrize("kind", EMBEDDED, ids=lambda kind: kind.name)
async def test_a_killed_writer_loses_nothing_that_it_was_told_is_written(kind: Opener, tmp_path: Path) -> None:
    said = _write_until_killed(kind.name, tmp_path)
    backend = Folder(kind.name, tmp_path).open()
    await backend.start()
    counts = {at: await backend.count(STORE, f"file-{at}") for at in range(said[-1] + 3)}
    removed = {at for at in range(said[-1] + 1) if at % 4 == 2 and at + 1 <= said[-1]}
    for at, count in counts.items():
        if at in removed:
            assert count == 0, at
        elif at < said[-1]:
            assert count == CHUNKS, at
        else:
            assert count in (0, CHUNKS), at
    found = await backend.nearest(STORE, packed([1.0] * DIMENSIONS), 10_000)
    assert len(found) == len({hit.id for hit in found}) == sum(counts.values()) == await backend.count(STORE)
    assert len(await backend.matching(STORE, "word3", 10_000)) == sum(count > 0 for count in counts.values())
    await backend.close()


def _write_until_killed(type: str, folder: Path) -> list[int]:
    """Which files it said are written, from the last one that was waited for."""
    command = [sys.executable, "-m", "tests.adapters.vector_io.endless_writer", type, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) == WRITTEN:
                break
        writer.kill()
        return [WRITTEN, *map(int, writer.stdout.read().split())]
