"""A real server that speaks Milvus' protocol over TCP: that of Milvus Lite, started as a program."""

import sys
from pathlib import Path

from tests.services.program import Program

_MAIN = "from milvus_lite.cmdline import main; main()"


class MilvusServer(Program):
    """One server."""

    def __init__(self) -> None:
        super().__init__("milvus", "milvus_lite", _command)


def _command(folder: Path, port: int) -> list[str | Path]:
    where: list[str | Path] = ["--data-dir", folder / "data", "--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-c", _MAIN, "server", *where]
