"""Who asks what: several owners, questions of their own and questions that all of them ask, every kind of request."""

import asyncio
import itertools
import random
from collections.abc import Sequence

from benchmarks.chaos.client import Ask, Kind, Outcome, make

_KINDS: tuple[Kind, ...] = ("chat", "chat", "chat", "stream", "stream", "stream", "left", "embeddings")
_COMMON_QUESTIONS = 40
_COMMON_SHARE = 0.4


class Traffic:
    """Sends requests at a steady rate, whatever comes back."""

    def __init__(self, ports: Sequence[int], keys: dict[str, str], rate: float, seed: int) -> None:
        self.outcomes: list[Outcome] = []
        self.under_way: set[asyncio.Task[None]] = set()
        self._ports = ports
        self._keys = keys
        self._rate = rate
        self._random = random.Random(seed)
        self._count = itertools.count(1)

    async def run(self, seconds: float) -> None:
        """Ask for so long, then wait for every answer."""
        clock = asyncio.get_running_loop().time
        began = clock()
        for number in itertools.count():
            due = began + number / self._rate
            if due > began + seconds:
                break
            await asyncio.sleep(max(0.0, due - clock()))
            task = asyncio.create_task(self._one(self._ask()))
            self.under_way.add(task)
            task.add_done_callback(self.under_way.discard)
        await asyncio.gather(*self.under_way)

    async def _one(self, ask: Ask) -> None:
        self.outcomes.append(await make(ask, self._random.choice(self._ports)))

    def _ask(self) -> Ask:
        number = next(self._count)
        owner = self._random.choice(list(self._keys))
        common = self._random.random() < _COMMON_SHARE
        question = f"common question {self._random.randrange(_COMMON_QUESTIONS)}" if common else f"question {number}"
        kind = self._random.choice(_KINDS)
        timeout = self._random.choice((2.0, 5.0, 15.0))
        return Ask(f"chaos-{number:07d}", kind, owner, self._keys[owner], question, timeout)
