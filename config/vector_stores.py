"""Vector stores as an operator writes them: backends, how files are read and embedded, how results are ranked."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, field

from config.values import Bytes, Count, Name, Seconds


class Backend(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A vector database."""

    type: str
    """What it is: see docs/vector-backends.md; or a backend of an installed package."""
    options: dict[str, Any] = field(default_factory=dict)
    """What only this type knows; checked against its own type."""


class EmbeddingModel(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What makes vectors of texts."""

    model: str
    """A model of this gateway, as clients would name it."""
    dimensions: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    """Asked for where the model lets one choose; else what the model gives."""
    batch: Annotated[int, Meta(ge=1, le=2_048)] = 32
    """Chunks in one request."""
    parallel: Annotated[int, Meta(ge=1, le=256)] = 2
    """Requests under way at once, in each worker."""
    attempts: Annotated[int, Meta(ge=1, le=100)] = 8
    """Tries for one request, each later than the one before, before a file is given up."""


class Ingestion(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What may be spent on reading one file, by a process of its own."""

    parallel: Annotated[int, Meta(ge=1, le=64)] = 2
    """Files that each worker takes in at once."""
    seconds: Seconds = 120
    """For reading its text; a slower file fails."""
    memory_bytes: Bytes = 1_073_741_824
    """For reading its text; a file that needs more fails."""
    text_bytes: Bytes = 134_217_728
    """Of the text itself; more of it fails."""
    lease_seconds: Annotated[float, Meta(ge=5, le=3_600)] = 60
    """A file whose worker was killed is taken over after this long."""


class Search(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How results are found and ranked."""

    mode: Literal["vector", "keyword", "hybrid"] = "hybrid"
    """Where a request does not say: by meaning, by words (BM25), or both, fused by reciprocal rank."""
    embedding_weight: Annotated[float, Meta(ge=0, le=1_000)] = 1
    """Of meaning in the fusion, where a request does not say."""
    text_weight: Annotated[float, Meta(ge=0, le=1_000)] = 1
    """Of words."""
    candidates: Annotated[int, Meta(ge=1, le=1_000)] = 50
    """Chunks of each kind that are fused and ranked."""
    reranker: str | None = None
    """A model of this gateway for /v1/rerank, which `ranker: auto` uses; without one, the fused order stays."""
    rewriter: str | None = None
    """A model of this gateway for chat, which `rewrite_query` uses; without one, that field is reported as dropped."""

    def __post_init__(self) -> None:
        if self.mode == "hybrid" and not (self.embedding_weight or self.text_weight):
            raise ValueError("one of embedding_weight and text_weight must be over 0, or nothing is looked for")


class VectorStores(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """/v1/vector_stores. They need `files` and `state.records`."""

    backends: dict[Name, Backend] = field(default_factory=dict)
    """Vector databases by name; without any, the embedded default."""
    backend: Name | None = None
    """The one for stores whose `metadata.backend` names none; the first of `backends` unless said."""
    embedding: EmbeddingModel = field(default_factory=lambda: EmbeddingModel(model="local/minilm"))
    """What makes vectors; a store keeps the model that it was made with."""
    ingestion: Ingestion = field(default_factory=Ingestion)
    """How files are read."""
    search: Search = field(default_factory=Search)
    """How results are found."""
    providers: list[Name] = field(default_factory=list)
    """Providers whose own vector stores callers may use, with `metadata.provider`."""
    stores_of_owner: Count = 1_000
    """Stores that one owner may have."""


EMBEDDED: Final = {"embedded": Backend(type="sqlite_vec")}
"""What there is where a configuration names no backends."""


def backends_of(settings: VectorStores) -> dict[str, Backend]:
    """The backends of a configuration, by name."""
    return settings.backends or EMBEDDED


def backend_of(settings: VectorStores) -> str:
    """The name of the one for stores that name none."""
    return settings.backend or next(iter(backends_of(settings)))
