"""The keys that the admin API made, as one worker knows them: found in the database when first used, then kept.

Each change of a key has a number. Every second the worker asks for the last one, off the path of any request, and
learns what changed since: a disabled key is refused by every worker and replica within two seconds.
"""

# ruff: noqa: S608

import asyncio
import logging
import time
from contextlib import suppress

from adapters.wire.errors import Overloaded, Unavailable
from gateway.auth.addresses import networks_of
from gateway.auth.caller import Caller
from gateway.auth.keyring import refused
from gateway.auth.recent import Recent
from gateway.auth.secret import is_whole
from gateway.auth.stored import MICROSECONDS, Settings, as_int, as_text
from gateway.observe.counters import Counters
from gateway.state.records.contract import Records, RecordsUnavailable, Row, Value

log = logging.getLogger("isthmus.keys")

EVERY_SECONDS = 1.0
_PATIENCE_SECONDS = 2.0
"""How long a request, and the look for changes, wait for the database."""
_KNOWN_MOST = 10_000
_REFUSED_MOST = 10_000
_LOOK_UPS_MOST = 256
"""Secrets that may be looked up at once: guessing gets a 503 and the database no more than these."""

_NUMBER = "SELECT number FROM key_changes"
_COLUMNS = "s.digest, s.expires, k.name, k.settings, k.expires, k.disabled, k.deleted"
_FIND = f"SELECT {_COLUMNS} FROM key_secrets s JOIN keys k ON k.id = s.key_id WHERE s.digest = $1"
_CHANGED = f"SELECT {_COLUMNS} FROM key_secrets s JOIN keys k ON k.id = s.key_id WHERE k.changed > $1"


class ManagedKeys:
    """A source of callers. It outlives configurations."""

    def __init__(self, records: Records, grace_seconds: float, counters: Counters) -> None:
        self.fault: str | None = None
        """Why the last look for changes failed; None where it did not."""
        self._records = records
        self._grace_seconds = grace_seconds
        self._counters = counters
        self._callers: Recent[Caller] = Recent(_KNOWN_MOST)
        self._refused: Recent[str] = Recent(_REFUSED_MOST)
        self._look_ups: dict[bytes, asyncio.Task[Caller | str | None]] = {}
        self._number: Value = None
        self._good_until = 0.0
        self._syncing = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look for changes from now on."""
        self._watch = asyncio.get_running_loop().create_task(self._keep_looking())

    async def close(self) -> None:
        """Look no more."""
        tasks = [*self._look_ups.values(), *([self._watch] if self._watch else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def known(self, digest: bytes) -> Caller | None:
        """The caller of a secret that was found before, unless too long ago to be relied on."""
        caller = self._callers.get(digest)
        return caller if caller is not None and time.monotonic() < self._good_until else None

    def takes(self, presented: bytes) -> bool:
        """Whether it has the form of our secrets."""
        return is_whole(presented)

    async def find(self, presented: bytes, digest: bytes) -> Caller:
        """The caller of a secret, from the database; whoever asks for the same one at once waits for one answer.

        Raises Unauthorized; Unavailable while the database does not answer; Overloaded.
        """
        if (code := self._refused.get(digest)) is not None:
            raise refused(code)
        if self.fault is not None:
            raise _unavailable()
        look_up = self._look_ups.get(digest)
        if look_up is None:
            if len(self._look_ups) >= _LOOK_UPS_MOST:
                raise Overloaded("Too many unknown keys are being looked up.", retry_after=1)
            look_up = self._look_ups[digest] = asyncio.get_running_loop().create_task(self._look_up(digest))
            look_up.add_done_callback(lambda _: self._look_ups.pop(digest, None))
        found = await asyncio.shield(look_up)
        if found is None:
            raise _unavailable()
        if isinstance(found, str):
            raise refused(found)
        return found

    async def sync(self) -> None:
        """Learn what changed. Raises RecordsUnavailable."""
        async with self._syncing:
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    ((number,),) = await self._records.fetch(_NUMBER)
                    if self._number is None or as_int(number) < as_int(self._number):  # of a restored database
                        self._callers.clear()
                        self._refused.clear()
                    elif number != self._number:
                        for row in await self._records.fetch(_CHANGED, self._number):
                            self._renew(row)
            except TimeoutError:
                raise RecordsUnavailable("the database does not answer in time") from None
            self._number = number
            self._good_until = time.monotonic() + self._grace_seconds
            if self.fault is not None:
                log.info("the database of keys answers again")
                self.fault = None

    def conditions(self) -> list[tuple[str, str]]:
        """What is degraded, for /health/ready."""
        return [] if self.fault is None else [("keys", self.fault)]

    async def _keep_looking(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(EVERY_SECONDS)

    async def _look(self) -> None:
        try:
            await self.sync()
        except RecordsUnavailable as error:
            self._counters.add("records_errors", "keys")
            if self.fault is None:
                log.warning("keys of the database go on for %g s at most: %s", self._grace_seconds, error)
            self.fault = str(error)

    async def _look_up(self, digest: bytes) -> Caller | str | None:
        """A caller, the code of a refusal, or None where the database does not answer."""
        number = self._number
        found: Caller | str | None = None
        with suppress(RecordsUnavailable, TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                rows = await self._records.fetch(_FIND, digest.hex())
            found = _judged(rows[0]) if rows else "invalid_api_key"
        if found is None:
            self._counters.add("records_errors", "keys")
        elif self._number is not None and number == self._number:  # else it may be older than what sync has learnt
            self._keep(digest, found)
        return found

    def _renew(self, row: Row) -> None:
        """Take over what became of a secret; one that nobody has used here is left to its first use."""
        digest = bytes.fromhex(as_text(row[0]))
        used, was_refused = self._callers.drop(digest), self._refused.drop(digest)
        if used or was_refused:
            self._keep(digest, _judged(row))

    def _keep(self, digest: bytes, found: Caller | str) -> None:
        if isinstance(found, str):
            self._refused.put(digest, found)
        else:
            self._callers.put(digest, found)


def _judged(row: Row) -> Caller | str:
    """The caller of a secret, or the code of its refusal."""
    _, secret_expires, name, settings, key_expires, disabled, deleted = row
    ends = [as_int(moment) / MICROSECONDS for moment in (secret_expires, key_expires) if moment is not None]
    until = min(ends, default=None)
    if deleted is not None:
        return "invalid_api_key"
    if until is not None and until <= time.time():
        return "key_expired"
    if disabled:
        return "key_disabled"
    said = Settings.read(as_text(settings))
    return Caller(
        as_text(name),
        said.models,
        owner=said.owner,
        team=said.team,
        organisation=said.organisation,
        limit=said.limit,
        networks=networks_of(said.addresses),
        until=until,
    )


def _unavailable() -> Unavailable:
    return Unavailable(
        "The database of keys does not answer, so this key can't be judged. Try again.",
        code="keys_unavailable",
        retry_after=EVERY_SECONDS,
    )
