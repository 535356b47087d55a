"""One connection to a Redis server: commands of one tick go out in one write, and answers come back in order.

Whoever stops waiting for an answer leaves its place in the line, and the answer is thrown away when it comes. When the
first in the line has waited too long, the connection is given up: no late answer can reach the wrong caller.
https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeAlias, cast

import hiredis

Command: TypeAlias = tuple[bytes | str | int | float, ...]
Dial: TypeAlias = Callable[[Callable[[], asyncio.Protocol]], Awaitable[object]]
"""Connects a protocol to the server. Raises OSError, Broken."""

pack = cast(Callable[[Command], bytes], hiredis.pack_command)
"""A command as it goes over the wire."""

_WAITS_FOR_WRITE = 16_777_216
"""Bytes that may wait for the server to read them; a command that finds more is refused."""
_GRACE = 0.002
"""Seconds for what is in the socket already: this process may have been the one that was late."""


class Broken(Exception):
    """No answer: `reason` is a word for counters."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refusal(Exception):
    """An error that Redis answered with."""

    @property
    def code(self) -> str:
        """Its first word, which tells errors apart: `OOM`, `NOSCRIPT`, `MOVED` …"""
        return str(self).partition(" ")[0]


class Observer(Protocol):
    """Is told how the server does."""

    def answered(self) -> None:
        """It has answered."""
        ...

    def broke(self, reason: str) -> None:
        """It has not."""
        ...


class Connection(asyncio.Protocol):
    """Usable from the first moment: what is asked before it stands waits, no longer than its time."""

    def __init__(
        self,
        dial: Dial,
        greeting: Sequence[Command],
        timeout: float,
        observer: Observer,
    ) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._observer = observer
        self._reader = hiredis.Reader(replyError=Refusal)
        self._asked: deque[tuple[asyncio.Future[Any], int, float]] = deque()
        self._answers: list[Any] = []
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._ready = False
        self._late = False
        self.failure: str | None = None
        """Why it can't be used any more."""
        until = loop.time() + timeout
        self._greeted: asyncio.Future[list[Any]] = loop.create_future()
        self._asked.append((self._greeted, len(greeting), until))
        self._watch: asyncio.TimerHandle | None = loop.call_at(until, self._look)
        self._opening = loop.create_task(self._open(dial, greeting))

    @property
    def owes(self) -> int:
        """How many answers are awaited."""
        return len(self._asked)

    def ask(self, packed: bytes, answers: int, until: float) -> asyncio.Future[Any]:
        """Send commands that have so many answers: one is given as it is, several as a list; refusals among them.

        The future raises Broken, at the latest at `until` on the loop's clock.
        """
        future = self._loop.create_future()
        if self.failure is not None:
            raise Broken(self.failure)
        if self._transport is not None and self._transport.get_write_buffer_size() > _WAITS_FOR_WRITE:
            raise Broken("busy")
        self._asked.append((future, answers, until))
        if self._watch is None:
            self._watch = self._loop.call_at(until, self._look)
        if not self._out and self._ready:
            self._loop.call_soon(self._flush)
        self._out.append(packed)
        return future

    def close(self) -> None:
        """End it; what is under way fails."""
        self._fail("closed", told=False)

    def data_received(self, data: bytes) -> None:
        """Give answers to whom they are owed."""
        if self.failure is not None:
            return
        try:
            self._reader.feed(data)
            while (answer := self._reader.gets()) is not False:
                self._take(answer)
        except hiredis.HiredisError:
            self._fail("protocol")
            return
        if self._ready:
            self._observer.answered()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The dial has succeeded."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The server, or the way to it, has gone."""
        self._fail("lost", told=bool(self._asked))

    async def _open(self, dial: Dial, greeting: Sequence[Command]) -> None:
        try:
            await dial(lambda: self)
        except OSError:
            self._fail("unreachable")
            return
        except Broken as error:
            self._fail(error.reason)
            return
        if greeting and self._transport is not None:
            self._transport.write(b"".join(map(pack, greeting)))
            if (refusal := _refusal_in(await self._greeted)) is not None:
                self._fail(refusal)
                return
        else:
            self._asked.popleft()
        self._ready = True
        if self._out:
            self._flush()

    def _flush(self) -> None:
        out = self._out
        if out and self._transport is not None and self.failure is None:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        out.clear()

    def _take(self, answer: Any) -> None:
        if not self._asked:
            raise hiredis.ProtocolError("an answer that nobody asked for")
        future, count, _ = self._asked[0]
        if count > 1 or future is self._greeted:
            self._answers.append(answer)
            if len(self._answers) < count:
                return
            answer, self._answers = self._answers, []
        self._asked.popleft()
        if not future.done():
            future.set_result(answer)

    def _look(self) -> None:
        """Give the connection up if the first in the line has waited too long, else look again when that may be so."""
        self._watch = None
        if not self._asked:
            return
        until = self._asked[0][2]
        if self._loop.time() < until:
            self._late = False
            self._watch = self._loop.call_at(until, self._look)
        elif self._late:
            self._fail("timeout")
        else:
            self._late = True
            self._watch = self._loop.call_later(_GRACE, self._look)

    def _fail(self, reason: str, told: bool = True) -> None:
        if self.failure is not None:
            return
        self.failure = reason
        if self._watch is not None:
            self._watch.cancel()
        if asyncio.current_task(self._loop) is not self._opening:
            self._opening.cancel()
        if self._transport is not None:
            self._transport.abort()
        if told:
            self._observer.broke(reason)
        asked, self._asked = self._asked, deque()
        for future, _, _ in asked:
            if future is self._greeted:
                future.cancel()
            elif not future.done():
                future.set_exception(Broken(reason))
        self._out.clear()


def _refusal_in(answers: list[Any]) -> str | None:
    """What a server that should not be used said to the greeting."""
    for answer in answers:
        if isinstance(answer, Refusal):
            return "refused_login" if answer.code in ("NOAUTH", "WRONGPASS", "NOPERM") else "refused_greeting"
        if isinstance(answer, list) and answer[0] != b"master":
            return "no_master"
    return None
