"""The Redis that workers and replicas share: every command bounded in time, and left alone while it is down.

It speaks the protocol itself (`resp/`): commands that are asked in one tick of the loop share one write, which costs a
fifth of a client that writes and reads one command at a time. Beside the path of requests it is redis-py that speaks
(docs/decisions/0010-one-pipeline-to-redis.md).

In a cluster a script's keys must be on one server: those that belong together share a part in braces,
`limits:{key-7}:minute` and `limits:{key-7}:day`. Only that part decides where a key is.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from config import state
from gateway.observe.counters import Counters
from gateway.state.faults import RedisUnavailable
from gateway.state.resp.connection import Broken, Command, Refusal

if TYPE_CHECKING:
    from gateway.state.resp.channels import Heard, Subscription

log = logging.getLogger("isthmus.redis")

Argument: TypeAlias = bytes | str | int | float

_QUIET = 10.0
"""Seconds for which the same trouble is not logged again."""
_PROBE_SECONDS = 2.0
_NO_MASTER = frozenset({"READONLY", "MASTERDOWN", "LOADING"})
_KNOWN_REFUSALS = frozenset(
    {"OOM", "NOAUTH", "NOPERM", "BUSY", "CLUSTERDOWN", "WRONGTYPE", "MISCONF", "MOVED", *_NO_MASTER}
)


class Script:
    """A Lua script that runs atomically. It is sent whole where Redis does not know it, else called by its digest.

    One that is sent whole has one argument more: a server that does not know it was started anew, or is another one.
    """

    def __init__(self, redis: "Redis", source: str) -> None:
        self._redis = redis
        self._source = source
        self._digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run it. Raises RedisUnavailable."""
        rest = (len(keys), *keys, *arguments)
        return await self._redis.run_script(("EVALSHA", self._digest, *rest), ("EVAL", self._source, *rest, "new"))


class Redis:
    """One Redis. Every method raises RedisUnavailable, at the latest after the configured time."""

    def __init__(self, settings: state.Redis, counters: Counters) -> None:
        # redis-py takes 0.2 s and 13 MB: only who has a Redis pays them
        from gateway.state.resp.channels import Channels
        from gateway.state.resp.nodes import nodes_of

        self._nodes = nodes_of(settings)
        self._timeout = settings.timeout_ms / 1_000
        self._prefix = settings.prefix
        self._counters = counters
        self._channels = Channels(self._nodes.listener)
        self._quiet_until: dict[str, float] = {}
        self._is_told = False
        """Whether the last that the log says of it is that it does not answer."""
        self._probing = asyncio.get_running_loop().create_task(self._probe())

    @property
    def trouble(self) -> str | None:
        """Why the last command was not answered, in a word; None while all is well."""
        return self._nodes.trouble

    def conditions(self) -> list[tuple[str, str]]:
        """The same for /health/ready."""
        return [("redis", f"does not answer: {self.trouble}")] if self.trouble else []

    def key(self, *parts: str) -> str:
        """The name of a key: the configured prefix and these parts, joined by colons."""
        return ":".join((self._prefix, *parts))

    async def command(self, *arguments: Argument) -> Any:
        """Run one command."""
        return self._checked(await self._ask(arguments, self._until()))

    async def pipeline(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Run several in one round trip."""
        self._counters.add("redis_commands", amount=len(commands))
        try:
            answers = await self._nodes.ask_all([tuple(command) for command in commands], self._until())
        except Broken as error:
            raise self._unavailable(error.reason) from None
        return [self._checked(answer) for answer in answers]

    def script(self, source: str) -> Script:
        """A script; it is sent once and called by its digest."""
        return Script(self, source)

    async def run_script(self, by_digest: Command, whole: Command) -> Any:
        """Call a script by its digest, and send it whole where Redis has lost it or never had it."""
        until = self._until()
        answer = await self._ask(by_digest, until)
        if isinstance(answer, Refusal) and answer.code == "NOSCRIPT":
            answer = await self._ask(whole, until)
        return self._checked(answer)

    def subscribe(self, channel: str, heard: "Heard") -> "Subscription":
        """Hear what is published in a channel, whatever breaks in between; a gap is told by None."""
        return self._channels.subscribe(channel, heard)

    async def close(self) -> None:
        """Close every connection."""
        self._probing.cancel()
        await self._channels.close()
        self._nodes.close()
        await asyncio.sleep(0)

    async def _probe(self) -> None:
        """Ask now and then: what nobody asks must not seem well, or ill, for ever."""
        while True:
            await asyncio.sleep(_PROBE_SECONDS)
            await self._nodes.probe(self._until())
            if self._is_told and self.trouble is None:
                self._is_told = False
                self._quiet_until.clear()
                log.info("redis: it answers again")

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self._timeout

    async def _ask(self, command: Command, until: float) -> Any:
        self._counters.add("redis_commands")
        try:
            return await self._nodes.ask(command, until)
        except Broken as error:
            raise self._unavailable(error.reason) from None

    def _checked(self, answer: Any) -> Any:
        if not isinstance(answer, Refusal):
            return answer
        code = answer.code
        if code in _NO_MASTER:
            self._nodes.renew()
        raise self._unavailable(code.lower() if code in _KNOWN_REFUSALS else "refused")

    def _unavailable(self, reason: str) -> RedisUnavailable:
        """Count it; say it now and then, in a word: what Redis itself says may hold what it was sent."""
        self._counters.add("redis_errors", reason)
        now = time.monotonic()
        if reason != "resting" and now >= self._quiet_until.get(reason, 0):
            self._quiet_until[reason] = now + _QUIET
            self._is_told = True
            log.warning("redis: %s; requests go on without it", reason)
        return RedisUnavailable(reason)
