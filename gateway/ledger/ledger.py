"""One row for each attempt, in the journal before the attempt's call is over, and in the database soon after."""

import asyncio
import logging
import time
from collections import deque
from functools import partial

from adapters.wire.usage import Usage
from config.facts import Prices
from gateway.call import Attempt, Call, new_attempt_id
from gateway.cost import cost_of, did_no_work
from gateway.ledger.journal import Journal
from gateway.ledger.kinds import BEGUN, ENDED, PENDING, USED
from gateway.ledger.row import UNKNOWN_USE, answered, begun, ended, ended_and_used, ended_without_attempt, used
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates

log = logging.getLogger("isthmus.ledger")

_NOTHING = Usage()
_FREE = used(_NOTHING, 0, None)
"""What an attempt used that the target did not answer, and a call that the cache did."""
_CACHED = frozenset({"hit", "stale", "joined"})
_CLIENT_LEFT = 499


class Ledger:
    """Writes the rows of this worker."""

    __slots__ = ("_counters", "_estimates", "_full", "_lost", "_owed", "_running", "journal")

    def __init__(self, journal: Journal, estimates: Estimates, counters: Counters) -> None:
        self.journal = journal
        self._estimates = estimates
        self._counters = counters
        self._lost: set[bytes] = set()
        """Attempts under way that there was no room for."""
        self._full = False
        self._running: list[tuple[Call, Attempt]] = []
        """Attempts whose call is over before them."""
        self._owed: deque[bytes] = deque()
        """Ends of attempts that the disk had no room for; no more than there are attempts under way."""

    def begin(self, call: Call, attempt: Attempt) -> None:
        """An attempt begins. From here on it has a row in the end, whatever becomes of this process."""
        if not call.on_close:  # a call beside another one: nobody has asked to be told of its end
            call.on_close.append(self.close)
        record = BEGUN + attempt.id + begun(call, attempt, time.time_ns() // 1_000)
        if not self.journal.append(record):
            self._lost.add(attempt.id)
            self._lose()

    def close(self, call: Call) -> None:
        """A call is over: its attempts are, or will be soon."""
        attempts = call.attempts
        if not attempts:
            if call.cache in _CACHED or call.usage is not None:
                self._answered(call)
            return
        for attempt in attempts:
            if attempt.ended:
                self._end(call, attempt)
            else:
                self._running.append((call, attempt))

    def settle(self) -> None:
        """See to what could not be written when it happened. Raises OSError where the disk is full."""
        running, self._running = self._running, []
        for call, attempt in running:
            if attempt.ended:
                self._end(call, attempt)
            else:
                self._running.append((call, attempt))
        while self._owed and self.journal.append(self._owed[0], beyond=True):
            self._owed.popleft()
        self.journal.prepare()
        self._full = self._full and not self.journal.has_room

    def _end(self, call: Call, attempt: Attempt) -> None:
        if self._lost and attempt.id in self._lost:
            self._lost.discard(attempt.id)
            return
        usage = attempt.usage or self._usage_of_one_left(call, attempt)
        if usage is not None:
            cost, version = _cost(usage, call.prices_of(attempt.target))
            self._write(ENDED + attempt.id + ended_and_used(call, attempt, usage, cost, version))
        elif attempt is _serving(call.attempts) and self._estimates.owed(call):
            self._write(PENDING + attempt.id + ended(call, attempt))
            self._estimates.then(call, partial(self._counted, attempt.id, call.prices_of(attempt.target)))
        else:
            use = _FREE if did_no_work(call.operation, attempt) else UNKNOWN_USE
            self._write(b"%b%b%b,%b" % (ENDED, attempt.id, ended(call, attempt)[:-1], use[1:]))

    def _usage_of_one_left(self, call: Call, attempt: Attempt) -> Usage | None:
        """Of an attempt that another one of its call overtook: the target has read the prompt, and may have written."""
        if call.usage is None or attempt.status != _CLIENT_LEFT or attempt is _serving(call.attempts):
            return None
        return Usage(prompt_tokens=call.usage.prompt_tokens, estimated=True)

    def _counted(self, id: bytes, prices: Prices | None, usage: Usage) -> None:
        """The tokens of an attempt that is over have been counted."""
        known = usage.prompt_tokens or usage.completion_tokens
        use = used(usage, *_cost(usage, prices)) if known else UNKNOWN_USE
        self._write(USED + id + use)

    def _answered(self, call: Call) -> None:
        """A call without an attempt: begun and ended at once."""
        seconds = asyncio.get_running_loop().time() - call.received
        attempt = new_attempt_id()
        now = time.time_ns() // 1_000 - int(seconds * 1_000_000)
        if self.journal.append(BEGUN + attempt + answered(call, now)):
            self._write(b"%b%b%b,%b" % (ENDED, attempt, ended_without_attempt(call, seconds)[:-1], _FREE[1:]))
        else:
            self._lose()

    def _write(self, record: bytes) -> None:
        """Write what belongs to an attempt that the journal knows: there is room for that beyond its bound."""
        if self._owed or not self.journal.append(record, beyond=True):
            self._owed.append(record)

    def _lose(self) -> None:
        self._counters.add("ledger_rows_lost")
        if not self._full:
            self._full = True
            log.error("the ledger's journal is full: attempts are not recorded until its rows are in the database")


def _serving(attempts: list[Attempt]) -> Attempt:
    """The attempt whose answer the client has, or would have had."""
    for attempt in reversed(attempts):
        if attempt.first:
            return attempt
    return attempts[-1]


def _cost(usage: Usage, prices: Prices | None) -> tuple[int | None, str | None]:
    if prices is None:
        return None, None
    return cost_of(usage, prices), prices.version
