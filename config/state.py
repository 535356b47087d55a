"""Where the gateway keeps what outlives a request, as an operator writes it."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from config.values import File, Name, shown


class Redis(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The Redis that workers and replicas share. Without it everything shared stays in one process."""

    url: str
    """redis://, rediss:// (TLS), redis+sentinel://host,host/service or redis+cluster://host,host."""
    timeout_ms: Annotated[int, Meta(ge=1, le=5_000)] = 50
    """A command that takes longer counts as failed; requests go on without it."""
    connections: Annotated[int, Meta(ge=1, le=1_024)] = 32
    """Open connections of each worker."""
    prefix: Name = "isthmus"
    """What the names of its keys begin with."""
    ca_file: File | None = None
    """Authorities to trust instead of the system's, with rediss://."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, ("url",))

    def __repr__(self) -> str:
        return f"Redis({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class Records(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Keys that the admin API made, and the usage ledger. Without this section there are none."""

    url: str | None = None
    """postgresql://…, or sqlite:///path; without it, a SQLite file in `folder`."""
    folder: str | None = None
    """Where that file and the ledger's journal are; $XDG_STATE_HOME/isthmus unless said."""
    keep_days: Annotated[int, Meta(ge=1, le=3_650)] = 400
    """Rows of the ledger are kept this long."""
    journal_bytes: Annotated[int, Meta(ge=16_777_216, le=2**40)] = 268_435_456
    """The ledger's journal, over all workers: rows wait there while the database does not answer."""
    grace_seconds: Annotated[float, Meta(ge=5, le=86_400)] = 600
    """While the database does not answer, keys of it that were used here go on for this long."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, ("url",))

    def __repr__(self) -> str:
        return f"Records({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class State(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is kept where. A change counts after a restart."""

    redis: Redis | None = None
    """Shared counters, caches and cooldowns."""
    records: Records | None = None
    """Keys and the usage ledger."""
