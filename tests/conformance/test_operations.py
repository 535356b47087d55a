"""Every operation of files, uploads, vector stores and moderations, by OpenAI's own client, fits its description."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from openai import NotFoundError, OpenAI

from tests.conformance.description import described
from tests.conformance.table import DOCUMENT, END, START, table
from tests.conformance.watching import Watch
from tests.gateway_process import GatewayProcess
from tests.scenarios.vector_stores import SMALL, client_of, sections
from tests.upstream import Upstream

pytestmark = pytest.mark.skipif(described() is None, reason="OpenAI's description of its API is not here")
TEXT = b"The isthmus of Panama joins two continents. " * 40


@pytest.fixture(scope="module")
def client(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    folder = tmp_path_factory.mktemp("state")
    config = {
        "server": {"port": 0},
        "providers": {"scripted": {"base_url": upstream.base_url}},
        "safety": {"checks": {"rules": {"type": "rules"}}},
        **sections(folder),
    }
    with GatewayProcess(config, tmp_path_factory.mktemp("gateway")) as running:
        yield client_of(running)
    running.assert_no_fault()


def test_files(client: OpenAI) -> None:
    made = client.files.create(
        file=("panama.txt", TEXT), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3_600}
    )
    assert made.expires_at == made.created_at + 3_600
    assert client.files.retrieve(made.id) == made
    assert made in client.files.list(purpose="user_data", order="asc", limit=10_000).data
    assert client.files.content(made.id).content == TEXT
    assert client.files.delete(made.id).deleted
    with pytest.raises(NotFoundError):
        client.files.retrieve(made.id)


def test_uploads(client: OpenAI) -> None:
    started = client.uploads.create(
        bytes=len(TEXT) * 2, filename="twice.txt", mime_type="text/plain", purpose="assistants"
    )
    parts = [client.uploads.parts.create(started.id, data=TEXT).id for _ in range(2)]
    digest = hashlib.md5(TEXT * 2, usedforsecurity=False).hexdigest()
    whole = client.uploads.complete(started.id, part_ids=parts, md5=digest)
    assert (whole.status, whole.file and whole.file.bytes) == ("completed", len(TEXT) * 2)
    other = client.uploads.create(bytes=1, filename="one.txt", mime_type="text/plain", purpose="assistants")
    assert client.uploads.cancel(other.id).status == "cancelled"


def test_vector_stores(client: OpenAI) -> None:
    stores = client.vector_stores
    made = stores.create(
        name="isthmuses", metadata={"sea": "none"}, expires_after={"anchor": "last_active_at", "days": 1}
    )
    assert stores.update(made.id, name="canals", metadata={}).name == "canals"
    assert made.id in [each.id for each in stores.list(limit=100, order="desc").data]
    file = client.files.create(file=("panama.txt", TEXT), purpose="assistants")
    attached = stores.files.create_and_poll(
        file.id, vector_store_id=made.id, attributes={"land": True, "km": 82}, chunking_strategy=cast(Any, SMALL)
    )
    assert attached.status == "completed"
    assert stores.files.list(made.id, filter="completed").data == [attached]
    assert stores.files.retrieve(file.id, vector_store_id=made.id) == attached
    changed = stores.files.update(file.id, vector_store_id=made.id, attributes={"km": 80})
    assert changed.attributes == {"km": 80}
    assert "".join(each.text or "" for each in stores.files.content(file.id, vector_store_id=made.id)).strip()
    (found, *_) = stores.search(
        made.id,
        query="two continents",
        max_num_results=3,
        filters={"type": "and", "filters": [{"type": "lte", "key": "km", "value": 80}]},
        ranking_options={"ranker": "none", "score_threshold": 0.0},
    )
    assert found.file_id == file.id
    assert stores.files.delete(file.id, vector_store_id=made.id).deleted
    assert stores.retrieve(made.id).file_counts.total == 0
    assert stores.delete(made.id).deleted


def test_file_batches(client: OpenAI) -> None:
    store = client.vector_stores.create().id
    batches = client.vector_stores.file_batches
    files = [client.files.create(file=(f"{name}.txt", TEXT), purpose="assistants").id for name in "ab"]
    batch = batches.create_and_poll(store, file_ids=files, chunking_strategy=cast(Any, SMALL))
    assert (batch.status, batch.file_counts.completed) == ("completed", 2)
    assert batches.retrieve(batch.id, vector_store_id=store) == batch
    assert {each.id for each in batches.list_files(batch.id, vector_store_id=store, limit=2)} == set(files)
    cancelled = batches.cancel(batches.create(store, file_ids=files).id, vector_store_id=store)
    assert cancelled.status in ("in_progress", "cancelled", "completed")


def test_moderations(client: OpenAI) -> None:
    answer = client.moderations.create(input=["A canal joins two seas.", "The isthmus is narrow."])
    assert [each.flagged for each in answer.results] == [False, False]


def test_all_were_seen_and_the_documentation_says_so(watch: Watch) -> None:
    """`UPDATE=1` writes what was seen into the page."""
    description = described()
    assert description is not None
    told = table(description.operations, watch)
    text = DOCUMENT.read_text("utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    written = f"{before}{START}\n{told}{END}{after}"
    if os.environ.get("UPDATE"):
        DOCUMENT.write_text(written, "utf-8")
    assert text == written


def test_the_page_is_where_readers_look() -> None:
    assert "conformance.md" in (Path(DOCUMENT).parent / "README.md").read_text("utf-8")
