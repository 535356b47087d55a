"""A real Chroma server: `chroma run`, as its package has it."""

import sys
from pathlib import Path

from tests.services.program import Program


class ChromaServer(Program):
    """One server."""

    def __init__(self) -> None:
        super().__init__("chroma", "chromadb", _command)


def _command(folder: Path, port: int) -> list[str | Path]:
    program = Path(sys.executable).with_name("chroma")
    return [program, "run", "--path", folder, "--host", "127.0.0.1", "--port", str(port)]
