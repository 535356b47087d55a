"""What workers and replicas tell each other of their targets through Redis: cooldowns, probes, and what was used.

One task a worker, once a second and whenever there is something to tell: no call waits for Redis, but for the few that
ask whether they may be a probe. Without Redis, or while it is down, each worker goes by what it knows itself. Redis'
own clock counts, so that replicas need not agree on the time.
"""

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING

from gateway.routing.cooldown import PROBE_SECONDS, Breaker, Change
from gateway.routing.minute import Used
from gateway.routing.shared_scripts import CLAIM, CLOSE, MINUTES, OPEN, READ, RELEASE, REST
from gateway.routing.standing import Standing, Standings
from gateway.state.faults import RedisUnavailable

if TYPE_CHECKING:
    from gateway.state.redis import Redis

log = logging.getLogger("isthmus.balance")

_EVERY = 1.0
_MILLISECONDS = 1_000


class Shared:
    """Keeps the `standings` of this worker and those of all others alike."""

    def __init__(self, redis: "Redis", standings: Standings) -> None:
        self._standings = standings
        self._redis = redis
        self._open, self._close = redis.script(OPEN), redis.script(CLOSE)
        self._read, self._count = redis.script(READ), redis.script(MINUTES)
        self._claim, self._release, self._rest = redis.script(CLAIM), redis.script(RELEASE), redis.script(REST)
        self._cooldowns, self._minutes = redis.key("cooldowns"), redis.key("minutes")
        self._changes: dict[str, Change] = {}
        """What was not told yet, by standing."""
        self._outcomes: list[tuple[str, str, bool]] = []
        """Probes that ended: standing, name, whether well."""
        self._claims: dict[str, list[str]] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen and tell."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def claim(self, standing: Standing, breaker: Breaker) -> bool:
        """Whether one more probe may go out, over all replicas; without Redis, it may."""
        name = secrets.token_hex(8)
        arguments = (name, breaker.probes, int(PROBE_SECONDS * _MILLISECONDS))
        try:
            granted = await self._claim([self._redis.key("probes", standing.id)], arguments)
        except RedisUnavailable:
            return True
        if granted:
            self._claims.setdefault(standing.id, []).append(name)
        return bool(granted)

    def release(self, standing: Standing, *, success: bool) -> None:
        """A probe of this worker has ended, or never began."""
        if names := self._claims.get(standing.id):
            self._outcomes.append((standing.id, names.pop(), success))
            if not names:
                del self._claims[standing.id]
            self._wake.set()

    def tell(self, standing: Standing, change: Change) -> None:
        """A breaker opened or closed here."""
        self._changes[standing.id] = change
        self._wake.set()

    async def _run(self) -> None:
        while True:
            try:
                await self.exchange()
            except RedisUnavailable:
                pass  # counted where it is raised; what was not told is told later
            except Exception:
                log.exception("what other workers know of targets was not read")
            self._wake.clear()
            try:
                async with asyncio.timeout(_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def exchange(self) -> None:
        """Tell what is new here, and hear what is new elsewhere. Raises RedisUnavailable."""
        standings = {standing.id: standing for standing in self._standings}
        await self._tell_outcomes(standings)
        await self._tell_changes(standings)
        if any(standing.breaker is not None for standing in standings.values()):
            self._hear(await self._read([self._cooldowns], []), standings)
        await self._exchange_usage([standing for standing in standings.values() if standing.rationed])

    async def _tell_outcomes(self, standings: dict[str, Standing]) -> None:
        while self._outcomes:
            known, name, success = self._outcomes[0]
            key = self._redis.key("probes", known)
            successes = await self._release([key], [name, int(success), int(PROBE_SECONDS * _MILLISECONDS)])
            self._outcomes.pop(0)
            standing = standings.get(known)
            breaker = standing.breaker if standing is not None else None
            if breaker is not None and breaker.until is not None and successes >= breaker.probes:
                breaker.close()
                self._changes[known] = "closed"

    async def _tell_changes(self, standings: dict[str, Standing]) -> None:
        now = asyncio.get_running_loop().time
        for known in list(self._changes):
            change = self._changes[known]
            breaker = standings[known].breaker if known in standings else None
            if change == "opened" and breaker is not None and breaker.until is not None:
                rest = max(1, int((breaker.until - now()) * _MILLISECONDS))
                await self._rest([self._redis.key("probes", known)], [rest])
                await self._open([self._cooldowns], [known, rest, breaker.openings])
            elif change == "closed":
                await self._close([self._cooldowns], [known])
                await self._redis.command("DEL", self._redis.key("probes", known))
            if self._changes[known] == change:
                del self._changes[known]

    def _hear(self, told: list[bytes | int], standings: dict[str, Standing]) -> None:
        now = asyncio.get_running_loop().time()
        for name, left, openings in zip(told[::3], told[1::3], told[2::3], strict=True):
            known = name.decode() if isinstance(name, bytes) else str(name)
            standing = standings.get(known)
            if standing is None or standing.breaker is None or known in self._changes:
                continue
            if int(openings) >= 0:
                standing.breaker.hear(now + int(left) / _MILLISECONDS, int(openings))
            elif standing.breaker.until is not None:
                standing.breaker.close()

    async def _exchange_usage(self, rationed: list[Standing]) -> None:
        if not rationed:
            return
        taken = [(standing.id, *standing.minute.take()) for standing in rationed]
        try:
            told = await self._count([self._minutes], [value for each in taken for value in each])
        except RedisUnavailable:
            for standing, (_, requests, tokens) in zip(rationed, taken, strict=True):
                standing.minute.give_back(requests, tokens)
            raise
        now = asyncio.get_running_loop().time()
        for standing, requests, tokens in zip(rationed, told[::2], told[1::2], strict=True):
            standing.minute.hear(Used(int(requests), int(tokens)), now)
