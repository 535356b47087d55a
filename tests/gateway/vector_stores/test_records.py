"""Stores and files in either database: who has what in hand, what ends when, and what leaves with what."""

import asyncio
from collections.abc import Sequence

import pytest
from msgspec import structs

from adapters.wire.errors import BadRequest, NotFound
from config.limits import Limit
from gateway.state.records.contract import Records
from gateway.vector_stores.claims import Claims
from gateway.vector_stores.files import StoreFiles
from gateway.vector_stores.kept import DAY, Asker, Settings, Store, Wanted, new_id, now
from gateway.vector_stores.stores import Stores

US = Asker("key", "us", "team", "org", Limit(requests_per_minute=5))


async def made(records: Records, stores: Stores, days: int | None = None, owner: str = "us") -> Store:
    """A store that is there."""
    moment = now()
    store = Store(
        id=new_id("vs_"),
        owner=owner,
        settings=Settings(metadata={}, days=days),
        backend="here",
        model="embed",
        dimensions=None,
        created=moment,
        active=moment,
        expired=False,
    )
    await records.transact(stores.adding(store, 1_000))
    return store


async def age(records: Records, store: Store, by: int) -> None:
    """Make a store's last activity longer ago."""
    await records.execute("UPDATE vector_stores SET active = active - $1 WHERE id = $2", by, store.id)


async def end_claims(records: Records) -> None:
    """Let the leases of all claims be over."""
    await records.execute("UPDATE vector_store_files SET due = $1 WHERE claim IS NOT NULL", now() - 1)


async def to_remove(records: Records) -> Sequence[Sequence[object]]:
    """What is noted to be removed: store and file, and whether it may be now."""
    rows = await records.fetch("SELECT store_id, file_id, due FROM vector_store_removals ORDER BY id")
    return [(store, file, due <= now()) for store, file, due in rows]  # type: ignore[operator]


async def test_a_store_that_nobody_used_expires_with_all_that_is_in_it(
    records: Records, stores: Stores, files: StoreFiles
) -> None:
    used, unused, endless = [await made(records, stores, days) for days in (2, 2, None)]
    for store in (used, unused, endless):
        await files.attach(store, [Wanted("file-1")], US)
        await age(records, store, 3 * DAY)
    await age(records, used, -3 * DAY)
    assert (await stores.get("us", unused.id)).expired  # before anybody has swept it
    with pytest.raises(BadRequest, match="has expired"):
        await stores.living("us", unused.id)
    with pytest.raises(BadRequest, match="has expired"):
        await files.attach(unused, [Wanted("file-2")], US)
    assert await stores.expire() == 1
    assert await stores.expire() == 0
    told = [await stores.get("us", store.id) for store in (used, unused, endless)]
    assert [(store.expired, store.counts.total) for store in told] == [(False, 1), (True, 0), (False, 1)]
    assert await to_remove(records) == [(unused.id, None, True)]


async def test_activity_moves_the_end_of_a_store(records: Records, stores: Stores) -> None:
    store = await made(records, stores, days=1)
    await age(records, store, DAY // 2)
    before = await stores.get("us", store.id)
    await stores.touch(store)
    after = await stores.get("us", store.id)
    assert before.expires is not None
    assert after.expires is not None
    assert after.expires - before.expires >= DAY // 2


async def test_an_expired_store_is_not_brought_back_by_being_used(records: Records, stores: Stores) -> None:
    store = await made(records, stores, days=1)
    await age(records, store, 2 * DAY)
    await stores.touch(store)
    assert (await stores.get("us", store.id)).expired


async def test_one_file_is_claimed_by_one_of_many(
    records: Records, stores: Stores, files: StoreFiles, claims: Claims
) -> None:
    store = await made(records, stores)
    await files.attach_batch(store, [Wanted(f"file-{number}") for number in range(10)], US)
    taken = await asyncio.gather(*(claims.take("us", 3) for _ in range(12)))
    ids = [claimed.file.file_id for each in taken for claimed in each]
    rest = await claims.take("us", 10)
    assert sorted(ids + [claimed.file.file_id for claimed in rest]) == [f"file-{number}" for number in range(10)]
    assert await claims.take("us", 1) == []


async def test_a_claim_says_all_that_the_work_needs(
    records: Records, stores: Stores, files: StoreFiles, claims: Claims
) -> None:
    store = await made(records, stores)
    await files.attach(store, [Wanted("file-1", {"n": 1})], US)
    (claimed,) = await claims.take("us", 5)
    assert (claimed.asker, claimed.store.id, claimed.file.attributes) == (US, store.id, {"n": 1})
    caller = claimed.asker.caller()
    assert (caller.name, caller.owner, caller.team, caller.organisation) == ("key", "us", "team", "org")
    assert caller.limit == US.limit


async def test_a_claim_that_nobody_renews_is_taken_over_where_it_was_left(
    records: Records, stores: Stores, files: StoreFiles, claims: Claims
) -> None:
    store = await made(records, stores)
    await files.attach(store, [Wanted("file-1")], US)
    (dead,) = await claims.take("us", 1)
    assert await claims.renew(dead, 7, 700)
    assert await claims.take("us", 1) == []
    await end_claims(records)
    (heir,) = await claims.take("us", 1)
    assert (heir.chunks, heir.file.usage_bytes) == (7, 700)
    assert not await claims.renew(dead, 8, 800)
    assert not await claims.complete(dead, 9, 900)
    assert not await claims.fail(dead, "server_error", "late")
    assert await claims.complete(heir, 10, 1_000)
    whole = await stores.get("us", store.id)
    assert (whole.counts.completed, whole.usage_bytes) == (1, 1_000)


async def test_what_was_put_back_waits_for_its_time(
    records: Records, stores: Stores, files: StoreFiles, claims: Claims
) -> None:
    store = await made(records, stores)
    await files.attach(store, [Wanted("file-1")], US)
    (claimed,) = await claims.take("us", 1)
    await claims.put_back(claimed, 3_600)
    assert await claims.take("us", 1) == []
    assert (await files.get(store, "file-1")).status == "in_progress"
    await records.execute("UPDATE vector_store_files SET due = 0")
    (again,) = await claims.take("us", 1)
    assert again.tries == 1


async def test_attributes_that_change_while_a_file_is_taken_in_are_told_to_the_backend_after(
    records: Records, stores: Stores, files: StoreFiles, claims: Claims
) -> None:
    store = await made(records, stores)
    await files.attach(store, [Wanted("file-1", {"n": 1})], US)
    (claimed,) = await claims.take("us", 1)
    await files.describe(store, "file-1", {"n": 2})
    assert await claims.take("us", 1) == []
    assert await claims.complete(claimed, 1, 1)
    (later,) = await claims.take("us", 1)
    assert (later.file.status, later.file.attributes) == ("completed", {"n": 2})
    assert await claims.described(later)
    assert await claims.take("us", 1) == []


async def test_what_a_worker_has_in_hand_is_removed_once_it_has_stopped(
    records: Records, stores: Stores, files: StoreFiles, claims: Claims
) -> None:
    store = await made(records, stores)
    await files.attach(store, [Wanted("file-1"), Wanted("file-2")], US)
    (claimed,) = await claims.take("us", 1)
    for name in ("file-1", "file-2"):
        await files.take_out(store, name)
    assert sorted(await to_remove(records)) == [(store.id, "file-1", False), (store.id, "file-2", True)]  # type: ignore[type-var]
    assert not await claims.renew(claimed, 1, 1)
    await claims.stopped(claimed)
    assert sorted(await to_remove(records)) == [(store.id, "file-1", True), (store.id, "file-2", True)]  # type: ignore[type-var]


async def test_what_a_worker_wrote_too_late_is_removed_once_more(
    records: Records, stores: Stores, files: StoreFiles, claims: Claims
) -> None:
    store = await made(records, stores)
    await files.attach(store, [Wanted("file-1")], US)
    (claimed,) = await claims.take("us", 1)
    await files.take_out(store, "file-1")
    await records.execute("DELETE FROM vector_store_removals")  # its claim ended, and somebody removed what was there
    await claims.stopped(claimed)
    assert await to_remove(records) == [(store.id, "file-1", True)]


async def test_a_file_that_comes_again_waits_for_what_was_there_to_be_removed(
    records: Records, stores: Stores, files: StoreFiles, claims: Claims
) -> None:
    store = await made(records, stores)
    await files.attach(store, [Wanted("file-1")], US)
    await files.take_out(store, "file-1")
    await files.attach(store, [Wanted("file-1")], US)
    assert await claims.take("us", 1) == []
    await records.execute("DELETE FROM vector_store_removals")
    (claimed,) = await claims.take("us", 1)
    assert claimed.file.file_id == "file-1"


async def test_deleting_a_store_notes_each_file_in_hand_and_the_store(
    records: Records, stores: Stores, files: StoreFiles, claims: Claims
) -> None:
    store = await made(records, stores)
    await files.attach(store, [Wanted("file-1"), Wanted("file-2")], US)
    (claimed,) = await claims.take("us", 1)
    await stores.delete("us", store.id)
    with pytest.raises(NotFound):
        await stores.delete("us", store.id)
    noted = await to_remove(records)
    assert {(file, now) for _, file, now in noted} == {(claimed.file.file_id, False), (None, True)}
    assert await records.fetch("SELECT id FROM vector_store_files") == []


async def test_nobody_attaches_to_a_store_that_is_deleted_meanwhile(
    records: Records, stores: Stores, files: StoreFiles
) -> None:
    for _ in range(5):
        store = await made(records, stores)
        outcomes = await asyncio.gather(
            files.attach(store, [Wanted("file-1")], US), stores.delete("us", store.id), return_exceptions=True
        )
        assert all(outcome is None or isinstance(outcome, NotFound) for outcome in outcomes), outcomes
    assert await records.fetch("SELECT id FROM vector_store_files") == []


async def test_a_failed_file_leaves_nothing_behind_and_says_why(
    records: Records, stores: Stores, files: StoreFiles, claims: Claims
) -> None:
    store = await made(records, stores)
    await files.attach(store, [Wanted("file-1")], US)
    (claimed,) = await claims.take("us", 1)
    assert await claims.fail(claimed, "invalid_file", "It is broken.")
    file = await files.get(store, "file-1")
    assert (file.status, file.error) == ("failed", ("invalid_file", "It is broken."))
    assert await to_remove(records) == [(store.id, "file-1", True)]


async def test_a_deleted_file_leaves_the_stores_of_its_owner_alone(
    records: Records, stores: Stores, files: StoreFiles
) -> None:
    ours, other = await made(records, stores), await made(records, stores)
    theirs = await made(records, stores, owner="them")
    for store in (ours, other, theirs):
        await files.attach(store, [Wanted("file-1")], structs.replace(US, owner=store.owner))
    await files.take_out_everywhere("us", "file-1")
    assert [(await stores.get(store.owner, store.id)).counts.total for store in (ours, other, theirs)] == [0, 0, 1]


async def test_the_work_of_each_owner_is_told(
    records: Records, stores: Stores, files: StoreFiles, claims: Claims
) -> None:
    for owner, count in (("us", 3), ("them", 1)):
        store = await made(records, stores, owner=owner)
        await files.attach(store, [Wanted(f"file-{number}") for number in range(count)], US)
    await claims.take("us", 1)
    told = {each.owner: (each.files, each.in_hand) for each in await claims.waiting()}
    assert told == {"us": (3, 1), "them": (1, 0)}
