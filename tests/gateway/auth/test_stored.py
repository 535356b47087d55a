"""Keys in either database: made, paged, changed, rotated, deleted; and what is kept of a secret."""

import asyncio
import time

import pytest

from config.limits import Budget, Limit
from gateway.auth.secret import digest_of
from gateway.auth.stored import MICROSECONDS, Settings, StoredKey, StoredKeys
from gateway.state.records.contract import Conflict, Records
from tests.gateway.state.records.conftest import place, records

__all__ = ["place", "records"]

SETTINGS = Settings(
    owner="o",
    team="t",
    organisation="g",
    models=["gpt", "local/*"],
    addresses=["10.0.0.0/8"],
    limit=Limit(requests_per_minute=3, budgets=[Budget(per="day", usd=0.5)]),
)


@pytest.fixture
def stored(records: Records) -> StoredKeys:
    return StoredKeys(records)


async def made(stored: StoredKeys, name: str) -> StoredKey:
    key_id, _ = await stored.create(name, Settings(), None, disabled=False)
    key = await stored.get(key_id)
    assert key is not None
    return key


async def test_a_key_comes_back_as_it_was_made(stored: StoredKeys) -> None:
    expires = (int(time.time()) + 60) * MICROSECONDS
    key_id, secret = await stored.create("a", SETTINGS, expires, disabled=True)
    key = await stored.get(key_id)
    assert key is not None
    assert (key.id, key.name, key.settings, key.expires, key.disabled) == (key_id, "a", SETTINGS, expires, True)
    assert [each.hint for each in key.secrets] == [f"{secret[:15]}…"]


async def test_only_a_digest_of_a_secret_is_kept(stored: StoredKeys, records: Records) -> None:
    key_id, secret = await stored.create("a", SETTINGS, None, disabled=False)
    everything = [*await records.fetch("SELECT * FROM keys"), *await records.fetch("SELECT * FROM key_secrets")]
    kept = repr([tuple(row) for row in everything])
    assert secret not in kept
    assert secret[16:40] not in kept
    assert digest_of(secret) in kept
    assert key_id in kept


async def test_a_name_is_given_once_even_when_its_key_is_deleted(stored: StoredKeys) -> None:
    key = await made(stored, "a")
    with pytest.raises(Conflict):
        await stored.create("a", Settings(), None, disabled=False)
    assert await stored.delete(key.id)
    with pytest.raises(Conflict):
        await stored.create("a", Settings(), None, disabled=False)


async def test_a_deleted_key_is_not_there(stored: StoredKeys) -> None:
    key = await made(stored, "a")
    assert await stored.delete(key.id)
    assert await stored.get(key.id) is None
    assert await stored.page(10, None, ascending=True) == []
    assert not await stored.delete(key.id)
    assert not await stored.update(key, SETTINGS, None, disabled=False)
    assert await stored.rotate(key.id, 0) is None


@pytest.mark.parametrize("ascending", [True, False])
async def test_pages_hold_every_key_once_and_in_order(stored: StoredKeys, ascending: bool) -> None:
    await asyncio.gather(*(made(stored, f"key-{number}") for number in range(7)))
    seen: list[StoredKey] = []
    while page := await stored.page(3, seen[-1] if seen else None, ascending=ascending):
        seen += page
        assert len(seen) <= 7
    assert len({key.name for key in seen}) == 7
    assert seen == sorted(seen, key=lambda key: (key.created, key.id), reverse=not ascending)
    assert all(len(key.secrets) == 1 for key in seen)


async def test_a_change_on_top_of_another_is_not_written(stored: StoredKeys) -> None:
    key = await made(stored, "a")
    assert await stored.update(key, SETTINGS, None, disabled=True)
    assert not await stored.update(key, Settings(), None, disabled=False)
    after = await stored.get(key.id)
    assert after is not None
    assert (after.settings, after.disabled) == (SETTINGS, True)


async def test_every_change_has_a_number_of_its_own(stored: StoredKeys) -> None:
    keys = await asyncio.gather(*(made(stored, f"key-{number}") for number in range(5)))
    await asyncio.gather(*(stored.rotate(key.id, 60) for key in keys))
    numbers = {key.changed for key in await stored.page(10, None, ascending=True)}
    assert len(numbers) == 5
    assert min(numbers) > max(key.changed for key in keys)


async def test_rotations_at_once_leave_one_secret_without_an_end(stored: StoredKeys) -> None:
    key = await made(stored, "a")
    secrets = await asyncio.gather(*(stored.rotate(key.id, 60) for _ in range(6)))
    assert len(set(secrets)) == 6
    after = await stored.get(key.id)
    assert after is not None
    assert len(after.secrets) == 7
    assert [each.expires is None for each in after.secrets].count(True) == 1
    assert after.secrets[0].expires is None


async def test_secrets_that_ended_long_ago_are_thrown_away(stored: StoredKeys, records: Records) -> None:
    key = await made(stored, "a")
    await stored.rotate(key.id, 0)
    await records.execute("UPDATE key_secrets SET expires = 1 WHERE expires IS NOT NULL")
    await stored.rotate(key.id, 60)
    assert len(await records.fetch("SELECT digest FROM key_secrets")) == 2
