"""An answer that another replica is given, read from Redis as it is told there: see replicas.py."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from adapters.wire.errors import GatewayError, UpstreamUnreachable
from adapters.wire.usage import Usage
from gateway.state.faults import RedisUnavailable
from gateway.state.flight_records import End, Fault, Head, Piece, Record, decode_record

if TYPE_CHECKING:
    from gateway.state.replicas import Replicas

_LOOK_SECONDS = 0.5
"""A message that says when to look may be lost."""


class Gone(Exception):
    """The leader is gone and has said nothing: ask again."""


class Following:
    """An answer that another replica is given, in the shape of a target's response and of its decoder."""

    def __init__(self, replicas: "Replicas", digest: str, leader: str) -> None:
        self._replicas = replicas
        self._keys = replicas.keys(digest)
        self._records = replicas.records(digest, leader)
        self._leader = leader
        self._news = asyncio.Event()
        self._read = 0
        self._ready: list[bytes] = []
        self._is_over = False
        self._tail = b""
        self._fault: GatewayError | None = None
        self._subscription = replicas.redis.subscribe(self._records, lambda _: self._news.set())
        self.head: Head | None = None
        self.usage: Usage | None = None
        self.error: GatewayError | None = None
        self.owes_usage = False

    async def begin(self) -> Head:
        """Wait for the beginning, and all of an answer that is no stream.

        Raises Gone, RedisUnavailable, and what the leader failed with.
        """
        try:
            await self._replicas.ask_to_publish(self._leader)
            while self.head is None or not (self._is_over or (self.head.is_stream and self._ready)):
                await self._more()
                if self._fault is not None and not self._ready:
                    raise self._fault
        except BaseException:
            self.close()
            raise
        return self.head

    @property
    def at_end(self) -> bool:
        """Whether everything has been taken."""
        return self._is_over and self._fault is None and not self._ready

    async def chunk(self) -> bytes:
        """What came since the last call; b"" at the end. Raises what it broke with."""
        while not self._ready:
            if self._fault is not None:
                raise self._fault
            if self._is_over:
                return b""
            try:
                await self._more()
            except (Gone, RedisUnavailable):
                self._fault = UpstreamUnreachable("The replica that led this call is gone.")
        data = b"".join(self._ready)
        self._ready.clear()
        return data

    def feed(self, data: bytes) -> bytes:
        """The frames as they are."""
        return data

    def close(self, counted: Usage | None = None) -> bytes:
        """Follow no more. May be called again."""
        self._subscription.close()
        return self._tail

    async def _more(self) -> None:
        """Wait for a record and take in all that there are."""
        redis = self._replicas.redis
        lease, wanted = self._keys
        while True:
            self._news.clear()
            leader, records, _ = await redis.pipeline(
                (
                    ("GET", lease),
                    ("LRANGE", self._records, self._read, -1),
                    ("SET", wanted, self._leader, "PX", self._replicas.lease_ms),
                )
            )
            if records:
                break
            if leader is None or leader.decode() != self._leader:
                raise Gone
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._news.wait()
        self._read += len(records)
        for record in map(decode_record, records):
            self._take(record)

    def _take(self, record: Record) -> None:
        match record:
            case Head():
                self.head = record
            case Piece(data):
                self._ready.append(data)
            case End(tail, usage):
                self._is_over, self._tail, self.usage = True, tail, usage
            case Fault():
                self._is_over, self._fault = True, record.error()
