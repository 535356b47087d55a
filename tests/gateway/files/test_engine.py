"""Files: whole or not there, the owner's alone, and nothing left behind."""

import asyncio

import pytest

from adapters.files.contract import BlobMissing, StoreUnavailable
from adapters.wire.errors import Forbidden, NotFound, Unavailable
from gateway.files.engine import Files
from gateway.files.records import MICROSECONDS, File
from gateway.files.sweep import Sweep
from gateway.state.records.contract import Records, RecordsUnavailable
from tests.gateway.files.making import OWNER, kept, make, rows, time_passes


async def test_a_file_is_nobody_s_before_it_is_published(files: Files) -> None:
    arrival = await files.begin(OWNER)
    await arrival.write(b"half")
    await arrival.store()
    assert (await files.page(OWNER, 10))[0] == []
    with pytest.raises(NotFound):
        await files.get(OWNER, arrival.key)
    await arrival.end()


async def test_what_is_not_published_leaves_nothing(files: Files, records: Records) -> None:
    arrival = await files.begin(OWNER)
    await arrival.write(b"x" * 1_000_000)
    await arrival.store()
    await arrival.end()
    assert await kept(files) == set()
    assert await rows(records, "blobs") == 0


async def test_a_writer_that_died_is_swept_after_its_lease_and_not_before(
    files: Files, sweep: Sweep, records: Records
) -> None:
    arrival = await files.begin(OWNER)
    await arrival.write(b"x")
    await arrival.store()
    await sweep.once()
    assert await kept(files) == {arrival.key}
    await time_passes(records, "blobs")
    await sweep.once()
    assert await kept(files) == set()
    assert await rows(records, "blobs") == 0


async def test_a_writer_taken_for_dead_publishes_nothing(files: Files, sweep: Sweep, records: Records) -> None:
    arrival = await files.begin(OWNER)
    await arrival.write(b"x")
    await time_passes(records, "blobs")
    await sweep.once()
    with pytest.raises(Unavailable):
        await arrival.publish("a.txt", "user_data", None, None)
    await arrival.end()
    assert await rows(records, "files") == 0
    assert await kept(files) == set()


async def test_one_taken_for_dead_at_the_last_moment_leaves_nothing_either(
    files: Files, sweep: Sweep, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrival = await files.begin(OWNER)
    await arrival.write(b"x")
    publish = files.records.publish

    async def after_a_sweep(file: File, most: int | None) -> bool:
        await time_passes(records, "blobs")
        await sweep.once()
        return await publish(file, most)

    monkeypatch.setattr(files.records, "publish", after_a_sweep)
    with pytest.raises(Unavailable):
        await arrival.publish("a.txt", "user_data", None, None)
    await arrival.end()
    assert await rows(records, "files") == 0
    assert await kept(files) == set()


async def test_a_publication_whose_answer_got_lost_keeps_its_bytes(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrival = await files.begin(OWNER)
    await arrival.write(b"whole")
    publish = files.records.publish

    async def without_an_answer(file: File, most: int | None) -> bool:
        await publish(file, most)
        raise RecordsUnavailable("the connection broke")

    monkeypatch.setattr(files.records, "publish", without_an_answer)
    with pytest.raises(RecordsUnavailable):
        await arrival.publish("a.txt", "user_data", None, None)
    await arrival.end()
    ((file,), _) = await files.page(OWNER, 10)
    assert [piece async for piece in files.read(file)] == [b"whole"]


async def test_a_writer_that_says_it_lives_keeps_its_lease(files: Files, sweep: Sweep, records: Records) -> None:
    arrival = await files.begin(OWNER)
    await arrival.write(b"x")
    await time_passes(records, "blobs")
    await files.records.beat(files.writer)
    await sweep.once()
    assert (await arrival.publish("a.txt", "user_data", None, None)).bytes == 1
    await arrival.end()


async def test_a_deleted_file_is_gone_from_every_answer_and_from_the_store(files: Files, records: Records) -> None:
    file = await make(files)
    await files.delete(OWNER, file.id)
    with pytest.raises(NotFound):
        await files.get(OWNER, file.id)
    with pytest.raises(NotFound):
        await files.delete(OWNER, file.id)
    with pytest.raises(BlobMissing):
        await anext(files.read(file))
    assert await kept(files) == set()
    assert await rows(records, "blobs") == 0


async def test_of_many_who_delete_a_file_one_is_told_it_was_there(files: Files) -> None:
    file = await make(files)
    outcomes = await asyncio.gather(*(files.delete(OWNER, file.id) for _ in range(8)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [NotFound] * 7


async def test_a_removal_that_failed_is_ended_by_the_sweep(
    files: Files, sweep: Sweep, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await make(files)

    async def fail(key: str) -> None:
        raise StoreUnavailable("the disk is away")

    with monkeypatch.context() as broken:
        broken.setattr(files.blobs, "delete", fail)
        await files.delete(OWNER, file.id)
    with pytest.raises(NotFound):
        await files.get(OWNER, file.id)
    assert await kept(files) == {file.id}
    await time_passes(records, "blobs")
    await sweep.once()
    assert await kept(files) == set()


async def test_who_uses_a_file_is_told_of_its_removal_until_it_does_not_fail(
    files: Files, sweep: Sweep, records: Records
) -> None:
    told: list[tuple[str, str]] = []

    async def tell(owner: str, file_id: str) -> None:
        told.append((owner, file_id))
        if len(told) == 1:
            raise RuntimeError("a vector store is away")

    files.on_delete.append(tell)
    file = await make(files)
    await files.delete(OWNER, file.id)
    assert await kept(files) == {file.id}, "who uses it may still read it"
    await time_passes(records, "files")
    await sweep.once()
    assert told == [(OWNER, file.id)] * 2
    assert await kept(files) == set()


async def test_an_expired_file_is_gone_at_its_second_and_swept_then(
    files: Files, sweep: Sweep, records: Records
) -> None:
    told: list[str] = []

    async def tell(owner: str, file_id: str) -> None:
        told.append(file_id)

    files.on_delete.append(tell)
    stays, goes = await make(files, lasts=3_600), await make(files, lasts=3_600)
    assert goes.expires == goes.created + 3_600 * MICROSECONDS
    await records.execute("UPDATE files SET due = $1 WHERE id = $2", goes.created, goes.id)
    for ask in (files.get, files.delete):
        with pytest.raises(NotFound):
            await ask(OWNER, goes.id)
    assert [file.id for file in (await files.page(OWNER, 10))[0]] == [stays.id]
    await sweep.once()
    assert await kept(files) == {stays.id}
    assert told == [goes.id]


async def test_two_sweeps_at_once_do_the_work_once(files: Files, sweep: Sweep, records: Records) -> None:
    told: list[str] = []

    async def tell(owner: str, file_id: str) -> None:
        told.append(file_id)

    files.on_delete.append(tell)
    made = [await make(files, lasts=3_600) for _ in range(5)]
    await time_passes(records, "files")
    await asyncio.gather(*(sweep.once() for _ in range(4)))
    assert sorted(told) == sorted(file.id for file in made)
    assert await kept(files) == set()


async def test_a_listing_goes_through_files_of_the_same_moment_once_each(files: Files, records: Records) -> None:
    made = [(await make(files)).id for _ in range(9)]
    await records.execute("UPDATE files SET created = 1000000")
    for ascending in (True, False):
        seen: list[str] = []
        after, more = None, True
        while more:
            page, more = await files.page(OWNER, 2, after, ascending=ascending)
            seen += [file.id for file in page]
            after = seen[-1]
        assert seen == sorted(made, reverse=not ascending)


async def test_a_listing_goes_on_after_a_file_that_was_deleted_meanwhile(files: Files, sweep: Sweep) -> None:
    made = [(await make(files)).id for _ in range(4)]
    await files.delete(OWNER, made[1])
    await sweep.once()
    page, more = await files.page(OWNER, 10, made[1], ascending=True)
    assert [file.id for file in page] == made[2:]
    assert not more


async def test_what_is_left_of_a_deleted_file_has_no_name_and_goes_too(
    files: Files, sweep: Sweep, records: Records
) -> None:
    file = await make(files)
    await files.delete(OWNER, file.id)
    assert [tuple(row) for row in await records.fetch("SELECT filename FROM files")] == [("",)]
    await time_passes(records, "files")
    await sweep.once()
    assert await rows(records, "files") == 0


async def test_a_listing_has_one_purpose_where_one_is_asked_for(files: Files) -> None:
    await make(files)
    batch = await make(files, purpose="batch")
    assert [file.id for file in (await files.page(OWNER, 10, purpose="batch"))[0]] == [batch.id]


async def test_an_owner_s_bytes_are_counted_exactly_though_many_files_come_at_once(files: Files) -> None:
    outcomes = await asyncio.gather(*(make(files, b"x" * 1_000, most=3_500) for _ in range(8)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [type(each) for each in refused] == [Forbidden] * 5
    assert len(await kept(files)) == 3
    await make(files, b"x" * 3_000, owner="other", most=3_500)
    first = (await files.page(OWNER, 1))[0][0]
    await files.delete(OWNER, first.id)
    await make(files, b"x" * 1_500, most=3_500)


@pytest.mark.parametrize("file_id", ["", "file-\x00", "file-ü", "../../etc/passwd", "x" * 1_000, "file-'; DROP"])
async def test_an_id_that_is_none_is_an_unknown_one(files: Files, file_id: str) -> None:
    for ask in (files.get, files.delete):
        with pytest.raises(NotFound):
            await ask(OWNER, file_id)
    with pytest.raises(NotFound):
        await files.page(OWNER, 10, file_id)
