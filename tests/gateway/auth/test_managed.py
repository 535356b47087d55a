"""Keys of the database as one worker knows them: found once, renewed after changes, kept while the database is away."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.wire.errors import Overloaded, Unauthorized, Unavailable
from config.limits import Limit
from gateway.auth import Caller, managed
from gateway.auth.managed import ManagedKeys
from gateway.auth.secret import new_secret
from gateway.auth.stored import Settings, StoredKeys
from gateway.observe.counters import Counters
from gateway.state.records.contract import RecordsUnavailable, Row, Value
from gateway.state.records.sqlite import SqliteRecords

MICROSECONDS = 1_000_000


class Watched(SqliteRecords):
    """A database that counts what it is asked, and can be away or be held."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked = 0
        self.away = False
        self.open = asyncio.Event()
        self.open.set()
        self.read = asyncio.Event()
        """Rows have been read since it was cleared."""

    async def fetch(self, statement: str, *values: Value) -> list[Row]:
        self.asked += 1
        rows = await super().fetch(statement, *values)
        self.read.set()
        await self.open.wait()
        if self.away:
            raise RecordsUnavailable("away")
        return rows


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Watched]:
    opened = Watched(tmp_path / "records.db")
    yield opened
    await opened.close()


@pytest.fixture
def stored(records: Watched) -> StoredKeys:
    return StoredKeys(records)


@pytest.fixture
async def keys(records: Watched) -> ManagedKeys:
    """A worker that has learnt everything so far, and learns more when the test says so."""
    made = ManagedKeys(records, 600, Counters())
    await made.sync()
    return made


async def ask(keys: ManagedKeys, secret: str) -> Caller:
    """The caller of a secret, from memory or from the database."""
    digest = hashlib.sha256(secret.encode()).digest()
    return keys.known(digest) or await keys.find(secret.encode(), digest)


async def code_of(keys: ManagedKeys, secret: str) -> str | None:
    with pytest.raises(Unauthorized) as caught:
        await ask(keys, secret)
    return caught.value.code


async def make(stored: StoredKeys, name: str = "a", *, disabled: bool = False) -> tuple[str, str]:
    return await stored.create(name, Settings(models=["gpt"]), None, disabled=disabled)


async def test_a_key_is_found_once_and_then_known(keys: ManagedKeys, stored: StoredKeys, records: Watched) -> None:
    settings = Settings(
        owner="o", team="t", organisation="g", addresses=["10.0.0.0/8"], limit=Limit(parallel_requests=2)
    )
    _, secret = await stored.create("a", settings, None, disabled=False)
    caller = await ask(keys, secret)
    assert (caller.name, caller.owner, caller.team, caller.organisation) == ("a", "o", "t", "g")
    assert (caller.limit, str(caller.networks[0])) == (Limit(parallel_requests=2), "10.0.0.0/8")
    asked = records.asked
    assert await ask(keys, secret) is caller
    assert records.asked == asked


async def test_all_who_bring_the_same_new_key_at_once_wait_for_one_answer(
    keys: ManagedKeys, stored: StoredKeys, records: Watched
) -> None:
    _, secret = await make(stored)
    asked = records.asked
    callers = await asyncio.gather(*(ask(keys, secret) for _ in range(50)))
    assert records.asked == asked + 1
    assert len({id(caller) for caller in callers}) == 1


async def test_whoever_leaves_takes_nobodys_answer_along(
    keys: ManagedKeys, stored: StoredKeys, records: Watched
) -> None:
    _, secret = await make(stored)
    records.open.clear()
    first, second = (asyncio.create_task(ask(keys, secret)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    records.open.set()
    assert (await second).name == "a"


async def test_a_guess_is_looked_up_once(keys: ManagedKeys, records: Watched) -> None:
    guess = new_secret()
    asked = records.asked
    for _ in range(5):
        assert await code_of(keys, guess) == "invalid_api_key"
    assert records.asked == asked + 1


async def test_guesses_at_once_are_bounded(
    keys: ManagedKeys, records: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managed, "_LOOK_UPS_MOST", 3)
    records.open.clear()
    guessing = [asyncio.create_task(ask(keys, new_secret())) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await ask(keys, new_secret())
    records.open.set()
    outcomes = await asyncio.gather(*guessing, return_exceptions=True)
    assert all(isinstance(outcome, Unauthorized) for outcome in outcomes)


async def test_a_change_counts_after_the_next_look(keys: ManagedKeys, stored: StoredKeys, records: Watched) -> None:
    key_id, secret = await make(stored)
    before = await ask(keys, secret)
    key = await stored.get(key_id)
    assert key is not None
    await stored.update(key, Settings(models=["other"]), None, disabled=False)
    assert await ask(keys, secret) is before
    await keys.sync()
    asked = records.asked
    after = await ask(keys, secret)
    assert [after.allows(name) for name in ("gpt", "other")] == [False, True]
    assert records.asked == asked, "what changed was learnt with the look, not by a request"


async def test_a_disabled_key_is_refused_and_an_enabled_one_taken_again(keys: ManagedKeys, stored: StoredKeys) -> None:
    key_id, secret = await make(stored)
    await ask(keys, secret)
    for disabled in (True, False):
        key = await stored.get(key_id)
        assert key is not None
        await stored.update(key, key.settings, None, disabled=disabled)
        await keys.sync()
        if disabled:
            assert await code_of(keys, secret) == "key_disabled"
    assert (await ask(keys, secret)).name == "a"


async def test_a_deleted_key_is_nobodys(keys: ManagedKeys, stored: StoredKeys) -> None:
    key_id, secret = await make(stored)
    await ask(keys, secret)
    await stored.delete(key_id)
    await keys.sync()
    assert await code_of(keys, secret) == "invalid_api_key"


async def test_a_key_without_a_change_stays_when_others_change(keys: ManagedKeys, stored: StoredKeys) -> None:
    _, secret = await make(stored)
    await keys.sync()
    caller = await ask(keys, secret)
    await make(stored, "b")
    await keys.sync()
    assert await ask(keys, secret) is caller


async def test_both_secrets_of_a_rotated_key_are_the_same_key_until_the_overlap_ends(
    keys: ManagedKeys, stored: StoredKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id, old = await make(stored)
    await ask(keys, old)
    new = await stored.rotate(key_id, 60)
    assert new is not None
    await keys.sync()
    callers = [await ask(keys, secret) for secret in (old, new)]
    assert [caller.name for caller in callers] == ["a", "a"]
    assert callers[0].until == pytest.approx(time.time() + 60, abs=30)
    assert callers[1].until is None
    end = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: end)
    assert callers[0].until is not None
    assert callers[0].until <= time.time()
    another = ManagedKeys(stored._records, 600, Counters())
    assert await code_of(another, old) == "key_expired"
    assert await ask(another, new)


async def test_without_an_overlap_the_old_secret_ends_at_once(keys: ManagedKeys, stored: StoredKeys) -> None:
    key_id, old = await make(stored)
    await ask(keys, old)
    assert await stored.rotate(key_id, 0)
    await keys.sync()
    assert await code_of(keys, old) == "key_expired"


async def test_a_second_rotation_does_not_prolong_the_first_secret(stored: StoredKeys) -> None:
    key_id, _ = await make(stored)
    await stored.rotate(key_id, 10)
    await stored.rotate(key_id, 1_000)
    key = await stored.get(key_id)
    assert key is not None
    now = time.time() * MICROSECONDS
    assert sorted((each.expires or now) - now for each in key.secrets)[1] < 11 * MICROSECONDS
    assert [each.expires is None for each in key.secrets] == [True, False, False]


async def test_a_key_that_expires_later_now_is_taken_again(keys: ManagedKeys, stored: StoredKeys) -> None:
    key_id, secret = await stored.create("a", Settings(), 1, disabled=False)
    assert await code_of(keys, secret) == "key_expired"
    key = await stored.get(key_id)
    assert key is not None
    await stored.update(key, key.settings, None, disabled=False)
    await keys.sync()
    assert await ask(keys, secret)


async def test_while_the_database_is_away_known_keys_go_on_and_others_can_not_be_judged(
    keys: ManagedKeys, stored: StoredKeys, records: Watched
) -> None:
    (_, known), (_, other) = await make(stored), await make(stored, "b")
    await ask(keys, known)
    records.away = True
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await ask(keys, other)
        assert caught.value.code == "keys_unavailable"
        await keys._look()
    assert keys.fault == "away"
    assert keys.conditions() == [("keys", "away")]
    assert (await ask(keys, known)).name == "a"
    records.away = False
    await keys._look()
    assert keys.conditions() == []
    assert (await ask(keys, other)).name == "b"


async def test_a_database_that_is_known_to_be_away_is_not_asked(keys: ManagedKeys, records: Watched) -> None:
    records.away = True
    await keys._look()
    asked = records.asked
    with pytest.raises(Unavailable):
        await ask(keys, new_secret())
    assert records.asked == asked


async def test_after_the_grace_known_keys_can_not_be_judged_either(
    keys: ManagedKeys, stored: StoredKeys, records: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = await make(stored)
    await ask(keys, secret)
    records.away = True
    await keys._look()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 601)
    with pytest.raises(Unavailable):
        await ask(keys, secret)


async def test_what_was_read_before_a_change_is_not_kept_after_it(
    keys: ManagedKeys, stored: StoredKeys, records: Watched
) -> None:
    """A slow look-up must not bring back what a look for changes has just taken away."""
    key_id, secret = await make(stored)
    await keys.sync()
    records.open.clear()
    slow = asyncio.create_task(ask(keys, secret))
    records.read.clear()
    await records.read.wait()
    await stored.delete(key_id)
    held, records.open = records.open, asyncio.Event()
    records.open.set()
    await keys.sync()
    held.set()
    await slow
    assert await code_of(keys, secret) == "invalid_api_key"


async def test_a_restored_database_is_believed(keys: ManagedKeys, stored: StoredKeys, records: Watched) -> None:
    _, secret = await make(stored)
    await ask(keys, secret)
    await keys.sync()
    await records.transact(
        ("DELETE FROM key_secrets", ()), ("DELETE FROM keys", ()), ("UPDATE key_changes SET number = 0", ())
    )
    await keys.sync()
    assert await code_of(keys, secret) == "invalid_api_key"


async def test_it_looks_for_changes_by_itself(
    keys: ManagedKeys, stored: StoredKeys, records: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managed, "EVERY_SECONDS", 0.01)
    key_id, secret = await make(stored)
    await ask(keys, secret)
    keys.start()
    await stored.delete(key_id)
    async with asyncio.timeout(10):
        for _ in range(6):  # one may have begun before the change
            records.read.clear()
            await records.read.wait()
    await keys.close()
    assert await code_of(keys, secret) == "invalid_api_key"
