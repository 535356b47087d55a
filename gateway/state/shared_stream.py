"""A stream that several clients read, each at its own pace.

Whoever has read all that there is has more asked for, in a task that belongs to nobody. So the fastest sets the pace,
and nothing is read that nobody waits for.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from copy import copy
from typing import Any, TypeAlias, cast

from adapters.wire.errors import GatewayError, ReadTooSlowly
from adapters.wire.usage import Usage
from gateway.call import Call, Stream
from gateway.sent import without_last_frame

log = logging.getLogger("isthmus.flights")

Count: TypeAlias = Callable[[Call], Awaitable[Usage]]
"""Counts the usage that a client asked for and the provider did not tell."""

_KEPT_MAX = 1_048_576
"""Bytes: a longer stream is not kept from its beginning, and whoever is so far behind is left behind."""


class SharedStream:
    """What was sent so far, and where the rest comes from."""

    __slots__ = (
        "_count",
        "_counted",
        "_dropped",
        "_ended",
        "_frames",
        "_pulling",
        "_readers",
        "_size",
        "_waiters",
        "_work",
        "at_end",
        "fault",
        "is_open",
        "stream",
        "tail",
    )

    def __init__(self, stream: Stream, work: Call, count: Count, ended: Callable[[], None]) -> None:
        self.stream = stream
        self._count = count
        self._work = work
        self._ended: Callable[[], None] | None = ended
        self._frames: list[bytes] = []
        self._dropped = 0
        self._size = 0
        self._readers: list[Reader] = []
        self._pulling: asyncio.Task[None] | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._counted: Usage | None = None
        self.is_open = True
        """Everything is there from the beginning: whoever comes now can have it whole."""
        self.at_end = False
        """The target has said everything."""
        self.fault: GatewayError | None = None
        """What it ended with instead."""
        self.tail = b""
        """What is sent last, once that is known."""
        self._add(stream.first)

    @property
    def count(self) -> int:
        """How many frames there have been."""
        return self._dropped + len(self._frames)

    @property
    def usage(self) -> Usage | None:
        """What the target told, or what was counted in its place."""
        return self.stream.decoder.usage or self._counted

    @property
    def is_over(self) -> bool:
        """Nothing more will come."""
        return self.at_end or self.fault is not None

    def reader(self, left: Callable[[], None]) -> Stream:
        """One more reads it, from the beginning; `left` is told when it stops."""
        reader = Reader(self, left)
        self._readers.append(reader)
        # It stands for a target's response, and its decoder for the codec's: the relay asks no more of them.
        return Stream(b"", cast(Any, Told(self)), cast(Any, reader), self.stream.error_frame)

    def take(self, reader: "Reader") -> bytes:
        """What a reader has not had. Raises ReadTooSlowly when it is there no more."""
        begin = reader.taken - self._dropped
        if begin < 0:
            raise ReadTooSlowly("The answer came faster than it was read, and others were not to wait.")
        frames = self._frames
        if begin == len(frames):
            return b""
        data = frames[begin] if begin == len(frames) - 1 else b"".join(frames[begin:])
        reader.taken = self.count
        if not self.is_open:
            self._trim()
        return data

    async def more(self) -> None:
        """Wait until there is more, or the end."""
        loop = asyncio.get_running_loop()
        if self._pulling is None:
            self._pulling = loop.create_task(self._pull())
        waiter = loop.create_future()
        self._waiters.append(waiter)
        await waiter

    def forget(self, reader: "Reader") -> None:
        """One reads no more."""
        self._readers.remove(reader)

    def abandon(self) -> None:
        """Nobody reads it any more: the target is left at once."""
        if self._pulling is not None:
            self._pulling.cancel()
        if not self.is_over:
            self.stream.end(asyncio.get_running_loop().time(), cancelled=True)
            self.fault = GatewayError("Nobody waits for this answer any more.")
        self._tell_end()

    async def _pull(self) -> None:
        try:
            await self._read()
        except Exception:
            log.exception("a stream that clients share can't be read")
            self._break(GatewayError("The gateway failed in the middle of this answer; its log says why."))
        finally:
            self._pulling = None
            self._wake()

    async def _read(self) -> None:
        stream = self.stream
        decoder = stream.decoder
        try:
            data = await stream.response.chunk() if decoder.error is None else b""
            ready = decoder.feed(data) if data else b""
        except GatewayError as fault:
            await self._go_on(fault)
            return
        self._add(ready)
        if decoder.error is not None:
            await self._go_on(decoder.error)
        elif not data or stream.response.at_end:
            await self._finish()

    async def _finish(self) -> None:
        """The target has said everything, but for what is owed."""
        decoder = self.stream.decoder
        if decoder.owes_usage:
            self._counted = await self._count(self._work)
        tail = decoder.close(self._counted)
        if decoder.error is not None:
            self._add(tail)
            await self._go_on(decoder.error)
            return
        self.tail = tail
        self.at_end = True
        self.stream.end(asyncio.get_running_loop().time())
        self._tell_end()

    async def _go_on(self, fault: GatewayError) -> None:
        """Have the stream continued elsewhere, where its route says so."""
        stream = self.stream
        if stream.go_on is not None:
            stream.end(asyncio.get_running_loop().time(), fault.code or fault.type)
            following = await stream.go_on(self._work, fault)
            if following is not None:
                self.stream = following
                self._add(following.first)
                return
        self._break(fault)

    def _break(self, fault: GatewayError) -> None:
        self.fault = fault
        self.stream.end(asyncio.get_running_loop().time(), fault.code or fault.type)
        self._tell_end()

    def _tell_end(self) -> None:
        """Nobody can come any more. Over, it holds nobody who holds it."""
        ended = self._ended
        if self.is_over:
            self._ended = None
        if ended is not None:
            ended()

    def _add(self, ready: bytes) -> None:
        """Keep frames, without the one in which the decoder tells a fault: that is raised."""
        if self.stream.decoder.error is not None:
            ready = without_last_frame(ready)
        if not ready:
            return
        self._frames.append(ready)
        self._size += len(ready)
        if self._size > _KEPT_MAX:
            if self.is_open:
                self.is_open = False
                self._tell_end()
            self._trim()
        else:
            self._work.transcript.append(ready)

    def _trim(self) -> None:
        """Forget what everybody has had, then what only those have not who are too far behind."""
        slowest = min((reader.taken for reader in self._readers), default=self.count)
        while self._frames and (self._dropped < slowest or (self._size > _KEPT_MAX and len(self._frames) > 1)):
            self._size -= len(self._frames.pop(0))
            self._dropped += 1

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class Reader:
    """One client's place in the stream, in the shape of a response."""

    __slots__ = ("_left", "_shared", "taken")

    def __init__(self, shared: SharedStream, left: Callable[[], None]) -> None:
        self._shared = shared
        self._left: Callable[[], None] | None = left
        self.taken = 0

    @property
    def at_end(self) -> bool:
        """Whether everything has been taken."""
        return self._shared.at_end and self.taken == self._shared.count

    async def chunk(self) -> bytes:
        """What came since the last call; b"" at the end. Raises the fault that ended it."""
        shared = self._shared
        while not (data := shared.take(self)):
            if shared.fault is not None:
                raise copy(shared.fault)
            if shared.at_end:
                return b""
            await shared.more()
        return data

    def close(self) -> None:
        """Read no more. May be called again."""
        if self._left is not None:
            left, self._left = self._left, None
            self._shared.forget(self)
            left()


class Told:
    """What the relay asks of a decoder, for a stream whose frames are decoded already."""

    __slots__ = ("_shared",)

    def __init__(self, shared: SharedStream) -> None:
        self._shared = shared

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far."""
        return self._shared.usage

    @property
    def error(self) -> GatewayError | None:
        """Faults are raised where the frames come from."""
        return None

    @property
    def owes_usage(self) -> bool:
        """It is counted before the end is told."""
        return False

    def feed(self, data: bytes) -> bytes:
        """The frames as they are."""
        return data

    def close(self, counted: Usage | None = None) -> bytes:
        """What is sent last."""
        return self._shared.tail
