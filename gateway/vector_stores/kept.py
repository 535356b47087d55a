"""What is known of vector stores, their files and batches; times in microseconds since 1970."""

import secrets
import string
import time
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from adapters.vector_io.filters import Attribute
from config.limits import Limit
from gateway.auth import Caller
from gateway.auth.stored import as_int, as_text
from gateway.ingest.contract import Chunking
from gateway.state.records.contract import Row

MICROSECONDS: Final = 1_000_000
DAY: Final = 86_400 * MICROSECONDS
_LETTERS: Final = string.ascii_letters + string.digits

Status: TypeAlias = Literal["in_progress", "completed", "failed", "cancelled"]
Attributes: TypeAlias = dict[str, Attribute]


class Counts(Struct, frozen=True):
    """How many files of a store or of a batch there are of each status."""

    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.in_progress + self.completed + self.failed + self.cancelled


class Settings(Struct, frozen=True, kw_only=True):
    """What a caller says of a store."""

    name: str = ""
    description: str | None = None
    metadata: dict[str, str]
    days: int | None = None
    """Without anything done to it after which it ends."""


class Store(Struct, frozen=True, kw_only=True):
    """A vector store."""

    id: str
    owner: str
    settings: Settings
    backend: str
    """Which of the configuration's backends has it."""
    model: str
    """What makes its vectors."""
    dimensions: int | None
    """What its vectors have; None before the first of them."""
    created: int
    active: int
    expired: bool
    counts: Counts = Counts()
    usage_bytes: int = 0
    provider: str | None = None
    """Where it lives, if not here."""
    provider_id: str | None = None
    """What it is called there."""

    @property
    def expires(self) -> int | None:
        """When it ends unless something is done to it."""
        return None if self.settings.days is None else self.active + self.settings.days * DAY


class Wanted(Struct, frozen=True):
    """A file that is to be in a store."""

    file_id: str
    attributes: Attributes | None = None
    chunking: Chunking = Chunking()


class StoreFile(Struct, frozen=True, kw_only=True):
    """A file in a store."""

    id: str
    """Of its being there: another once it is taken in again."""
    store_id: str
    file_id: str
    batch_id: str | None
    attributes: Attributes
    chunking: Chunking
    status: Status
    error: tuple[str, str] | None
    """Code and message of why it failed."""
    usage_bytes: int
    created: int


class Batch(Struct, frozen=True, kw_only=True):
    """Files that came together."""

    id: str
    store_id: str
    created: int
    cancelled: bool
    counts: Counts = Counts()

    @property
    def status(self) -> Status:
        """What became of it: failed where nothing else did."""
        if self.cancelled:
            return "cancelled"
        if self.counts.in_progress:
            return "in_progress"
        return "failed" if self.counts.failed and self.counts.failed == self.counts.total else "completed"


class Asker(Struct, frozen=True, omit_defaults=True):
    """Whoever put a file into a store, as far as the work on it has to know: it may outlive the process."""

    name: str
    owner: str
    team: str | None = None
    organisation: str | None = None
    limit: Limit | None = None
    """Of the key, as it was then."""

    @classmethod
    def of(cls, caller: Caller) -> "Asker":
        """From who asks now."""
        return cls(caller.name, caller.owner, caller.team, caller.organisation, caller.limit)

    def caller(self) -> Caller:
        """Who asks, again. It may use whatever model the store has."""
        return Caller(
            self.name,
            ["*"],
            owner=self.owner,
            team=self.team,
            organisation=self.organisation,
            limit=self.limit,
        )


FILE_COLUMNS: Final = (
    "id, store_id, file_id, batch_id, attributes, chunk_tokens, overlap_tokens, status, error_code, error_message, "
    "usage_bytes, created"
)
STORE_COLUMNS: Final = (
    "id, owner, name, description, metadata, backend, model, dimensions, days, created, active, "
    "expired, provider, provider_id"
)


def store_of(row: Row) -> Store:
    """A store from STORE_COLUMNS, without its counts."""
    name, description, metadata, days = row[2], row[3], row[4], row[8]
    return Store(
        id=as_text(row[0]),
        owner=as_text(row[1]),
        settings=Settings(
            name=as_text(name),
            description=None if description is None else as_text(description),
            metadata=msgspec.json.decode(as_text(metadata), type=dict[str, str]),
            days=None if days is None else as_int(days),
        ),
        backend=as_text(row[5]),
        model=as_text(row[6]),
        dimensions=None if row[7] is None else as_int(row[7]),
        created=as_int(row[9]),
        active=as_int(row[10]),
        expired=bool(row[11]),
        provider=None if row[12] is None else as_text(row[12]),
        provider_id=None if row[13] is None else as_text(row[13]),
    )


def file_of(row: Row) -> StoreFile:
    """A file from FILE_COLUMNS."""
    status: Any = row[7]
    return StoreFile(
        id=as_text(row[0]),
        store_id=as_text(row[1]),
        file_id=as_text(row[2]),
        batch_id=None if row[3] is None else as_text(row[3]),
        attributes=read_attributes(as_text(row[4])),
        chunking=Chunking(as_int(row[5]), as_int(row[6])),
        status=status,
        error=None if row[8] is None else (as_text(row[8]), as_text(row[9])),
        usage_bytes=as_int(row[10]),
        created=as_int(row[11]),
    )


def read_attributes(text: str) -> Attributes:
    """From what is kept: whole numbers stay whole."""
    found: Attributes = msgspec.json.decode(text)
    return found


def as_json(value: object) -> str:
    """What is kept of a mapping."""
    return msgspec.json.encode(value).decode()


def new_id(prefix: str) -> str:
    """An id that nobody can guess."""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(24))


def now() -> int:
    """In microseconds since 1970."""
    return time.time_ns() // 1000
