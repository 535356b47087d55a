"""Whatever fails while files are taken in or removed: nothing is lost, nothing is there twice, the state is true."""

import resource
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import ask, chat
from tests.scenarios.scrape import Scrape
from tests.scenarios.test_client_disconnect import until
from tests.scenarios.vector_stores import (
    SMALL,
    chunks_of,
    client_of,
    sections,
    texts_of,
    upload,
    wait_until_settled,
    words,
)
from tests.services.postgres import PostgresServer
from tests.upstream import Case, Gate, Upstream, json_answer, model
from tests.upstream.script import Step
from tests.upstream.server import Request

PIECES = 10
"""Chunks of TEXT, cut by SMALL."""
TEXT = words(100 * PIECES - 20)
_MANY = 400
"""Chunks that take more room than a disk of so many bytes has."""
_ROOM = 2_000_000


class Embeddings:
    """A model of the upstream that embeds as the scripted one does, until it is told otherwise."""

    def __init__(self, upstream: Upstream) -> None:
        self.gate = Gate()
        self.texts: list[str] = []
        """Those that it has embedded, in order."""
        self.holds_after: int | None = None
        """From this request on it answers once the gate is open."""
        self.refusals: list[int] = []
        """What it answers first, one status a request."""
        self._requests = 0
        self.case: Case = upstream.on(self._answer)

    @property
    def model(self) -> str:
        """What a gateway calls it."""
        return self.case.model

    def _answer(self, request: Request) -> Iterator[Step]:
        if self.refusals:
            status = self.refusals.pop(0)
            yield from json_answer(model.error_body(status), status=status)
            return
        self._requests += 1
        if self.holds_after is not None and self._requests > self.holds_after:
            yield self.gate
        self.texts += request.json["input"]
        yield from model.answer(request)


@pytest.fixture
def embeddings(upstream: Upstream) -> Embeddings:
    return Embeddings(upstream)


def assert_whole(folder: Path, store: str, *files: str) -> None:
    """Every chunk of these files is in the backend once, and no other."""
    found = chunks_of(folder, store)
    assert len(set(found)) == len(found)
    assert {file: [each for each, _ in found].count(file) for file in files} == dict.fromkeys(files, PIECES)
    assert len(found) == PIECES * len(files)


def test_a_file_that_was_being_taken_in_when_the_gateway_was_killed_is_taken_in_to_its_end(
    start_gateway: StartGateway, embeddings: Embeddings, tmp_path: Path
) -> None:
    embeddings.holds_after = 2
    served = sections(tmp_path / "state", embeddings.model)
    gateway = start_gateway(**served)
    client = client_of(gateway)
    store = client.vector_stores.create(file_ids=[upload(client, TEXT)], chunking_strategy=SMALL)  # type: ignore[arg-type]
    until(lambda: len(chunks_of(tmp_path / "state", store.id)) == 4)
    assert client.vector_stores.retrieve(store.id).status == "in_progress"
    gateway.kill()
    embeddings.holds_after = None
    client = client_of(start_gateway(**served))
    wait_until_settled(client, store.id)
    (file,) = client.vector_stores.files.list(store.id).data
    assert file.status == "completed"
    assert_whole(tmp_path / "state", store.id, file.id)
    assert client.vector_stores.retrieve(store.id).usage_bytes == file.usage_bytes
    assert len(embeddings.texts) == PIECES  # what was written before was not embedded again


def test_what_was_being_removed_when_the_gateway_was_killed_is_removed(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    gateway = start_gateway(**sections(folder))
    client = client_of(gateway)
    files = [upload(client, TEXT, f"{number}.txt") for number in range(2)]
    kept = client.vector_stores.create(file_ids=files, chunking_strategy=SMALL)  # type: ignore[arg-type]
    dropped = client.vector_stores.create(file_ids=files, chunking_strategy=SMALL)  # type: ignore[arg-type]
    for store in (kept, dropped):
        wait_until_settled(client, store.id)
    with closing(sqlite3.connect(folder / "vectors" / "embedded" / f"{kept.id}.db")) as held:
        held.execute("BEGIN IMMEDIATE")  # nothing can be removed from it now
        client.vector_stores.files.delete(files[0], vector_store_id=kept.id)
        client.vector_stores.delete(dropped.id)
        gateway.kill()
    assert len(chunks_of(folder, kept.id)) == 2 * PIECES
    client = client_of(start_gateway(**sections(folder)))
    assert [file.id for file in client.vector_stores.files.list(kept.id)] == [files[1]]
    until(lambda: len(chunks_of(folder, kept.id)) == PIECES)
    assert_whole(folder, kept.id, files[1])
    until(lambda: not (folder / "vectors" / "embedded" / f"{dropped.id}.db").exists())
    until(lambda: len(texts_of(folder)) == 1)


def test_a_database_that_is_away_for_a_while_costs_no_chunk(
    start_gateway: StartGateway, embeddings: Embeddings, own_postgres: PostgresServer, tmp_path: Path
) -> None:
    embeddings.holds_after = 2
    folder = tmp_path / "state"
    client = client_of(start_gateway(**sections(folder, embeddings.model, own_postgres.new_database())))
    file = upload(client, TEXT)
    store = client.vector_stores.create(file_ids=[file], chunking_strategy=SMALL)  # type: ignore[arg-type]
    until(lambda: len(chunks_of(folder, store.id)) == 4)
    own_postgres.stop(crash=True)
    embeddings.gate.open()
    with pytest.raises(Exception, match="records_unavailable"):
        client.vector_stores.retrieve(store.id)
    own_postgres.start()
    wait_until_settled(client, store.id)
    assert client.vector_stores.files.retrieve(file, vector_store_id=store.id).status == "completed"
    assert_whole(folder, store.id, file)


def test_a_provider_that_refuses_for_a_while_is_waited_for(
    start_gateway: StartGateway, embeddings: Embeddings, tmp_path: Path
) -> None:
    embeddings.refusals = [429]
    client = client_of(start_gateway(**sections(tmp_path / "state", embeddings.model)))
    file = upload(client, TEXT)
    store = client.vector_stores.create(file_ids=[file], chunking_strategy=SMALL)  # type: ignore[arg-type]
    assert client.vector_stores.retrieve(store.id).status == "in_progress"
    wait_until_settled(client, store.id)
    assert client.vector_stores.retrieve(store.id).file_counts.completed == 1
    assert_whole(tmp_path / "state", store.id, file)


def test_a_backend_that_is_away_is_told_of_and_waited_for(
    start_gateway: StartGateway, upstream: Upstream, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    (folder / "vectors").mkdir(parents=True)
    blocked = folder / "vectors" / "embedded"
    blocked.write_text("there can be no folder here")
    gateway = start_gateway(**sections(folder))
    client = client_of(gateway)
    file = upload(client, TEXT)
    store = client.vector_stores.create(file_ids=[file], chunking_strategy=SMALL)  # type: ignore[arg-type]
    until(lambda: Scrape(gateway).sum("vector_store_files_put_back_total") > 0)
    assert client.vector_stores.retrieve(store.id).status == "in_progress"
    assert "vector_stores.backends.embedded" in httpx.get(f"{gateway.url}/health/ready").json()["degraded"]
    blocked.unlink()
    wait_until_settled(client, store.id)
    assert_whole(folder, store.id, file)
    until(lambda: "degraded" not in httpx.get(f"{gateway.url}/health/ready").json())
    assert Scrape(gateway).sum("vector_store_chunks_total") == PIECES


def test_a_disk_without_room_is_waited_for(start_gateway: StartGateway, embeddings: Embeddings, tmp_path: Path) -> None:
    gateway = start_gateway(**sections(tmp_path / "state", embeddings.model))
    client = client_of(gateway)
    file = upload(client, words(100 * _MANY - 20))
    _, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (_ROOM, hard))
    store = client.vector_stores.create(file_ids=[file], chunking_strategy=SMALL)  # type: ignore[arg-type]
    until(lambda: "disk I/O error" in gateway.log)
    assert 0 < len(chunks_of(tmp_path / "state", store.id)) < _MANY
    assert ask(gateway.port, chat("scripted/talker")).status == 200
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    wait_until_settled(client, store.id)
    assert client.vector_stores.files.retrieve(file, vector_store_id=store.id).status == "completed"
    found = chunks_of(tmp_path / "state", store.id)
    assert len(set(found)) == len(found) == _MANY


def test_two_gateways_of_one_database_take_each_file_once(
    start_gateway: StartGateway, embeddings: Embeddings, postgres_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    served = sections(folder, embeddings.model, postgres_url)
    first, second = client_of(start_gateway(**served)), client_of(start_gateway(**served))
    files = [upload(first, TEXT, f"{number}.txt") for number in range(8)]
    store = first.vector_stores.create()
    batches = [
        client.vector_stores.file_batches.create(store.id, file_ids=half, chunking_strategy=SMALL)  # type: ignore[arg-type]
        for client, half in ((first, files[:4]), (second, files[4:]))
    ]
    wait_until_settled(second, store.id)
    for batch in batches:
        counts = first.vector_stores.file_batches.retrieve(batch.id, vector_store_id=store.id).file_counts
        assert (counts.completed, counts.total) == (4, 4)
    assert len(embeddings.texts) == 8 * PIECES
    assert_whole(folder, store.id, *files)


def test_nothing_is_written_of_a_batch_that_was_cancelled(
    start_gateway: StartGateway, embeddings: Embeddings, tmp_path: Path
) -> None:
    embeddings.holds_after = 1
    folder = tmp_path / "state"
    client = client_of(start_gateway(**sections(folder, embeddings.model)))
    store = client.vector_stores.create()
    files = [upload(client, TEXT, f"{number}.txt") for number in range(3)]
    batch = client.vector_stores.file_batches.create(store.id, file_ids=files, chunking_strategy=SMALL)  # type: ignore[arg-type]
    until(lambda: len(chunks_of(folder, store.id)) == 2)
    held = embeddings.case.requests[-1]
    told = client.vector_stores.file_batches.cancel(batch.id, vector_store_id=store.id)
    assert (told.status, told.file_counts.cancelled, told.file_counts.in_progress) == ("cancelled", 3, 0)
    held.closed_at()  # the work has ended before anybody opens the gate
    until(lambda: chunks_of(folder, store.id) == [])
    until(lambda: texts_of(folder) == [])
    embeddings.gate.open()
    embeddings.holds_after = None
    again = client.vector_stores.file_batches.create_and_poll(
        store.id,
        file_ids=files[:1],
        chunking_strategy=SMALL,  # type: ignore[arg-type]
        poll_interval_ms=50,
    )
    assert again.status == "completed"
    assert_whole(folder, store.id, files[0])
    listed = client.vector_stores.files.list(store.id, filter="cancelled").data
    assert {file.id for file in listed} == set(files[1:])


@pytest.mark.parametrize("what", ["file", "store", "file itself"])
def test_work_on_what_is_deleted_ends_and_leaves_nothing(
    start_gateway: StartGateway, embeddings: Embeddings, tmp_path: Path, what: str
) -> None:
    embeddings.holds_after = 1
    folder = tmp_path / "state"
    client = client_of(start_gateway(**sections(folder, embeddings.model)))
    file = upload(client, TEXT)
    store = client.vector_stores.create(file_ids=[file], chunking_strategy=SMALL)  # type: ignore[arg-type]
    until(lambda: len(chunks_of(folder, store.id)) == 2)
    held = embeddings.case.requests[-1]
    if what == "file":
        client.vector_stores.files.delete(file, vector_store_id=store.id)
    elif what == "store":
        client.vector_stores.delete(store.id)
    else:
        client.files.delete(file)
    held.closed_at()
    until(lambda: chunks_of(folder, store.id) == [])
    until(lambda: texts_of(folder) == [])


def test_owners_take_turns(start_gateway: StartGateway, embeddings: Embeddings, tmp_path: Path) -> None:
    embeddings.holds_after = 0
    served = sections(tmp_path / "state", embeddings.model, ingestion={"parallel": 1})
    keys = [{"name": name, "key": f"sk-isthmus-{name}-0123456789"} for name in ("many", "few")]
    gateway = start_gateway(keys=keys, **served)
    many, few = (client_of(gateway, key["key"]) for key in keys)
    first = many.vector_stores.create(file_ids=[upload(many, b"many %d" % number) for number in range(6)])
    until(lambda: len(embeddings.case.requests) == 1)
    second = few.vector_stores.create(file_ids=[upload(few, b"few %d" % number) for number in range(2)])
    embeddings.gate.open()
    wait_until_settled(many, first.id)
    wait_until_settled(few, second.id)
    assert [text.split()[0] for text in embeddings.texts][:5] == ["many", "few", "many", "few", "many"]


def test_many_files_at_once_do_not_slow_chat(start_gateway: StartGateway, upstream: Upstream, tmp_path: Path) -> None:
    gateway = start_gateway(**sections(tmp_path / "state"))
    client = client_of(gateway)
    files = [upload(client, words(6_000), f"{number}.txt") for number in range(12)]
    store = client.vector_stores.create(file_ids=files, chunking_strategy=SMALL)  # type: ignore[arg-type]
    seconds: list[float] = []
    while client.vector_stores.retrieve(store.id).status == "in_progress":
        began = time.monotonic()
        assert ask(gateway.port, chat("scripted/talker")).status == 200
        seconds.append(time.monotonic() - began)
    assert len(seconds) > 3
    assert sorted(seconds)[len(seconds) // 2] < 0.25
    assert client.vector_stores.retrieve(store.id).file_counts.completed == 12


def test_a_gateway_that_stops_hands_its_work_on_at_once(
    start_gateway: StartGateway, embeddings: Embeddings, tmp_path: Path
) -> None:
    embeddings.holds_after = 1
    served: dict[str, Any] = sections(tmp_path / "state", embeddings.model, ingestion={"lease_seconds": 3_600})
    gateway: GatewayProcess = start_gateway(**served)
    client = client_of(gateway)
    file = upload(client, TEXT)
    store = client.vector_stores.create(file_ids=[file], chunking_strategy=SMALL)  # type: ignore[arg-type]
    until(lambda: len(chunks_of(tmp_path / "state", store.id)) == 2)
    gateway.terminate()
    assert gateway.wait() == 0
    embeddings.holds_after = None
    client = client_of(start_gateway(**served))
    wait_until_settled(client, store.id)
    assert_whole(tmp_path / "state", store.id, file)
    shutil.rmtree(tmp_path / "state")
