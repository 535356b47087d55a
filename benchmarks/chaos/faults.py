"""What goes wrong, when: a schedule that a seed decides, so that a run can be repeated."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from benchmarks.chaos.stage import PROVIDERS, REPLICAS, WORKERS, Stage
from benchmarks.chaos.upstream import FAULTS, Upstream

_PAUSE_SECONDS = 1.5
_QUIET_SECONDS = (0.5, 2.5)
"""Between one fault's end and the next one's beginning."""
_SETTLE_SHARE = 0.15
"""The last part of a run is without faults, so that the end shows whether everything recovered."""

Injection: TypeAlias = Callable[[], Awaitable[None]]


class Faults:
    """Injects one after the other, and says which."""

    def __init__(self, stage: Stage, upstream: Upstream, seed: int, say: Callable[[str], None]) -> None:
        self._stage = stage
        self._upstream = upstream
        self._random = random.Random(seed)
        self._say = say
        self._reloads = 0
        self.injected: list[str] = []
        self.kills: list[float] = []
        """When workers were killed, on the loop's clock."""

    async def run(self, seconds: float) -> None:
        """Make trouble for so long, all kinds in turn."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds * (1 - _SETTLE_SHARE)
        while clock() < end:
            kinds = list(self._kinds().items())
            self._random.shuffle(kinds)
            for name, inject in kinds:
                await asyncio.sleep(self._random.uniform(*_QUIET_SECONDS))
                if clock() >= end:
                    break
                self._say(name)
                self.injected.append(name)
                await inject()
        for provider in self._upstream.providers.values():
            provider.down, provider.fault_share = False, 0.0

    def _kinds(self) -> dict[str, Injection]:
        stage = self._stage
        return {
            "a provider fails half of the time": self._bad_provider,
            "a provider is down": self._provider_down,
            "every provider fails a little": self._all_bad,
            "Redis hangs": lambda: self._pause(stage.redis.pause, stage.redis.resume),
            "Redis forgets everything": lambda: asyncio.to_thread(stage.redis.flush),
            "Redis is full": lambda: self._pause(stage.redis.fill, stage.redis.make_room),
            "Redis restarts": lambda: asyncio.to_thread(stage.redis.restart),
            "PostgreSQL hangs": lambda: self._pause(stage.postgres.pause, stage.postgres.resume),
            "PostgreSQL crashes and restarts": self._restart_postgres,
            "a worker is killed": self._kill,
            "the configuration is reloaded": self._reload,
        }

    async def _bad_provider(self) -> None:
        provider = self._upstream.providers[self._random.choice(PROVIDERS)]
        provider.faults = tuple(self._random.sample(FAULTS, 3))
        provider.fault_share = 0.5
        await asyncio.sleep(_PAUSE_SECONDS * 2)
        provider.fault_share, provider.faults = 0.0, FAULTS

    async def _provider_down(self) -> None:
        provider = self._upstream.providers[self._random.choice(PROVIDERS)]
        provider.down = True
        await asyncio.sleep(_PAUSE_SECONDS * 2)
        provider.down = False

    async def _all_bad(self) -> None:
        for provider in self._upstream.providers.values():
            provider.fault_share = 0.1
        await asyncio.sleep(_PAUSE_SECONDS * 2)
        for provider in self._upstream.providers.values():
            provider.fault_share = 0.0

    async def _pause(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        await asyncio.to_thread(begin)
        try:
            await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            await asyncio.to_thread(end)

    async def _restart_postgres(self) -> None:
        await asyncio.to_thread(self._stage.postgres.stop, crash=True)
        await asyncio.sleep(_PAUSE_SECONDS)
        await asyncio.to_thread(self._stage.postgres.start)

    async def _kill(self) -> None:
        self.kills.append(asyncio.get_running_loop().time())
        self._stage.kill_worker(self._random.randrange(REPLICAS), self._random.randrange(WORKERS))

    async def _reload(self) -> None:
        self._reloads += 1
        self._stage.reload(self._reloads)
