"""What a store of limits does: reserve over several buckets at once or not at all, and settle to the real use later.

Times are whole milliseconds of UTC. Money is nano-dollars.
"""

from collections.abc import Callable, Collection, Sequence
from enum import IntEnum
from typing import Any, Final, Literal, Protocol, TypeAlias

from msgspec import Struct

NEVER: Final = 2**53
"""In the stead of a time to wait: waiting does not help."""
SOON: Final = 1_000
"""Milliseconds after which to ask again for what calls in progress hold."""
MOST: Final = 2**53 - 1
"""The largest number that Redis' scripts count exactly."""


class Measure(IntEnum):
    """What a bucket counts."""

    REQUESTS = 0
    TOKENS = 1
    PARALLEL = 2
    MONEY = 3


Kind: TypeAlias = Literal["key", "owner", "team", "organisation", "model"]

Amounts: TypeAlias = tuple[int, int, int, int]
"""What a call reserves, or has used, of each measure."""


class Bucket(Struct, frozen=True):
    """One limit of one holder. The most may change between calls; what was counted under its name stays."""

    name: str
    """Of the holder and the limit; it holds no secret."""
    measure: Measure
    most: int
    width: int = 0
    """Milliseconds of a slot, where the limit is for a time that moves on with the clock."""
    slots: int = 0
    """So many of these are that time. One more is counted, because the slot of the moment has only begun: never more
    than the limit in any such time, and what was used counts up to a slot longer."""
    per: str = ""
    """Where the bucket begins anew with the calendar (UTC): day, month or total."""
    warn: int = 0
    """The soft end; 0 for none."""
    holder: str = ""
    """Whose it is and what it is, for people: `key 'a'`."""
    title: str = ""
    """What it is called in the configuration."""
    kind: Kind = "key"
    """What its holder is."""
    holder_name: str = ""
    """Whose money it is, as the ledger has it."""


class Lease(Struct, gc=False):
    """What a call holds until it is settled."""

    id: int
    """For a store that keeps it."""
    buckets: Sequence[Bucket]
    amounts: Amounts
    used: Sequence[int]
    """Of each bucket: what calls have used and hold, this one included."""
    spent: Sequence[int]
    """Of each budget: what calls have used that are over; 0 for other buckets."""
    now: int
    """When it was reserved."""
    counted: Sequence[Any] = ()
    """What counts in each bucket, for a store that keeps no lease itself."""


class Refusal(Struct):
    """Why a call may not be made: the bucket that it has to wait for longest."""

    bucket: Bucket
    used: int
    spent: int
    asked: int
    wait: int
    """Milliseconds, or NEVER."""
    first: bool = False
    """A budget has been spent and nobody was told in its period."""

    @property
    def held(self) -> bool:
        """Whether only calls in progress are in the way."""
        if self.bucket.measure is Measure.MONEY:
            return self.spent + self.asked <= self.bucket.most
        return self.bucket.measure is Measure.PARALLEL


Tell: TypeAlias = Callable[[Bucket, int], None]
"""Takes a budget whose soft end was passed just now, and what is spent of it."""


class Unread(Exception):
    """What a budget has spent is not known yet: the ledger could not be read in time."""


class Named(Protocol):
    """An attempt, as far as it matters here."""

    id: bytes


class Under(Struct, frozen=True):
    """The calls that a worker had under way under a budget when it wrote everything else to the ledger."""

    mark: str
    """An attempt's id: the worker's attempts after it belong to those calls."""
    attempts: Sequence[str] = ()
    """Ids of those before it."""


class Past(Protocol):
    """What was spent before a store began to count. Raises RecordsUnavailable from both."""

    async def write(self) -> None:
        """Have everything in the ledger that is over on this worker, and on dead ones of this machine."""
        ...

    async def spent(self, bucket: Bucket, since: int, without: Collection[Under] = ()) -> int:
        """What a budget's holder has spent since a time, in nano-dollars, without some calls under way."""
        ...


Settled: TypeAlias = tuple[int, Literal["settle", "release", "void"], Amounts, Sequence[Bucket]]
"""A lease, what becomes of it, what was used, and where. One is void whose reservation was given up: the store may have
made it, or may still."""


class LimitStore(Protocol):
    """Where it is counted."""

    def reserve_at_once(self, buckets: Sequence[Bucket], amounts: Amounts) -> Lease | Refusal | None:
        """The same as `reserve`, where nothing has to be waited for; None where something has."""
        ...

    async def reserve(
        self, buckets: Sequence[Bucket], amounts: Amounts, attempts: Sequence[Named] = ()
    ) -> Lease | Refusal:
        """Reserve in all of them or in none. `attempts` are the call's, now and later.

        Raises RedisUnavailable, and Unread where a budget can't be opened in time.
        """
        ...

    def release(self, lease: Lease) -> None:
        """Give a call's place among those in progress to the next; the rest is settled later."""
        ...

    def settle(self, lease: Lease, amounts: Amounts) -> None:
        """Put what was used in the place of what was reserved; a second time changes nothing."""
        ...
