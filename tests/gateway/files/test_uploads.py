"""Uploads: completed once, or gone without a trace."""

import asyncio
import hashlib

import pytest

from adapters.wire.errors import BadRequest, Forbidden, NotFound
from gateway.files.engine import Files
from gateway.files.sweep import Sweep
from gateway.files.uploads import Part, Upload, Uploads
from gateway.state.records.contract import Records
from tests.gateway.files.making import OWNER, arrived, kept, make, rows, time_passes

MOST = 1_000_000


async def begin(uploads: Uploads, size: int, lasts: int | None = None) -> Upload:
    return await uploads.create(OWNER, "name.txt", "user_data", size, lasts, 3_600)


async def add(files: Files, uploads: Uploads, upload: Upload, content: bytes, owner_most: int | None = None) -> Part:
    arrival = await arrived(files, content)
    try:
        return await uploads.keep_part(upload, arrival, MOST, owner_most)
    finally:
        await arrival.end()


async def content_of(files: Files, file_id: str) -> bytes:
    return b"".join([piece async for piece in files.blobs.read(file_id)])


async def test_parts_become_a_file_in_the_order_given(files: Files, uploads: Uploads, sweep: Sweep) -> None:
    upload = await begin(uploads, 6, lasts=7_200)
    parts = [await add(files, uploads, upload, content) for content in (b"ef", b"ab", b"cd")]
    order = [parts[1].id, parts[2].id, parts[0].id]
    md5 = hashlib.md5(b"abcdef", usedforsecurity=False).hexdigest()
    done, file = await uploads.complete(OWNER, upload.id, order, md5.upper(), None)
    assert file is not None
    assert done.status == "completed"
    assert await content_of(files, file.id) == b"abcdef"
    assert file.expires == file.created + 7_200_000_000
    await sweep.once()
    assert await kept(files) == {file.id}, "its parts are gone"


async def test_completing_twice_gives_the_same_file(files: Files, uploads: Uploads) -> None:
    upload = await begin(uploads, 2)
    part = await add(files, uploads, upload, b"ab")
    _, first = await uploads.complete(OWNER, upload.id, [part.id], None, None)
    _, second = await uploads.complete(OWNER, upload.id, [part.id], None, None)
    assert first == second


async def test_of_many_who_complete_at_once_one_makes_the_file(
    files: Files, uploads: Uploads, records: Records, sweep: Sweep
) -> None:
    upload = await begin(uploads, 2)
    part = await add(files, uploads, upload, b"ab")
    outcomes = await asyncio.gather(
        *(uploads.complete(OWNER, upload.id, [part.id], None, None) for _ in range(6)), return_exceptions=True
    )
    faults = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert {type(fault) for fault in faults} <= {BadRequest}, faults
    assert await rows(records, "files") == 1
    await sweep.once()
    assert len(await kept(files)) == 1


async def test_a_cancel_and_a_completion_at_once_leave_one_of_the_two(
    files: Files, uploads: Uploads, records: Records, sweep: Sweep
) -> None:
    for _ in range(5):
        upload = await begin(uploads, 2)
        part = await add(files, uploads, upload, b"ab")
        before = await rows(records, "files")
        await asyncio.gather(
            uploads.complete(OWNER, upload.id, [part.id], None, None),
            uploads.cancel(OWNER, upload.id),
            return_exceptions=True,
        )
        state = (await uploads.get(OWNER, upload.id)).status
        assert state in ("completed", "cancelled")
        assert await rows(records, "files") - before == (state == "completed")
    await sweep.once()
    assert len(await kept(files)) == await rows(records, "files")
    assert await rows(records, "upload_parts") == 0


@pytest.mark.parametrize("which", ["unknown", "twice", "other", "too few", "md5"])
async def test_what_does_not_fit_completes_nothing_and_may_be_tried_again(
    files: Files, uploads: Uploads, which: str
) -> None:
    upload, other = await begin(uploads, 4), await begin(uploads, 4)
    parts = [(await add(files, uploads, upload, content)).id for content in (b"ab", b"cd")]
    foreign = (await add(files, uploads, other, b"cd")).id
    wrong = {
        "unknown": [parts[0], "part_nobody"],
        "twice": [parts[0], parts[0]],
        "other": [parts[0], foreign],
        "too few": [parts[0]],
        "md5": parts,
    }[which]
    with pytest.raises(BadRequest):
        await uploads.complete(OWNER, upload.id, wrong, "0" * 32 if which == "md5" else None, None)
    assert (await files.page(OWNER, 10))[0] == []
    assert await kept(files) == {*parts, foreign}
    _, file = await uploads.complete(OWNER, upload.id, parts, None, None)
    assert file is not None
    assert await content_of(files, file.id) == b"abcd"


async def test_a_cancelled_upload_keeps_nothing_and_takes_nothing(
    files: Files, uploads: Uploads, sweep: Sweep, records: Records
) -> None:
    upload = await begin(uploads, 2)
    part = await add(files, uploads, upload, b"ab")
    assert (await uploads.cancel(OWNER, upload.id)).status == "cancelled"
    await sweep.once()
    assert await kept(files) == set()
    with pytest.raises(BadRequest, match="cancelled"):
        await uploads.complete(OWNER, upload.id, [part.id], None, None)
    with pytest.raises(BadRequest, match="cancelled"):
        await add(files, uploads, upload, b"ab")
    assert await kept(files) == set()
    assert await rows(records, "blobs") == 0


async def test_an_expired_upload_keeps_nothing_and_its_row_goes_in_the_end(
    files: Files, uploads: Uploads, sweep: Sweep, records: Records
) -> None:
    upload = await begin(uploads, 2)
    await add(files, uploads, upload, b"ab")
    await time_passes(records, "uploads")
    assert (await uploads.get(OWNER, upload.id)).status == "expired"
    with pytest.raises(BadRequest, match="expired"):
        await add(files, uploads, upload, b"cd")
    await sweep.once()
    assert await kept(files) == set()
    assert (await uploads.get(OWNER, upload.id)).status == "expired"
    await time_passes(records, "uploads")
    await sweep.once()
    assert await rows(records, "uploads") == 0


async def test_what_is_left_of_a_completion_that_died_does_not_stand_in_the_way(
    files: Files, uploads: Uploads, records: Records
) -> None:
    upload = await begin(uploads, 2)
    part = await add(files, uploads, upload, b"ab")
    dead = await uploads._claim(upload)
    with pytest.raises(BadRequest, match="being completed"):
        await uploads.complete(OWNER, upload.id, [part.id], None, None)
    with pytest.raises(BadRequest, match="being completed"):
        await uploads.cancel(OWNER, upload.id)
    await records.execute("UPDATE blobs SET due = 1 WHERE key = $1", dead.key)
    _, file = await uploads.complete(OWNER, upload.id, [part.id], None, None)
    assert file is not None
    assert file.id != dead.key


async def test_parts_count_among_an_owner_s_bytes_once(files: Files, uploads: Uploads) -> None:
    upload = await begin(uploads, 800)
    part = await add(files, uploads, upload, b"x" * 800, owner_most=1_000)
    with pytest.raises(Forbidden):
        await make(files, b"x" * 300, most=1_000)
    _, file = await uploads.complete(OWNER, upload.id, [part.id], None, 1_000)
    assert file is not None
    await make(files, b"x" * 200, most=1_000)


async def test_more_than_an_upload_may_have_is_refused(files: Files, uploads: Uploads) -> None:
    upload = await begin(uploads, 2)
    await add(files, uploads, upload, b"x" * (MOST - 1))
    with pytest.raises(BadRequest, match="upload_bytes"):
        await add(files, uploads, upload, b"xx")
    await add(files, uploads, upload, b"x")


async def test_other_owners_uploads_are_unknown(uploads: Uploads) -> None:
    upload = await begin(uploads, 2)
    for ask in (uploads.get, uploads.cancel, uploads.pending):
        with pytest.raises(NotFound, match="No such Upload object"):
            await ask("other", upload.id)
    with pytest.raises(NotFound):
        await uploads.complete("other", upload.id, [], None, None)
