"""A call under way that several clients wait for: one asks the target, all are given the answer.

The call runs in a task of its own, so that it belongs to nobody: it ends when the last who waits for it has left.
In the task of the first it would cost half, but its deadline, or its client's leaving, would end it for all: a
coroutine can't change its task, because `asyncio.timeout` within it belongs to one.
One of them pays: the attempts are in its call, and go over to another's when it leaves before the end.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from copy import copy
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from adapters.wire.errors import GatewayError
from gateway.call import Call, Handler, Reply
from gateway.limit_headers import renamed
from gateway.state.flight_records import End, Head, Piece, Record
from gateway.state.shared_stream import Count, SharedStream

if TYPE_CHECKING:
    from gateway.state.publication import Publication
    from gateway.state.replicas import Replicas

_OWN_HEADERS = frozenset({b"x-request-id", b"x-isthmus-attempts"})
"""What an answer says to whoever asked for it alone."""

Key: TypeAlias = tuple[bytes, bool, bytes]
"""What has to be the same: what is asked, whether as a stream, and the stream's options."""
Landing: TypeAlias = Callable[["Flight"], None]
"""Told when nobody can join any more."""


class Flight:
    """One call, and those who wait for its answer or read it."""

    __slots__ = (
        "_around",
        "_asking",
        "_calls",
        "_landed",
        "_payer",
        "_publication",
        "_waiters",
        "answered",
        "error",
        "heir",
        "is_second",
        "key",
        "task",
        "work",
    )

    def __init__(self, key: Key, call: Call, around: "Airfield", landed: Landing, *, is_second: bool = False) -> None:
        self.key = key
        self._around = around
        self._publication: Publication | None = None
        self._asking: asyncio.Task[None] | None = None
        self.work = call.twin()
        self.is_second = is_second
        """Whether a follower began it because the first one failed."""
        self.heir: Flight | None = None
        """The one that took over."""
        self.error: BaseException | None = None
        """What it failed with."""
        self.answered: Answered | None = None
        self._landed = landed
        self._calls = [call]
        self._waiters: list[asyncio.Future[None]] = []
        self._payer = call
        call.attempts = self.work.attempts
        self.task = asyncio.get_running_loop().create_task(self._run())

    @property
    def followers(self) -> list[Call]:
        """Those who do not pay for it."""
        return [call for call in self._calls if call is not self._payer]

    def join(self, call: Call) -> None:
        """One more waits, and gives it as much time as it has itself."""
        self._calls.append(call)
        deadline = self.work.deadline
        if deadline is not None:
            self.work.deadline = None if call.deadline is None else max(deadline, call.deadline)

    async def answer(self, call: Call) -> Reply | None:
        """The answer for one of those who wait; None where another flight took over. Raises what it failed with."""
        if not self.task.done():
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                await self._leave(call)
                raise
        pays = call is self._payer
        if pays:
            call.cache = self.work.cache or call.cache
            call.target = self.work.target
            call.transcript = self.work.transcript if self._is_unary else call.transcript
        if self.error is not None:
            if self.heir is not None and not pays:
                return None
            raise _retold(self.error, call, pays)
        assert self.answered is not None  # noqa: S101 - no error, so there is an answer
        return self._reply(call, self.answered, pays)

    async def _leave(self, call: Call) -> None:
        """One waits no longer. With the last the call ends, and that is waited for: its attempts are over then."""
        self._forget(call)
        if self._asking is not None:
            await asyncio.wait((self._asking,))
        if not self._is_needed:
            await asyncio.wait((self.task,))

    @property
    def _is_unary(self) -> bool:
        return self.answered is not None and self.answered.stream is None

    def _forget(self, call: Call) -> None:
        if call not in self._calls:
            return
        self._calls.remove(call)
        if not self._calls:
            if self._publication is None or self._is_over:
                self._abandon_unless_needed()
            else:
                self._asking = asyncio.get_running_loop().create_task(self._ask_whether_needed(self._publication))
        elif call is self._payer and not self._is_over:
            heir = self._payer = self._calls[0]
            heir.attempts, call.attempts = call.attempts, []
            heir.target, call.target = self.work.target, None
            heir.cache = call.cache

    @property
    def _is_over(self) -> bool:
        answered = self.answered
        return answered is not None and (answered.stream is None or answered.stream.is_over)

    @property
    def _is_needed(self) -> bool:
        """Whether anybody waits, here or elsewhere."""
        return bool(self._calls) or (self._publication is not None and self._publication.is_wanted)

    async def _ask_whether_needed(self, publication: "Publication") -> None:
        """Nobody waits here any more: the call goes on for those elsewhere."""
        if not await publication.is_needed():
            self._abandon_unless_needed()

    def _abandon_unless_needed(self) -> None:
        if self._is_needed or self._is_over:
            return
        if self._publication is not None:
            self._publication.failed(asyncio.CancelledError())
        if not self.task.done():
            self._landed(self)
            self.task.cancel()
        elif self.answered is not None and self.answered.stream is not None:
            self.answered.stream.abandon()

    def _reply(self, call: Call, answered: "Answered", pays: bool) -> Reply:
        headers = answered.headers.copy()
        if not pays:
            headers = [header for header in headers if header[0] not in _OWN_HEADERS]
            headers.append((b"x-request-id", call.request_id))
        if call.is_limited:
            headers = [renamed(header) for header in headers]
        call.usage = self.work.usage
        if answered.stream is None:
            return Reply(answered.status, headers, answered.body)
        return Reply(answered.status, headers, stream=answered.stream.reader(lambda: self._forget(call)))

    async def _ask(self) -> Reply:
        """Ask the target, unless another replica does."""
        replicas, handler = self._around.replicas, self._around.handler
        if replicas is None:
            return await handler(self.work)
        digest = hashlib.sha256(repr(self.key).encode()).hexdigest()
        try:
            found = await replicas.find(self.work, digest, is_second=self.is_second)
        except GatewayError:
            self.is_second = True  # those who wait have had their second try
            raise
        if isinstance(found, Reply):
            self.work.cache = "joined"
            return found
        self._publication = found
        if found is not None:
            found.on_nobody(self._abandon_unless_needed)
        return await handler(self.work)

    async def _run(self) -> None:
        try:
            reply = await self._ask()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - raised by all who wait
            self.error = error.with_traceback(None) if isinstance(error, GatewayError) else error
            if self._publication is not None:
                self._publication.failed(error)
            self._landed(self)
        else:
            self.answered = Answered(reply)
            if reply.stream is not None:
                self.answered.stream = SharedStream(reply.stream, self.work, self._around.count, self._end)
            if self._publication is not None:
                self._publication.answered(self._records)
            if reply.stream is None:
                self._end()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _end(self) -> None:
        """Nobody can join any more: it is over, or too long to be had from the beginning."""
        self._landed(self)
        if self._publication is not None and self._is_over:
            self._publication.finish()

    async def _records(self) -> AsyncGenerator[Record, None]:
        """The answer, as it is told elsewhere."""
        answered = self.answered
        assert answered is not None  # noqa: S101 - it is told where to find it once it is there
        headers = [header for header in answered.headers if header[0] not in _OWN_HEADERS]
        yield Head(answered.status, headers, answered.stream is not None)
        if answered.stream is None:
            yield Piece(answered.body)
            yield End(b"", self.work.usage)
            return
        reader = answered.stream.reader(lambda: None).response
        try:
            while data := await reader.chunk():
                yield Piece(data)
            yield End(answered.stream.tail, answered.stream.usage)
        finally:
            reader.close()


class Airfield(Struct, frozen=True):
    """What all flights of a layer have in common."""

    handler: Handler
    count: Count
    replicas: "Replicas | None"
    """Where those of other workers and replicas are known; None without Redis."""


class Answered:
    """What everybody is given: headers of its own, and a body or a stream."""

    __slots__ = ("body", "headers", "status", "stream")

    def __init__(self, reply: Reply) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self.body = reply.body
        self.stream: SharedStream | None = None


def _retold(error: BaseException, call: Call, pays: bool) -> BaseException:
    """The same error for one of them: raised as it is its traceback would lead back to the flight."""
    if not isinstance(error, GatewayError):
        return error
    told = copy(error)
    if not pays:
        told.headers = tuple(header for header in error.headers if header[0] not in _OWN_HEADERS)
    if call.is_limited:
        told.headers = tuple(renamed(header) for header in told.headers)
    return told
