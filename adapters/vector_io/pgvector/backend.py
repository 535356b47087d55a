"""A PostgreSQL database with pgvector, which may go away at any time and is used again once it is back."""

import asyncio
import struct
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import asyncpg

from adapters.postgres import BROKEN, borrowed
from adapters.vector_io.contract import BackendUnavailable, Chunk, Hit
from adapters.vector_io.filters import Attribute, Filter
from adapters.vector_io.pgvector import tables
from adapters.vector_io.pgvector.conditions import Conditions, decode, encode, escape, unescape
from adapters.vector_io.pgvector.tables import Tables
from adapters.vector_io.words import query_words, words

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    from adapters.vector_io.pgvector import Options

    Connection: TypeAlias = PoolConnectionProxy

_T = TypeVar("_T")

_CONNECT_SECONDS = 5.0
_IDLE_SECONDS = 300.0
_AT_ONCE = 100
"""Rows that are encoded before the event loop may do something else."""
_LOCK = 0x69737468766563
"""Whoever holds this advisory lock may make tables."""
_NO_STORE = asyncpg.UndefinedTableError


class Pgvector:
    """One database."""

    def __init__(self, name: str, options: "Options") -> None:
        self._name = name
        self._options = options
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def start(self) -> None:
        """Reach the database."""
        async with self._connection() as connection:
            await connection.execute(f"SELECT pg_advisory_lock({_LOCK})")
            try:
                await connection.execute(tables.SHARED)
            finally:
                await connection.execute(f"SELECT pg_advisory_unlock({_LOCK})")

    async def close(self) -> None:
        """Finish what was begun and close every connection."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def create(self, store: str, dimensions: int) -> None:
        """Make the tables of a store."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
            await connection.execute(tables.SHARED)
            await connection.execute(tables.STORE, store, dimensions)
            for statement in Tables(store).create(dimensions):
                await connection.execute(statement)

    async def drop(self, store: str) -> None:
        """Remove the tables of a store."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
            await connection.execute(tables.SHARED)
            await connection.fetchval(tables.LOCK_STORE, store)
            await connection.execute(Tables(store).drop())
            await connection.execute(tables.FORGET_STORE, store)

    async def write(self, store: str, chunks: Sequence[Chunk]) -> None:
        """Put chunks in, in one transaction."""
        last = {chunk.id: chunk for chunk in chunks}
        counts = await asyncio.to_thread(lambda: {key: Counter(words(each.text)) for key, each in last.items()})
        names, ids = Tables(store), list(last)
        async with self._connection() as connection, connection.transaction():
            if await connection.fetchval(tables.LOCK_STORE, store) is None:
                raise BackendUnavailable(f"{self._name}: the store {store} is not there")
            gone, gone_words = await _forget(connection, names, "id = ANY($1)", ids)
            rows = _gently(_row(chunk, counts[chunk.id].total()) for chunk in last.values())
            await connection.copy_records_to_table(names.chunks, records=rows, columns=tables.CHUNK_COLUMNS)
            numbers = dict(await connection.fetch(names.numbers(), ids))
            found = _gently(
                (numbers[key], word, often, count.total())
                for key, count in counts.items()
                for word, often in count.items()
            )
            await connection.copy_records_to_table(names.words, records=found, columns=tables.WORD_COLUMNS)
            total = sum(count.total() for count in counts.values())
            await connection.execute(tables.GROW, store, len(ids) - gone, total - gone_words)

    async def remove(self, store: str, file_id: str) -> None:
        """Take a file's chunks out."""
        async with self._connection() as connection, connection.transaction():
            if await connection.fetchval(tables.LOCK_STORE, store) is not None:
                gone, gone_words = await _forget(connection, Tables(store), "file_id = $1", file_id)
                await connection.execute(tables.GROW, store, -gone, -gone_words)

    async def describe(self, store: str, file_id: str, attributes: dict[str, Attribute]) -> None:
        """Give a file's chunks these attributes."""
        async with self._connection() as connection, connection.transaction():
            if await connection.fetchval(tables.LOCK_STORE, store) is not None:
                await connection.execute(Tables(store).describe(), file_id, encode(attributes))

    async def count(self, store: str, file_id: str | None = None) -> int:
        """How many chunks are there."""
        if file_id is None:
            found = await self._fetch(tables.COUNT_STORE, store)
        else:
            found = await self._fetch(Tables(store).count(), file_id)
        return int(found[0][0]) if found else 0

    async def nearest(self, store: str, vector: bytes, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The chunks nearest to a vector.

        The index gives up after `hnsw.max_scan_tuples` vectors that the filter lets not pass, so what it finds too
        few of is looked for again without it.
        """
        asked = Conditions(vector)
        where, dimensions = asked.where(filter), len(vector) // 4
        found = await self._fetch(Tables(store).nearest(dimensions, where, limit), *asked.values)
        if len(found) < limit:
            found = await self._fetch(Tables(store).nearest(dimensions, where, limit, exactly=True), *asked.values)
        return [_hit(row) for row in found]

    async def matching(self, store: str, text: str, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The chunks that share words with a text."""
        asked = Conditions(query_words(text), store)
        where = asked.where(filter)
        return [_hit(row) for row in await self._fetch(Tables(store).matching(where, limit), *asked.values)]

    async def _fetch(self, statement: str, *values: object) -> list[Any]:
        """The rows of a query; none where the store is not there."""
        async with self._connection() as connection:
            try:
                return list(await connection.fetch(statement, *values))
            except _NO_STORE:
                return []

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator["Connection"]:
        try:
            async with asyncio.timeout(self._options.timeout_seconds), borrowed(await self._opened()) as connection:
                yield connection
        except (OSError, asyncpg.PostgresError, *BROKEN) as error:  # a TimeoutError is an OSError
            raise BackendUnavailable(f"{self._name}: {_reason(error)}") from None

    async def _opened(self) -> "asyncpg.Pool":
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._options.url,
                    min_size=0,
                    max_size=self._options.connections,
                    max_inactive_connection_lifetime=_IDLE_SECONDS,
                    timeout=_CONNECT_SECONDS,
                    command_timeout=self._options.timeout_seconds,
                    init=self._prepare,
                    reset=_keep,
                    server_settings={
                        "application_name": "isthmus",
                        "statement_timeout": str(int(self._options.timeout_seconds * 1000)),
                    },
                )
            return self._pool

    async def _prepare(self, connection: "asyncpg.Connection") -> None:
        """Let a new connection speak of vectors."""
        schema = await connection.fetchval(_SCHEMA)
        if schema is None:
            async with connection.transaction():
                await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
                await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            schema = await connection.fetchval(_SCHEMA)
        await connection.set_type_codec("vector", schema=schema, encoder=_vector, decoder=bytes, format="binary")
        # Without a scan that goes on, a filter is asked of the first `ef_search` vectors only.
        await connection.execute("SET hnsw.iterative_scan = 'strict_order'")
        await connection.execute(f"SET hnsw.ef_search = {self._options.search_breadth}")


_SCHEMA = """SELECT nspname FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace
    WHERE pg_type.oid = to_regtype('vector')"""


async def _keep(connection: "asyncpg.Connection") -> None:
    """Leave a connection's settings as they are when it goes back: nothing changes them."""


async def _forget(connection: "Connection", names: Tables, condition: str, value: object) -> tuple[int, int]:
    await connection.execute(names.forget_words(condition), value)
    gone, gone_words = await connection.fetchrow(names.forget_chunks(condition), value)
    return gone, gone_words


async def _gently(rows: Iterable[_T]) -> AsyncIterator[_T]:
    for at, row in enumerate(rows):
        if at % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
        yield row


def _row(chunk: Chunk, length: int) -> tuple[object, ...]:
    text, attributes = escape(chunk.text), encode(chunk.attributes)
    return chunk.id, chunk.file_id, chunk.index, text, chunk.vector, attributes, length


def _vector(raw: bytes) -> bytes:
    """float32 of the contract as pgvector sends them: their number, and the most significant byte first."""
    numbers = array("f", raw)
    numbers.byteswap()
    return struct.pack(">HH", len(numbers), 0) + numbers.tobytes()


def _hit(row: Any) -> Hit:
    chunk, file, index, text, attributes, score = row
    return Hit(chunk, file, index, unescape(text), score, decode(attributes))


def _reason(error: Exception) -> str:
    """What went wrong, in words that hold no secret: those of other errors quote what they were given."""
    if isinstance(error, TimeoutError):
        return "PostgreSQL does not answer in time"
    if isinstance(error, OSError):
        return f"PostgreSQL can't be reached: {error.strerror or type(error).__name__}"
    return f"PostgreSQL: {error if isinstance(error, asyncpg.PostgresError) else type(error).__name__}"
