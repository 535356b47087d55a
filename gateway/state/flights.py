"""A call under way that several clients wait for: one asks the target, all are given the answer.

The call runs in a task of its own, so that it belongs to nobody: it ends when the last who waits for it has left.
One of them pays: the attempts are in its call, and go over to another's when it leaves before the end.
"""

import asyncio
from collections.abc import Callable
from copy import copy
from typing import TypeAlias

from adapters.wire.errors import GatewayError
from gateway.call import Call, Handler, Reply
from gateway.state.shared_stream import SharedStream

_OWN_HEADERS = frozenset({b"x-request-id", b"x-isthmus-attempts"})
"""What an answer says to whoever asked for it alone."""

Key: TypeAlias = tuple[bytes, bool, bytes]
"""What has to be the same: what is asked, whether as a stream, and the stream's options."""
Landing: TypeAlias = Callable[["Flight"], None]
"""Told when nobody can join any more."""


class Flight:
    """One call, and those who wait for its answer or read it."""

    __slots__ = (
        "_calls",
        "_landed",
        "_payer",
        "_waiters",
        "answered",
        "error",
        "heir",
        "is_second",
        "key",
        "task",
        "work",
    )

    def __init__(self, key: Key, call: Call, handler: Handler, landed: Landing, *, is_second: bool = False) -> None:
        self.key = key
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
        self.task = asyncio.get_running_loop().create_task(self._run(handler))

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
            call.target = self.work.target
            call.transcript = self.work.transcript if self._is_unary else call.transcript
        if self.error is not None:
            if self.heir is not None and not pays:
                return None
            raise _retold(self.error, pays)
        assert self.answered is not None  # noqa: S101 - no error, so there is an answer
        return self._reply(call, self.answered, pays)

    async def _leave(self, call: Call) -> None:
        """One waits no longer. With the last the call ends, and that is waited for: its attempts are over then."""
        self._forget(call)
        if not self._calls:
            await asyncio.wait((self.task,))

    @property
    def _is_unary(self) -> bool:
        return self.answered is not None and self.answered.stream is None

    def _forget(self, call: Call) -> None:
        if call not in self._calls:
            return
        self._calls.remove(call)
        if not self._calls:
            self._abandon()
        elif call is self._payer and not self._is_over:
            heir = self._payer = self._calls[0]
            heir.attempts, call.attempts = call.attempts, []
            heir.target, call.target = self.work.target, None

    @property
    def _is_over(self) -> bool:
        answered = self.answered
        return answered is not None and (answered.stream is None or answered.stream.is_over)

    def _abandon(self) -> None:
        """Nobody waits any more."""
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
        call.usage = self.work.usage
        if answered.stream is None:
            return Reply(answered.status, headers, answered.body)
        return Reply(answered.status, headers, stream=answered.stream.reader(lambda: self._forget(call)))

    async def _run(self, handler: Handler) -> None:
        try:
            reply = await handler(self.work)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - raised by all who wait
            self.error = error.with_traceback(None) if isinstance(error, GatewayError) else error
            self._landed(self)
        else:
            answered = self.answered = Answered(reply)
            if reply.stream is None:
                self._landed(self)
            else:
                answered.stream = SharedStream(reply.stream, self.work, self._end)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _end(self) -> None:
        self._landed(self)


class Answered:
    """What everybody is given: headers of its own, and a body or a stream."""

    __slots__ = ("body", "headers", "status", "stream")

    def __init__(self, reply: Reply) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self.body = reply.body
        self.stream: SharedStream | None = None


def _retold(error: BaseException, pays: bool) -> BaseException:
    """The same error for one of them: raised as it is its traceback would lead back to the flight."""
    if not isinstance(error, GatewayError):
        return error
    told = copy(error)
    if not pays:
        told.headers = tuple(header for header in error.headers if header[0] not in _OWN_HEADERS)
    return told
