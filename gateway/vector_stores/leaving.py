"""How files and stores leave: their rows at once, and in the same transaction a note of what else is to be removed.

A file that a worker has in hand is removed once that worker says that it has stopped, or its claim has ended.
"""

# ruff: noqa: S608

from typing import Final

from gateway.state.records.contract import Step, Value

_HOLD: Final = "UPDATE vector_store_files SET revision = revision WHERE {which}"
"""Waits for whoever is changing them, so that the statements after it see what became of them."""
_NOTE: Final = (
    "INSERT INTO vector_store_removals (id, store_id, file_id, backend, tries, due, claim) "
    "SELECT id, store_id, file_id, (SELECT backend FROM vector_stores WHERE vector_stores.id = store_id), 0, "
    "CASE WHEN claim IS NULL THEN CAST({now} AS BIGINT) ELSE due END, NULL "
    "FROM vector_store_files WHERE {which} ON CONFLICT (id) DO NOTHING"
)
_TAKE_OUT: Final = "DELETE FROM vector_store_files WHERE {which}"
_CANCEL: Final = "UPDATE vector_store_files SET status = 'cancelled', due = NULL, claim = NULL WHERE {which}"
_NOTE_STORE: Final = (
    "INSERT INTO vector_store_removals (id, store_id, file_id, backend, tries, due, claim) "
    "SELECT id, id, NULL, backend, 0, CAST($2 AS BIGINT), NULL FROM vector_stores WHERE {which} "
    "ON CONFLICT (id) DO NOTHING"
)


def taking_out(which: str, values: tuple[Value, ...], now: int) -> list[Step]:
    """Take out the files that a condition over their table chooses; the last step tells how many."""
    return [*_noted(which, values, now), (_TAKE_OUT.format(which=which), values)]


def cancelling(which: str, values: tuple[Value, ...], now: int) -> list[Step]:
    """End the work on the files that a condition chooses; they stay in their list."""
    return [*_noted(which, values, now), (_CANCEL.format(which=which), values)]


def emptying(store: str, now: int, *, if_expired: bool = False) -> list[Step]:
    """Take everything out of a store. Files in hand are noted one by one: the rest goes with the store."""
    meant = "id = $1 AND expired = 1" if if_expired else "id = $1"
    everything = f"store_id IN (SELECT id FROM vector_stores WHERE {meant})"
    return [
        (_HOLD.format(which=everything), (store,)),
        (_NOTE.format(which=f"{everything} AND claim IS NOT NULL", now="$2"), (store, now)),
        (_NOTE_STORE.format(which=meant), (store, now)),
        (_TAKE_OUT.format(which=everything), (store,)),
        (f"DELETE FROM vector_store_batches WHERE {everything}", (store,)),
    ]


def noting(which: str, values: tuple[Value, ...], now: int) -> Step:
    """Note that what was made of the files that a condition chooses is to be removed."""
    return _NOTE.format(which=which, now=f"${len(values) + 1}"), (*values, now)


def _noted(which: str, values: tuple[Value, ...], now: int) -> list[Step]:
    return [(_HOLD.format(which=which), values), noting(which, values, now)]
