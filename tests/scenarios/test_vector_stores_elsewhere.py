"""Vector stores that live with a provider: another gateway plays it, since it has OpenAI's API in full."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.gateway_process import GatewayProcess
from tests.scenarios.test_client_disconnect import until
from tests.scenarios.vector_stores import client_of, sections, upload
from tests.upstream import Upstream

FAR_KEY = "sk-isthmus-far-0123456789"
KEYS = {name: f"sk-isthmus-{name}-0123456789" for name in ("ours", "theirs")}


class Two:
    """A gateway, and the provider behind it."""

    def __init__(self, near: GatewayProcess, far: GatewayProcess) -> None:
        self.near = near
        self.ours, self.theirs = (client_of(near, key) for key in KEYS.values())
        self.far = client_of(far, FAR_KEY)

    def send(self, text: bytes, name: str) -> str:
        """Send a file to the provider; its id here."""
        sent = self.ours.files.create(
            file=(name, text), purpose="assistants", extra_headers={"x-isthmus-provider": "far"}
        )
        return sent.id


@pytest.fixture(scope="module")
def two(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folders = [tmp_path_factory.mktemp(name) for name in ("far", "near")]
    scripted = {"scripted": {"base_url": upstream.base_url}}
    behind = {
        "server": {"port": 0},
        "keys": [{"name": "far", "key": FAR_KEY}],
        "providers": scripted,
        **sections(folders[0] / "state"),
    }
    with GatewayProcess(behind, folders[0]) as far:
        front = {
            "server": {"port": 0},
            "keys": [{"name": name, "key": key} for name, key in KEYS.items()],
            "providers": {**scripted, "far": {"base_url": far.base_url, "api_key": FAR_KEY}},
            **sections(folders[1] / "state", providers=["far"]),
        }
        front["files"] = {"providers": ["far"]}
        with GatewayProcess(front, folders[1]) as near:
            yield Two(near, far)


def test_a_store_lives_there_with_its_files_and_is_used_from_here(two: Two) -> None:
    client: OpenAI = two.ours
    store = client.vector_stores.create(name="far away", metadata={"provider": "far"})
    assert store.id.startswith("vs_far~")
    assert [each.name for each in two.far.vector_stores.list()] == ["far away"]
    one, other = two.send(b"An isthmus joins two lands.", "one.txt"), two.send(b"A strait parts them.", "two.txt")
    batch = client.vector_stores.file_batches.create_and_poll(
        store.id, file_ids=[one, other], attributes={"n": 1}, poll_interval_ms=50
    )
    assert (batch.status, batch.vector_store_id, batch.file_counts.completed) == ("completed", store.id, 2)
    listed = client.vector_stores.files.list(store.id, limit=1, order="asc")
    assert [file.id for file in listed] == [one, other]  # goes on to the second page, with a cursor
    assert client.vector_stores.files.retrieve(one, vector_store_id=store.id).attributes == {"n": 1}
    found = client.vector_stores.search(store.id, query="isthmus").data
    assert {hit.file_id for hit in found} == {one, other}
    text = client.vector_stores.files.content(one, vector_store_id=store.id).data[0].text
    assert text == "An isthmus joins two lands."
    assert client.vector_stores.update(store.id, name="renamed").name == "renamed"
    assert [each.name for each in client.vector_stores.list() if each.id == store.id] == ["renamed"]
    assert client.vector_stores.files.delete(one, vector_store_id=store.id).id == one
    assert client.vector_stores.delete(store.id).id == store.id
    assert two.far.vector_stores.list().data == []
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.retrieve(store.id)


def test_nobody_else_has_a_store_that_lives_elsewhere(two: Two) -> None:
    store = two.ours.vector_stores.create(metadata={"provider": "far"})
    with pytest.raises(openai.NotFoundError):
        two.theirs.vector_stores.retrieve(store.id)
    with pytest.raises(openai.NotFoundError):
        two.theirs.vector_stores.delete(store.id)
    assert store.id not in [each.id for each in two.theirs.vector_stores.list()]
    two.ours.vector_stores.delete(store.id)


def test_a_file_that_lives_here_can_not_be_in_a_store_there(two: Two) -> None:
    store = two.ours.vector_stores.create(metadata={"provider": "far"})
    with pytest.raises(openai.BadRequestError, match="x-isthmus-provider"):
        two.ours.vector_stores.files.create(store.id, file_id=upload(two.ours, b"here"))
    with pytest.raises(openai.NotFoundError):
        two.ours.vector_stores.files.create(store.id, file_id="file-far~unknown")
    two.ours.vector_stores.delete(store.id)


def test_what_the_provider_refuses_is_told_in_its_words(two: Two) -> None:
    store = two.ours.vector_stores.create(metadata={"provider": "far"})
    answer = httpx.post(
        f"{two.near.base_url}/vector_stores/{store.id}/search",
        headers={"authorization": f"Bearer {KEYS['ours']}"},
        content=json.dumps({"query": []}),
    )
    error: dict[str, Any] = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "query")
    two.ours.vector_stores.delete(store.id)


def test_a_store_that_is_gone_there_is_gone_here(two: Two, tmp_path: Path) -> None:
    store = two.ours.vector_stores.create(metadata={"provider": "far"})
    for each in two.far.vector_stores.list():
        two.far.vector_stores.delete(each.id)
    with pytest.raises(openai.NotFoundError):
        two.ours.vector_stores.retrieve(store.id)
    until(lambda: store.id not in [each.id for each in two.ours.vector_stores.list()])


def test_a_provider_that_is_not_configured_for_it_is_refused(two: Two) -> None:
    with pytest.raises(openai.BadRequestError, match=r"metadata\.provider"):
        two.ours.vector_stores.create(metadata={"provider": "scripted"})
