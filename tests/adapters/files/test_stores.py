"""What every store of files does, on each of them."""

import hashlib
import importlib
import random
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.files.contract import BlobMissing, BlobStore, StoreUnavailable
from adapters.files.local import LocalOptions, LocalStore
from adapters.files.registry import open_store
from config.file_storage import FileStorage
from tests.services.s3 import SECRET, S3Server

PART = 5_242_880
SIZES = (0, 1, 65_536, PART - 1, PART, PART + 1, 2 * PART + 12_345)
"""Around the size of a part of S3."""


@pytest.fixture(scope="module", params=["local", "s3", "rclone"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BlobStore:
    """A store of each kind: boto3's client is slow to make."""
    options: dict[str, Any] = {}
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        options = {**server.options, "prefix": "tests/"}
    elif request.param == "rclone":
        options = {**request.getfixturevalue("rclone_options"), "prefix": "tests/"}
    settings = FileStorage(store="s3" if options else "local", options=options)
    return open_store(settings, tmp_path_factory.mktemp("store"))


@pytest.fixture
async def store(opened: BlobStore) -> AsyncIterator[BlobStore]:
    """An empty store."""
    await opened.start()
    yield opened
    for key in await keys(opened):
        await opened.delete(key)


def some_bytes(size: int) -> bytes:
    """So many, and no run of them twice."""
    return random.Random(size).randbytes(size)


async def put(store: BlobStore, key: str, content: bytes) -> None:
    writer = store.write(key)
    for start in range(0, len(content), 100_000):
        await writer.write(content[start : start + 100_000])
    await writer.commit()


async def get(store: BlobStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in store.read(key, start, end)])


async def keys(store: BlobStore, prefix: str = "") -> set[str]:
    return {found.key async for found in store.list(prefix)}


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_written_is_read(store: BlobStore, size: int) -> None:
    content = some_bytes(size)
    await put(store, "file-a", content)
    assert hashlib.sha256(await get(store, "file-a")).digest() == hashlib.sha256(content).digest()
    assert [(found.key, found.size) async for found in store.list()] == [("file-a", size)]


async def test_a_part_of_it_is_read(store: BlobStore) -> None:
    content = some_bytes(1_500_000)
    await put(store, "file-a", content)
    for start, end in ((0, 10), (1_000_000, 1_000_001), (999_999, None), (0, 5_000_000), (7, 7), (1_500_000, None)):
        assert await get(store, "file-a", start, end) == content[start:end], (start, end)


async def test_nobody_sees_it_before_it_is_whole(store: BlobStore) -> None:
    writer = store.write("file-a")
    await writer.write(some_bytes(PART + 1))
    assert await keys(store) == set()
    with pytest.raises(BlobMissing):
        await get(store, "file-a")
    await writer.commit()
    assert await keys(store) == {"file-a"}


async def test_what_is_aborted_is_gone(store: BlobStore) -> None:
    writer = store.write("file-a")
    await writer.write(some_bytes(PART + 1))
    await writer.abort()
    await writer.abort()
    assert await keys(store) == set()
    assert await store.sweep(time.time() + 1) == 0


async def test_abort_after_commit_does_no_harm(store: BlobStore) -> None:
    writer = store.write("file-a")
    await writer.write(b"kept")
    await writer.commit()
    await writer.abort()
    assert await get(store, "file-a") == b"kept"


async def test_another_of_the_same_key_takes_its_place(store: BlobStore) -> None:
    await put(store, "text/vsfile-a", b"before")
    await put(store, "text/vsfile-a", b"after it")
    assert await get(store, "text/vsfile-a") == b"after it"


async def test_what_is_deleted_is_missing(store: BlobStore) -> None:
    await put(store, "file-a", b"a")
    await store.delete("file-a")
    await store.delete("file-a")
    with pytest.raises(BlobMissing):
        await get(store, "file-a")


@pytest.mark.parametrize("size", [1_000, PART + 7])
async def test_parts_are_joined_in_the_order_given(store: BlobStore, size: int) -> None:
    parts = {f"part_{number}": random.Random(number).randbytes(size) for number in range(3)}
    for key, content in parts.items():
        await put(store, key, content)
    order = ["part_2", "part_0", "part_1"]
    await store.join("file-a", order)
    assert await get(store, "file-a") == b"".join(parts[key] for key in order)
    assert await keys(store) == {"file-a", *parts}


async def test_a_missing_part_joins_nothing(store: BlobStore) -> None:
    await put(store, "part_0", b"0")
    with pytest.raises(BlobMissing):
        await store.join("file-a", ["part_0", "part_1"])
    assert await keys(store) == {"part_0"}


async def test_a_list_has_what_begins_so(store: BlobStore) -> None:
    for key in ("file-a", "file-b", "text/file-a", "text/file-c"):
        await put(store, key, b"x")
    assert await keys(store) == {"file-a", "file-b", "text/file-a", "text/file-c"}
    assert await keys(store, "text/") == {"text/file-a", "text/file-c"}
    assert await keys(store, "file-") == {"file-a", "file-b"}


async def test_a_wrong_secret_is_refused(rclone_options: dict[str, Any], tmp_path: Path) -> None:
    wrong = {**rclone_options, "secret_access_key": "another"}
    store = open_store(FileStorage(store="s3", options=wrong), tmp_path)
    with pytest.raises(StoreUnavailable) as refusal:
        await store.start()
    assert SECRET not in str(refusal.value)
    await store.close()


async def test_what_a_dead_writer_left_in_the_folder_is_swept_and_a_living_one_left_alone(tmp_path: Path) -> None:
    store = LocalStore(LocalOptions(), tmp_path)
    await store.start()
    (store.folder / "writing" / "0123").write_bytes(b"half a fi")
    living = store.write("file-a")
    await living.write(some_bytes(600_000))
    assert await store.sweep(time.time() - 100) == 0, "it may be a file that was made just now"
    await living.write(b"more")
    assert await store.sweep(time.time() + 100) == 1
    await living.commit()
    assert len(await get(store, "file-a")) == 600_004
    await store.close()


async def test_a_bucket_that_says_slow_down_is_asked_again(s3_server: S3Server, tmp_path: Path) -> None:
    store = open_store(FileStorage(store="s3", options={**s3_server.options, "prefix": "slow/"}), tmp_path)
    s3_server.refused, s3_server.refuse = 0, 2
    await put(store, "file-a", some_bytes(PART + 1))
    assert s3_server.refused == 2
    assert await get(store, "file-a") == some_bytes(PART + 1)
    await store.close()


async def test_a_bucket_that_stays_away_is_told_of_and_keeps_nothing(s3_server: S3Server, tmp_path: Path) -> None:
    options = {**s3_server.options, "prefix": "away/", "attempts": 1}
    store = open_store(FileStorage(store="s3", options=options), tmp_path)
    writer = store.write("file-a")
    await writer.write(some_bytes(PART + 1))
    s3_server.refuse = 1_000
    try:
        with pytest.raises(StoreUnavailable, match="SlowDown"):
            await writer.commit()
        await writer.abort()
    finally:
        s3_server.refuse = 0
    assert s3_server.unfinished() == ["away/file-a"], "it could not be told to forget it"
    await store.delete("file-a")
    assert s3_server.unfinished() == []
    assert await keys(store) == set()
    await store.close()


def of_bucket(s3_server: S3Server, tmp_path: Path, **options: Any) -> BlobStore:
    return open_store(FileStorage(store="s3", options={**s3_server.options, **options}), tmp_path)


async def test_a_bucket_that_is_not_there_is_named(s3_server: S3Server, tmp_path: Path) -> None:
    store = of_bucket(s3_server, tmp_path, bucket="nobody-made-it")
    with pytest.raises(StoreUnavailable, match="there is no bucket nobody-made-it"):
        await store.start()
    await store.close()


async def test_a_server_that_is_away_is_unavailable(s3_server: S3Server, tmp_path: Path) -> None:
    store = of_bucket(s3_server, tmp_path, endpoint_url="http://127.0.0.1:9", attempts=1)
    with pytest.raises(StoreUnavailable, match="EndpointConnectionError"):
        await store.start()
    await store.close()


async def test_a_store_that_nobody_used_is_closed(s3_server: S3Server, tmp_path: Path) -> None:
    await of_bucket(s3_server, tmp_path).close()


async def test_a_read_that_breaks_off_is_read_on(s3_server: S3Server, tmp_path: Path) -> None:
    store = of_bucket(s3_server, tmp_path, prefix="cut/")
    content = some_bytes(1_500_000)
    await put(store, "file-a", content)
    s3_server.cut = 3
    assert await get(store, "file-a", 5) == content[5:]
    assert s3_server.cut == 0
    await store.close()


async def test_a_read_that_breaks_off_each_time_ends_at_last(s3_server: S3Server, tmp_path: Path) -> None:
    store = of_bucket(s3_server, tmp_path, prefix="broken/")
    await put(store, "file-a", some_bytes(1_500_000))
    s3_server.cut = 1_000
    try:
        with pytest.raises(StoreUnavailable):
            await get(store, "file-a")
    finally:
        s3_server.cut = 0
    await store.close()


async def test_what_is_deleted_takes_nothing_with_it_whose_key_only_begins_so(
    s3_server: S3Server, tmp_path: Path
) -> None:
    store = of_bucket(s3_server, tmp_path, prefix="alike/")
    writer = store.write("file-abc")
    await writer.write(some_bytes(PART + 1))
    await store.delete("file-a")
    await writer.commit()
    assert await get(store, "file-abc") == some_bytes(PART + 1)
    await store.close()


async def test_a_writer_whose_file_is_deleted_meanwhile_is_told_so(
    rclone_options: dict[str, Any], tmp_path: Path
) -> None:
    store = open_store(FileStorage(store="s3", options={**rclone_options, "prefix": "taken/"}), tmp_path)
    writer = store.write("file-a")
    await writer.write(some_bytes(PART))
    await store.delete("file-a")
    with pytest.raises(StoreUnavailable, match="has been removed"):
        await writer.commit()
    await writer.abort()
    assert await keys(store) == set()
    await store.close()


async def test_what_a_dead_writer_left_in_the_bucket_is_swept(s3_server: S3Server, tmp_path: Path) -> None:
    store = of_bucket(s3_server, tmp_path, prefix="left/")
    await store.write("file-a").write(some_bytes(PART))
    assert s3_server.unfinished() == ["left/file-a"]
    assert await store.sweep(time.time()) == 1, "moto says of each that it was begun in 2010"
    assert s3_server.unfinished() == []
    await store.close()


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "adapters.files.s3", raising=False)
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ImportError, match=r"pip install 'isthmus\[s3\]'"):
        importlib.import_module("adapters.files.s3")
