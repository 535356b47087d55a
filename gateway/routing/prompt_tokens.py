"""How many tokens a prompt has, for rules that ask: counted in the counting process, and only where it may matter."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from adapters.wire.body import Body
from adapters.wire.tokens import text_bytes
from adapters.wire.usage import Usage
from gateway.call import Call
from gateway.routing.prompt import prompt_bytes

log = logging.getLogger("isthmus.rules")

Count: TypeAlias = Callable[[Call], Awaitable[Usage]]

_LONGEST_TOKEN = 128
"""Bytes: of every encoding that is counted with."""
_PATIENCE = 5.0
"""Seconds: nobody waits longer."""
_USUAL_TOKEN = 4


class PromptTokens:
    """Counts with `count`, which takes the tokenizer of the call's target."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._counting: set[asyncio.Future[Usage]] = set()

    async def of(self, call: Call, limit: int, patience: float) -> int:
        """The tokens of a call's prompt; where there are surely more than `limit`, only a number that is over it.

        Whoever waits longer than `patience` seconds is given an estimate.
        """
        size = sum(map(len, prompt_bytes(call.body)))
        if size > limit * _LONGEST_TOKEN:
            fewest = await asyncio.to_thread(_fewest, call.body)
            if fewest > limit:
                return fewest
        route = call.route
        assert route is not None  # noqa: S101 - its rules are asked
        call.target = route.targets[0]
        counting = asyncio.ensure_future(self._count(call))
        self._counting.add(counting)  # it goes on where the client leaves: others wait for their turn behind it
        counting.add_done_callback(self._counting.discard)
        try:
            await asyncio.wait([counting], timeout=min(patience, _PATIENCE))
        finally:
            call.target = None
        tokens = counting.result().prompt_tokens if counting.done() else 0
        if not tokens:
            log.warning("%s: its tokens are estimated for the rules", call.request_id.decode("latin-1"))
        return tokens or size // _USUAL_TOKEN


def _fewest(body: Body) -> int:
    """As few tokens as the texts of a prompt can possibly be."""
    total = 0
    for raw in prompt_bytes(body):
        try:
            total += text_bytes(msgspec.json.decode(raw))
        except (msgspec.DecodeError, RecursionError):
            continue
    return total // _LONGEST_TOKEN
