"""What the leader of a flight tells followers elsewhere: nothing, until one of them asks. See replicas.py."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, TypeAlias

from adapters.wire.errors import GatewayError, ReadTooSlowly
from gateway.state.faults import RedisUnavailable
from gateway.state.flight_records import Fault, Piece, Record, encode_record

if TYPE_CHECKING:
    from gateway.state.replicas import Replicas

Source: TypeAlias = Callable[[], AsyncGenerator[Record, None]]
"""Reads an answer from its beginning. Raises the fault that ends it."""

_RENEW_SECONDS = 0.5
_KEPT_SECONDS = 30
"""A list of records lives so long after its last record."""
_PUBLISHED_MAX = 1_048_576
"""Bytes of one answer that are published."""
_TOO_LONG = "The answer is too long to be shared with other replicas."


class Publication:
    """What the leader of a flight does for followers elsewhere: nothing but renew its lease, until one of them asks."""

    def __init__(self, replicas: "Replicas", digest: str, me: str, *, is_second: bool) -> None:
        self._replicas = replicas
        self._keys = replicas.keys(digest)
        self._records = replicas.records(digest, me)
        self._me = me
        self._is_second = is_second
        self._landed = asyncio.Event()
        self._source: Source | None = None
        self._fault: GatewayError | None = None
        self._is_given_up = False
        self._publishing: asyncio.Task[None] | None = None
        self._finishing: asyncio.Task[None] | None = None
        self._let_go: Callable[[], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._renewing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(_RENEW_SECONDS, self._renew)

    @property
    def is_wanted(self) -> bool:
        """Whether somebody elsewhere waits for the answer: then it is made, whoever leaves here."""
        return self._publishing is not None and not self._publishing.done()

    async def is_needed(self) -> bool:
        """Ask once more whether somebody waits; if not, the lead is given up."""
        if not self.is_wanted:
            with contextlib.suppress(RedisUnavailable):
                if await self._replicas.end(self._keys, (self._me,)) == 1:
                    self.want()
        return self.is_wanted

    def on_nobody(self, let_go: Callable[[], None]) -> None:
        """Who is told when nobody elsewhere waits any more."""
        self._let_go = let_go

    def want(self) -> None:
        """Somebody waits for what is said."""
        if self._publishing is None:
            self._publishing = self._loop.create_task(self._publish())

    def answered(self, source: Source) -> None:
        """The target has answered: where the answer can be read."""
        self._source = source
        self._landed.set()

    def failed(self, error: BaseException) -> None:
        """It has not, or everybody has left, which is a CancelledError."""
        self._is_given_up = isinstance(error, asyncio.CancelledError)
        self._fault = error if isinstance(error, GatewayError) else GatewayError("The gateway failed.")
        self._landed.set()
        self.finish()

    def finish(self) -> None:
        """The call is over: tell those who wait, and lead no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._finishing is None:
            self._finishing = self._loop.create_task(self._finish())

    def _renew(self) -> None:
        self._renewing = self._loop.create_task(self._renew_lease())

    async def _renew_lease(self) -> None:
        try:
            wanted = await self._replicas.renew(self._keys, (self._me, self._replicas.lease_ms))
        except RedisUnavailable:
            wanted = 0
        if wanted == 1:
            self.want()
        elif self.is_wanted and self._publishing is not None:
            self._publishing.cancel()
            await asyncio.wait((self._publishing,))
            self._publishing = None
            self._tell_nobody()
        if self._timer is not None and wanted != -1:
            self._timer = self._loop.call_later(_RENEW_SECONDS, self._renew)

    @property
    def _is_for_another(self) -> bool:
        """Whether one of those who wait asks the target in its place."""
        return self._is_given_up or (self._fault is not None and self._fault.retryable and not self._is_second)

    def _tell_nobody(self) -> None:
        if self._let_go is not None:
            self._let_go()

    async def _finish(self) -> None:
        try:
            if self._is_for_another:
                await self._replicas.release(self._keys, (self._me,))  # one of those who wait asks again
                await self._replicas.redis.command("PUBLISH", self._records, "gone")
                return
            if self._publishing is None and await self._replicas.end(self._keys, (self._me,)) == 1:
                self.want()
            if self._publishing is not None:
                await asyncio.wait((self._publishing,))
                await self._replicas.release(self._keys, (self._me,))
        except RedisUnavailable:
            pass  # the lease runs out, and whoever waits goes on alone
        finally:
            self._replicas.forget(self._me)

    async def _publish(self) -> None:
        await self._landed.wait()
        size = 0
        try:
            if self._source is None:
                if self._fault is not None and not self._is_for_another:
                    await self._push(Fault.of(self._fault))
                return
            async with contextlib.aclosing(self._source()) as records:
                async for record in records:
                    size += len(record.data) if isinstance(record, Piece) else 0
                    if size > _PUBLISHED_MAX:
                        raise ReadTooSlowly(_TOO_LONG)
                    await self._push(record)
        except RedisUnavailable:
            self._loop.call_soon(self._tell_nobody)
        except GatewayError as fault:
            with contextlib.suppress(RedisUnavailable):
                await self._push(Fault.of(fault))

    async def _push(self, record: Record) -> None:
        await self._replicas.redis.pipeline(
            (
                ("RPUSH", self._records, encode_record(record)),
                ("EXPIRE", self._records, _KEPT_SECONDS),
                ("PUBLISH", self._records, "more"),
            )
        )
