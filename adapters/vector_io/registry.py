"""Which vector backends there are."""

from pathlib import Path

import msgspec

from adapters.breaches import breach_of
from adapters.offers import Kind, Offers
from adapters.vector_io.contract import BackendType, VectorBackend
from config.mistakes import UnusableBackend
from config.vector_stores import Backend

SHIPPED: dict[str, str] = {
    "chroma": "adapters.vector_io.chroma",
    "chroma_server": "adapters.vector_io.chroma_server",
    "faiss": "adapters.vector_io.faiss",
    "milvus": "adapters.vector_io.milvus",
    "pgvector": "adapters.vector_io.pgvector",
    "qdrant": "adapters.vector_io.qdrant",
    "qdrant_edge": "adapters.vector_io.qdrant_edge",
    "sqlite_vec": "adapters.vector_io.sqlite_vec",
    "weaviate": "adapters.vector_io.weaviate",
}
"""The modules whose `BACKEND` each is."""

GROUP = "isthmus.vector_io"
"""Entry points of this group: the name is the backend's type, the value is its BackendType."""

_KIND = Kind(
    group=GROUP,
    value="BACKEND",
    noun="a BackendType",
    unusable=UnusableBackend,
    breach=breach_of(BackendType),
    contract="adapters/vector_io/contract.py",
)
BACKENDS: Offers[BackendType] = Offers(_KIND, SHIPPED)


def open_backend(name: str, settings: Backend, folder: Path) -> VectorBackend:
    """A backend as it is configured. Raises UnusableBackend, and ImportError where a library is missing."""
    kind = BACKENDS.find(settings.type)
    return kind.open(name, msgspec.convert(settings.options, kind.options), folder)
