"""A ledger for tests of the stores: its rows are there when they have been written, as in the real one."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from gateway.call import ATTEMPT_NUMBER_AT, new_attempt_id
from gateway.state.limits.contract import Amounts, Bucket, Lease, LimitStore, Named, Refusal, Under
from gateway.state.records.contract import RecordsUnavailable


@dataclass
class Attempt:
    id: bytes


@dataclass
class Books:
    """The database of all workers."""

    rows: dict[str, int] = field(default_factory=dict)
    """What attempts cost."""
    down: bool = False

    def worker(self) -> "WorkerBooks":
        return WorkerBooks(self)


class WorkerBooks:
    """What one worker has in its journal, and the way to the database."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.journal: dict[str, int] = {}
        self.reads = 0
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def write(self) -> None:
        await self.may_write.wait()
        if self._books.down:
            raise RecordsUnavailable("down")
        self._books.rows |= self.journal
        self.journal = {}

    async def spent(self, bucket: Bucket, since: int, without: Collection[Under] = ()) -> int:
        await self.may_read.wait()
        if self._books.down:
            raise RecordsUnavailable("down")
        self.reads += 1
        return sum(
            cost for name, cost in self._books.rows.items() if not any(_is_under(name, each) for each in without)
        )


def _is_under(name: str, under: Under) -> bool:
    process = under.mark[:ATTEMPT_NUMBER_AT]
    return name in under.attempts or (name.startswith(process) and name > under.mark)


class Spender:
    """A call of one attempt; its row is in the journal at the moment when it is settled, as a gateway does it."""

    def __init__(self, store: LimitStore, books: WorkerBooks, lease: Lease, attempts: list[Named]) -> None:
        self._store = store
        self._books = books
        self.lease = lease
        self._attempts = attempts

    @classmethod
    async def begin(cls, store: LimitStore, books: WorkerBooks, bucket: Bucket, most: int) -> "Spender | Refusal":
        attempts: list[Named] = []
        answer = await store.reserve((bucket,), (1, 0, 1, most), attempts)
        return answer if isinstance(answer, Refusal) else cls(store, books, answer, attempts)

    def attempt(self) -> None:
        self._attempts.append(Attempt(new_attempt_id()))

    def end(self, cost: int) -> None:
        if not self._attempts:
            self.attempt()
        self._books.journal[self._attempts[-1].id.decode()] = cost
        used: Amounts = (1, 0, 0, cost)
        self._store.settle(self.lease, used)
