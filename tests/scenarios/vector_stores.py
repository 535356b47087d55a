"""Gateways with vector stores, and what there is of a store in the end."""

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openai import OpenAI

from tests.gateway_process import GatewayProcess

_SETTLED_SECONDS = 60.0
"""A lease has to end, or a provider to be asked again, while the machine is busy with other tests."""
EMBEDDER = "scripted/embedder"
SMALL = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
"""How a test cuts its texts, so that short ones have several chunks."""


def sections(
    folder: Path, model: str = EMBEDDER, url: str | None = None, ingestion: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """The sections of a configuration that serves vector stores, whose vectors are made by a model of the upstream."""
    stores = {
        "embedding": {"model": model, "batch": 2, "parallel": 1},
        "ingestion": {"lease_seconds": 5, **(ingestion or {})},
        **more,
    }
    records: dict[str, Any] = {"folder": str(folder), **({"url": url} if url else {})}
    return {"state": {"records": records}, "files": {}, "vector_stores": stores}


def client_of(gateway: GatewayProcess, key: str = "any") -> OpenAI:
    """OpenAI's own client, which tries nothing twice."""
    return OpenAI(base_url=gateway.base_url, api_key=key, max_retries=0)


def words(count: int, *, of: str = "word") -> bytes:
    """A text of about as many tokens, all different enough to be told apart."""
    return " ".join(f"{of}{number % 10}" for number in range(count // 2)).encode()


def upload(client: OpenAI, text: bytes, name: str = "notes.txt") -> str:
    """A file's id."""
    return client.files.create(file=(name, text), purpose="assistants").id


def wait_until_settled(client: OpenAI, store: str) -> None:
    """Wait until no file of a store is in progress."""
    deadline = time.monotonic() + _SETTLED_SECONDS
    while client.vector_stores.retrieve(store).file_counts.in_progress:
        assert time.monotonic() < deadline, "its files are in progress still"
        time.sleep(0.02)


def chunks_of(folder: Path, store: str) -> list[tuple[str, str]]:
    """The ids of the files and of the chunks that the embedded backend has of a store."""
    path = folder / "vectors" / "embedded" / f"{store}.db"
    if not path.exists():
        return []
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = "SELECT files.id, chunks.id FROM chunks JOIN files ON files.number = chunks.file"
        return [(str(file), str(chunk)) for file, chunk in connection.execute(rows)]
    except sqlite3.OperationalError:
        if path.exists():
            raise
        return []  # it was removed while it was read
    finally:
        connection.close()


def texts_of(folder: Path) -> list[Path]:
    """The texts that are kept of files in stores."""
    return [path for path in folder.rglob("*") if path.is_file() and "text" in path.parts]
