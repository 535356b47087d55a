"""Files while things break: SIGKILL, a full disk, S3 and PostgreSQL away. Nothing half, nothing left, nothing lost."""

import os
import resource
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.gateway_process import GatewayProcess
from tests.services.postgres import PostgresServer
from tests.services.s3 import S3Server

CONTENT = bytes(range(256)) * 12_000
BOUND = 30.0


class House:
    """A gateway that may be killed and started again over what it left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self._runs = 0

    def start(self, files: dict[str, Any] | None = None, records: dict[str, Any] | None = None) -> GatewayProcess:
        """A gateway; use it as a context."""
        self._runs += 1
        folder = self.folder / f"run-{self._runs}"
        folder.mkdir()
        config = {
            "server": {"port": 0},
            "providers": {"nobody": {"base_url": "http://127.0.0.1:9/v1"}},
            "files": files or {},
            "state": {"records": {"folder": str(self.state), **(records or {})}},
        }
        return GatewayProcess(config, folder)

    def kept(self) -> set[str]:
        """Every file that the store has, finished or not."""
        return {path.name for path in (self.state / "files").rglob("*") if path.is_file()}

    def let_time_pass(self) -> None:
        """Every lease ends, and what was being written was touched long ago."""
        database = sqlite3.connect(self.state / "records.db")
        with database:
            database.execute("UPDATE blobs SET due = 1 WHERE due IS NOT NULL")
            database.execute("UPDATE files SET due = 1 WHERE state = 'leaving'")
        database.close()
        for path in (self.state / "files" / "writing").iterdir():
            os.utime(path, (1, 1))


def client_of(gateway: GatewayProcess) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.base_url, api_key="anything", max_retries=0, timeout=60)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + BOUND
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def aside() -> Iterator[ThreadPoolExecutor]:
    """Does what will not come to an end."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.mark.parametrize("place", ["write", "commit", "committed"])
def test_a_kill_while_a_file_arrives_leaves_no_file_and_no_remnant(
    house: House, aside: ThreadPoolExecutor, place: str
) -> None:
    marker = house.folder / "marker"
    halting = {"store": "tests.services.halting_store:STORE", "options": {"halt": place, "marker": str(marker)}}
    with house.start(halting) as gateway:
        sent = aside.submit(client_of(gateway).files.create, file=("a.bin", CONTENT), purpose="user_data")
        until(marker.exists)
        assert client_of(gateway).files.list().data == []
        gateway.kill()
        assert isinstance(sent.exception(), openai.APIConnectionError)
    assert len(house.kept()) == 1, "the kill came in the middle of it"
    house.let_time_pass()
    with house.start() as gateway:
        client = client_of(gateway)
        assert client.files.list().data == []
        until(lambda: house.kept() == set())
        made = client.files.create(file=("a.bin", CONTENT), purpose="user_data")
        assert client.files.content(made.id).content == CONTENT


def test_a_kill_while_a_file_is_deleted_ends_with_the_file_gone(house: House, aside: ThreadPoolExecutor) -> None:
    marker = house.folder / "marker"
    halting = {"store": "tests.services.halting_store:STORE", "options": {"halt": "delete", "marker": str(marker)}}
    with house.start(halting) as gateway:
        client = client_of(gateway)
        made = client.files.create(file=("a.bin", CONTENT), purpose="user_data")
        aside.submit(client.files.delete, made.id)
        until(marker.exists)
        with pytest.raises(openai.NotFoundError):
            client.files.retrieve(made.id)
        gateway.kill()
    assert house.kept() == {made.id}
    house.let_time_pass()
    with house.start() as gateway:
        with pytest.raises(openai.NotFoundError):
            client_of(gateway).files.content(made.id)
        until(lambda: house.kept() == set())


def test_a_kill_while_an_upload_is_completed_lets_it_be_completed_again(
    house: House, aside: ThreadPoolExecutor
) -> None:
    marker = house.folder / "marker"
    halting = {"store": "tests.services.halting_store:STORE", "options": {"halt": "join", "marker": str(marker)}}
    with house.start(halting) as gateway:
        client = client_of(gateway)
        upload = client.uploads.create(
            bytes=len(CONTENT), filename="a.bin", mime_type="application/octet-stream", purpose="assistants"
        )
        halves = (CONTENT[:2_000_000], CONTENT[2_000_000:])
        parts = [client.uploads.parts.create(upload.id, data=half).id for half in halves]
        aside.submit(client.uploads.complete, upload.id, part_ids=parts)
        until(marker.exists)
        assert client.files.list().data == []
        gateway.kill()
    house.let_time_pass()
    with house.start() as gateway:
        client = client_of(gateway)
        done = client.uploads.complete(upload.id, part_ids=parts)
        assert done.file is not None
        assert [file.id for file in client.files.list()] == [done.file.id]
        assert client.files.content(done.file.id).content == CONTENT
        file_id = done.file.id
        until(lambda: house.kept() == {file_id})


def test_a_full_disk_is_told_of_and_leaves_nothing(house: House) -> None:
    with house.start() as gateway:
        client = client_of(gateway)
        before = client.files.create(file=("small.bin", b"abc"), purpose="user_data")
        _, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (2_000_000, hard))
        with pytest.raises(openai.InternalServerError, match="no room") as refusal:
            client.files.create(file=("large.bin", CONTENT), purpose="user_data")
        assert refusal.value.status_code == 503
        assert str(house.state) not in str(refusal.value)
        until(lambda: house.kept() == {before.id})
        assert [file.id for file in client.files.list()] == [before.id]
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        after = client.files.create(file=("large.bin", CONTENT), purpose="user_data")
        assert client.files.content(after.id).content == CONTENT


def test_a_file_that_lost_bytes_is_cut_off_and_never_taken_for_whole(house: House) -> None:
    with house.start() as gateway:
        client = client_of(gateway)
        made = client.files.create(file=("a.bin", CONTENT), purpose="user_data")
        os.truncate(house.state / "files" / "blobs" / made.id, 1_000_000)
        with pytest.raises((openai.APIConnectionError, httpx.RemoteProtocolError)):
            client.files.content(made.id)
        until(lambda: "could not be sent to its end" in gateway.log)
        assert client.files.retrieve(made.id) == made


def test_a_client_that_leaves_leaves_nothing(house: House) -> None:
    with house.start() as gateway:

        def half() -> Iterator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + CONTENT
            until(lambda: house.kept() != set())
            raise ConnectionAbortedError

        with pytest.raises(ConnectionAbortedError):
            httpx.post(
                f"{gateway.base_url}/files",
                content=half(),
                headers={"content-type": "multipart/form-data; boundary=b"},
            )
        until(lambda: house.kept() == set())
        assert client_of(gateway).files.list().data == []


def test_postgresql_that_restarts_loses_no_file_and_shows_no_half(
    house: House, own_postgres: PostgresServer, aside: ThreadPoolExecutor
) -> None:
    url = own_postgres.new_database()
    with house.start(records={"url": url}) as gateway:
        client = client_of(gateway)
        before = client.files.create(file=("before.bin", b"abc"), purpose="user_data")
        begun, go_on = threading.Event(), threading.Event()

        def slow() -> Iterator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
            yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + CONTENT
            begun.set()
            go_on.wait(BOUND)
            yield b"\r\n--b--\r\n"

        sent = aside.submit(
            httpx.post,
            f"{gateway.base_url}/files",
            content=slow(),
            headers={"content-type": "multipart/form-data; boundary=b"},
            timeout=60,
        )
        assert begun.wait(BOUND)
        until(lambda: len(house.kept()) == 2)
        own_postgres.stop(crash=True)
        go_on.set()
        refusal = sent.result()
        assert (refusal.status_code, refusal.json()["error"]["code"]) == (503, "records_unavailable")
        with pytest.raises(openai.InternalServerError):
            client.files.list()
        own_postgres.start()
        until(lambda: httpx.get(f"{gateway.base_url}/files").status_code == 200)
        assert [file.id for file in client.files.list()] == [before.id]
        own_postgres.run("UPDATE blobs SET due = 1 WHERE due IS NOT NULL", url)
        until(lambda: house.kept() == {before.id})
        after = client.files.create(file=("after.bin", CONTENT), purpose="user_data")
        assert client.files.content(after.id).content == CONTENT


def test_s3_that_is_away_slow_or_asks_for_less_loses_nothing(
    house: House, s3_server: S3Server, aside: ThreadPoolExecutor
) -> None:
    content = CONTENT * 3  # two parts
    options = {**s3_server.options, "prefix": "gateway/", "attempts": 3}
    with house.start({"store": "s3", "options": options}) as gateway:
        client = client_of(gateway)
        s3_server.refused, s3_server.refuse = 0, 2
        made = client.files.create(file=("a.bin", content), purpose="user_data")
        assert s3_server.refused == 2
        assert client.files.content(made.id).content == content

        s3_server.waiting.clear()
        s3_server.gate.clear()
        slow = aside.submit(client.files.create, file=("slow.bin", content), purpose="user_data")
        assert s3_server.waiting.wait(BOUND)
        assert httpx.get(f"{gateway.url}/health/live", timeout=5).status_code == 200
        assert [file.id for file in client.files.list()] == [made.id]
        s3_server.gate.set()
        assert client.files.delete(slow.result().id).deleted

        s3_server.stop()
        with pytest.raises(openai.InternalServerError) as refusal:
            client.files.create(file=("b.bin", content), purpose="user_data")
        assert refusal.value.code == "files_unavailable"
        with pytest.raises(openai.InternalServerError):
            client.files.content(made.id)
        assert client.files.retrieve(made.id) == made
        s3_server.start()
        assert client.files.content(made.id).content == content
        assert [file.id for file in client.files.list()] == [made.id]
        kept = s3_server.keys()
        assert [key for key in kept if key.startswith("gateway/")] == [f"gateway/{made.id}"]
