"""Closes calls whose answers have left, all of a turn of the event loop together, step by step.

What comes after an answer is the same for each call. A step that is done for all of them before the next begins costs
half of what it costs between other things, because what it needs is near by then. All of it is done before anything
that arrives later is looked at.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway.call import Call

if TYPE_CHECKING:
    from gateway.onion import Running

log = logging.getLogger("isthmus.closing")


class Closing:
    """The calls of one worker that are over in this turn."""

    __slots__ = ("_over",)

    def __init__(self) -> None:
        self._over: list[tuple[Call, Running]] = []

    def add(self, call: Call, running: "Running") -> None:
        """Have a call closed, and then no longer counted among those in progress."""
        if not self._over:
            asyncio.get_running_loop().call_soon(self._close)
        self._over.append((call, running))

    def _close(self) -> None:
        over, self._over = self._over, []
        left = [(call.on_close, call) for call, _ in over if call.on_close]
        while left:
            for steps, call in left:
                try:
                    steps.pop()(call)
                except Exception:
                    log.exception("%s: what comes after the answer failed", call.request_id.decode())
            left = [each for each in left if each[0]]
        for _, running in over:
            running.leave()
