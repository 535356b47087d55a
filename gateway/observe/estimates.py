"""Usage that no provider told: counted once, from the texts of a call that is over, for all who wait for it."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from adapters.wire.usage import Usage
from gateway.call import Call
from gateway.observe.count import Uncounted, uncounted
from gateway.observe.counter import Counter

log = logging.getLogger("isthmus.usage")

_LAST_COUNT_SECONDS = 10
"""At the end, what is still being counted has this long."""
_WAITING_BYTES_MAX = 67_108_864
_COUNTED = frozenset({"chat", "completions", "messages", "embeddings"})
"""Operations whose texts are counted where the provider tells no tokens; a rerank is billed by the search there."""

Tell: TypeAlias = Callable[[Usage], None]


class Estimates:
    """Counts the calls that owe their usage, one after the other, in the order in which they ended."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._waiting: deque[tuple[Uncounted, list[Tell]]] = deque()
        """Texts alone: ten thousand streams that are left at once are nothing to keep whole."""
        self._waiting_bytes = 0
        self._counting: asyncio.Task[None] | None = None

    @staticmethod
    def owed(call: Call) -> bool:
        """Whether a call that is over used tokens that nobody told."""
        return (
            call.usage is None and call.target is not None and call.status in (200, 499) and call.operation in _COUNTED
        )

    def then(self, call: Call, tell: Tell) -> None:
        """Have the usage of a call counted, and be told; no tokens, estimated, where they can't be counted.

        Only while the call is closed: all who want to know then share one count.
        """
        if call.usage_wanted is not None:
            call.usage_wanted.append(tell)
            return
        texts = uncounted(call)
        if self._waiting_bytes + texts.size > _WAITING_BYTES_MAX:
            log.warning("%s: tokens are not counted, too much waits to be", texts.request_id)
            tell(Usage(estimated=True))
            return
        call.usage_wanted = [tell]
        self._waiting.append((texts, call.usage_wanted))
        self._waiting_bytes += texts.size
        if self._counting is None:
            self._counting = asyncio.get_running_loop().create_task(self._count())

    async def close(self) -> None:
        """Finish what is still being counted."""
        if self._counting is not None:
            await asyncio.wait([self._counting], timeout=_LAST_COUNT_SECONDS)

    async def _count(self) -> None:
        try:
            while self._waiting:
                texts, wanted = self._waiting.popleft()
                self._waiting_bytes -= texts.size
                usage = await self._counter.count(texts)
                for tell in wanted:
                    tell(usage)
        finally:
            self._counting = None
