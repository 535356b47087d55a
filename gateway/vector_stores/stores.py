"""Vector stores in the database, each of one owner."""

# ruff: noqa: S608

from collections.abc import Sequence
from typing import Final

from msgspec import structs

from gateway.auth.stored import as_int, as_text
from gateway.state.records.contract import Records, Row, Step, Value
from gateway.vector_stores.faults import expired, no_store
from gateway.vector_stores.kept import DAY, STORE_COLUMNS, Counts, Settings, Store, as_json, now, store_of
from gateway.vector_stores.leaving import emptying
from gateway.vector_stores.pages import Asked, Page, Place, clause, page

_ADD: Final = (
    "INSERT INTO vector_stores (id, owner, name, description, metadata, backend, model, days, created, active, "
    "expired, provider, provider_id) SELECT $1, $2, $3, $4, $5, $6, $7, CAST($8 AS BIGINT), CAST($9 AS BIGINT), "
    "CAST($9 AS BIGINT), 0, $11, $12 "
    "WHERE (SELECT COUNT(*) FROM vector_stores WHERE owner = $2 AND expired = 0) < $10"
)
_ONE: Final = f"SELECT {STORE_COLUMNS} FROM vector_stores WHERE owner = $1 AND id = $2"
_PAGE: Final = f"SELECT {STORE_COLUMNS} FROM vector_stores WHERE owner = $1"
_UPDATE: Final = "UPDATE vector_stores SET name = $3, metadata = $4, days = $5 WHERE owner = $1 AND id = $2"
_LIVES: Final = f"expired = 0 AND (days IS NULL OR active + days * {DAY} > $1)"
_TOUCH: Final = f"UPDATE vector_stores SET active = $1 WHERE id = $2 AND owner = $3 AND {_LIVES}"
_DIMENSIONS: Final = "UPDATE vector_stores SET dimensions = $1 WHERE id = $2 AND dimensions IS NULL"
_DELETE: Final = "DELETE FROM vector_stores WHERE id = $1 AND owner = $2"
_ENDED: Final = f"SELECT id FROM vector_stores WHERE expired = 0 AND days IS NOT NULL AND active + days * {DAY} <= $1"
_EXPIRE: Final = (
    "UPDATE vector_stores SET expired = 1 "
    f"WHERE id = $2 AND expired = 0 AND days IS NOT NULL AND active + days * {DAY} <= $1"
)
_COUNTS: Final = (
    "SELECT store_id, status, COUNT(*), CAST(SUM(usage_bytes) AS BIGINT) FROM vector_store_files "
    "WHERE store_id IN ({places}) GROUP BY store_id, status"
)


class Stores:
    """Raises RecordsUnavailable from every verb."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def adding(self, store: Store, most: int) -> Step:
        """The step that makes a store, if its owner has fewer than so many."""
        said = store.settings
        return _ADD, (
            store.id,
            store.owner,
            said.name,
            said.description,
            as_json(said.metadata),
            store.backend,
            store.model,
            said.days,
            store.created,
            most,
            store.provider,
            store.provider_id,
        )

    async def keep(self, store: Store, most: int) -> bool:
        """Note a store that lives elsewhere, if its owner has fewer than so many. Raises Conflict."""
        return (await self._records.transact(self.adding(store, most)))[0] == 1

    async def forget(self, store: Store) -> None:
        """A store that lives elsewhere is gone there."""
        await self._records.execute(_DELETE, store.id, store.owner)

    async def get(self, owner: str, id: str) -> Store:
        """One, expired or not. Raises NotFound."""
        found = await self._whole(await self._records.fetch(_ONE, owner, id))
        if not found:
            raise no_store(id)
        return found[0]

    async def living(self, owner: str, id: str) -> Store:
        """One that can be used, without its counts. Raises NotFound, and BadRequest where it has expired."""
        rows = await self._records.fetch(_ONE, owner, id)
        if not rows:
            raise no_store(id)
        store = _judged(store_of(rows[0]), now())
        if store.expired:
            raise expired(id)
        return store

    async def page(self, owner: str, asked: Asked) -> Page[Store]:
        """Some of an owner's."""
        values: list[Value] = [owner]
        rows = await self._records.fetch(_PAGE + clause(asked, "id", values), *values)
        return page(asked, await self._whole(rows))

    async def place(self, owner: str, id: str) -> Place | None:
        """Where one stands in the list."""
        rows = await self._records.fetch(_ONE, owner, id)
        return Place(store_of(rows[0]).created, id) if rows else None

    async def update(self, store: Store, settings: Settings) -> Store:
        """Change what a caller said of it, which is no activity. Raises NotFound, and BadRequest where it expired."""
        values = (settings.name, as_json(settings.metadata), settings.days)
        changed = await self._records.execute(_UPDATE, store.owner, store.id, *values)
        if not changed:
            raise no_store(store.id)
        return await self.get(store.owner, store.id)

    def touching(self, owner: str, id: str, moment: int) -> Step:
        """The step that says that something was done to it. It holds the store, so that nobody deletes it meanwhile."""
        return _TOUCH, (moment, id, owner)

    async def touch(self, store: Store) -> None:
        """Say that something was done to it."""
        await self._records.transact(self.touching(store.owner, store.id, now()))

    async def measure(self, store: Store, dimensions: int) -> int:
        """Note how many dimensions its vectors have, if nobody has; give what is noted. Raises NotFound."""
        if store.dimensions is not None:
            return store.dimensions
        await self._records.execute(_DIMENSIONS, dimensions, store.id)
        rows = await self._records.fetch(_ONE, store.owner, store.id)
        if not rows:
            raise no_store(store.id)
        return store_of(rows[0]).dimensions or dimensions

    async def delete(self, owner: str, id: str) -> None:
        """Remove it with all that is in it; the backend's part is noted. Raises NotFound."""
        store = await self.get(owner, id)
        moment = now()
        held = ("UPDATE vector_stores SET active = active WHERE id = $1 AND owner = $2", (store.id, owner))
        outcome = await self._records.transact(held, *emptying(store.id, moment), (_DELETE, (store.id, owner)))
        if not outcome[-1]:
            raise no_store(id)

    async def expire(self) -> int:
        """Empty those that have ended; give how many there were."""
        moment = now()
        ended = [as_text(row[0]) for row in await self._records.fetch(_ENDED, moment)]
        count = 0
        for store in ended:
            count += await self._expire(store, moment)
        return count

    async def _expire(self, id: str, moment: int) -> int:
        marked, *_ = await self._records.transact((_EXPIRE, (moment, id)), *emptying(id, moment, if_expired=True))
        return marked

    async def _whole(self, rows: Sequence[Row]) -> list[Store]:
        """Stores with their counts."""
        moment = now()
        found = [_judged(store_of(row), moment) for row in rows]
        if not found:
            return []
        places = ", ".join(f"${number}" for number in range(1, len(found) + 1))
        counts: dict[str, dict[str, int]] = {}
        used: dict[str, int] = {}
        for row in await self._records.fetch(_COUNTS.format(places=places), *(store.id for store in found)):
            holder, status, count, size = as_text(row[0]), as_text(row[1]), as_int(row[2]), as_int(row[3])
            counts.setdefault(holder, {})[status] = count
            if status == "completed":
                used[holder] = size
        return [
            structs.replace(store, counts=Counts(**counts.get(store.id, {})), usage_bytes=used.get(store.id, 0))
            for store in found
        ]


def _judged(store: Store, moment: int) -> Store:
    """A store that has ended is expired, whether somebody has emptied it yet or not."""
    has_ended = store.expires is not None and store.expires <= moment
    return structs.replace(store, expired=True) if has_ended else store
