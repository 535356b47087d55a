"""Vector stores through a real gateway, driven by OpenAI's own client: what is promised, and what is refused."""

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.gateway_process import GatewayProcess
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
from tests.upstream import Upstream

OURS, THEIRS = "sk-isthmus-ours-0123456789", "sk-isthmus-theirs-0123456789"


class Served:
    """A gateway with vector stores, and two owners who ask it."""

    def __init__(self, gateway: GatewayProcess, folder: Path) -> None:
        self.folder = folder
        self.ours = client_of(gateway, OURS)
        self.theirs = client_of(gateway, THEIRS)
        self.http = httpx.Client(base_url=gateway.base_url, headers={"authorization": f"Bearer {OURS}"})

    def refusal(self, method: str, path: str, body: Any = None, status: int = 400) -> dict[str, Any]:
        """The error that answers a request."""
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        answer = self.http.request(method, path, content=content, headers={"content-type": "application/json"})
        assert answer.status_code == status, answer.text
        error: dict[str, Any] = answer.json()["error"]
        assert error["type"] == "invalid_request_error"
        assert error["message"]
        return error


@pytest.fixture(scope="module")
def served(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("state")
    config = {
        "server": {"port": 0},
        "keys": [{"name": "ours", "key": OURS}, {"name": "theirs", "key": THEIRS}],
        "providers": {"scripted": {"base_url": upstream.base_url}},
        **sections(folder, stores_of_owner=50),
    }
    with GatewayProcess(config, tmp_path_factory.mktemp("gateway")) as running:
        yield Served(running, folder)


def test_the_whole_life_of_a_store_with_openais_client(served: Served) -> None:
    client = served.ours
    store = client.vector_stores.create(name="life")
    batch = client.vector_stores.file_batches.upload_and_poll(
        store.id,
        files=[("one.txt", b"An isthmus joins two lands."), ("two.md", b"# Title\n\nA strait parts them.")],
        poll_interval_ms=50,
    )
    assert (batch.status, batch.file_counts.completed, batch.file_counts.total) == ("completed", 2, 2)
    one, two = sorted(
        client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id).data,
        key=lambda file: file.created_at,
    )[:2]
    files = {client.files.retrieve(each.id).filename: each.id for each in (one, two)}
    client.vector_stores.files.update(files["one.txt"], vector_store_id=store.id, attributes={"kind": "land", "n": 1})
    wanted = {"type": "and", "filters": [{"type": "eq", "key": "kind", "value": "land"}]}
    (hit,) = client.vector_stores.search(store.id, query="isthmus", filters=wanted).data  # type: ignore[arg-type]
    assert (hit.filename, hit.content[0].text) == ("one.txt", "An isthmus joins two lands.")
    assert hit.attributes == {"kind": "land", "n": 1}
    assert client.vector_stores.files.content(files["one.txt"], vector_store_id=store.id).data[0].text == (
        "An isthmus joins two lands."
    )
    assert client.vector_stores.files.delete(files["one.txt"], vector_store_id=store.id).deleted
    assert client.vector_stores.search(store.id, query="isthmus", filters=wanted).data == []  # type: ignore[arg-type]
    assert client.vector_stores.delete(store.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.retrieve(store.id)
    until(lambda: chunks_of(served.folder, store.id) == [])
    until(lambda: not any(store.id in path.parts for path in texts_of(served.folder)))


def test_a_store_shows_what_openai_documents(served: Served) -> None:
    file = upload(served.ours, words(150))
    asked = {
        "name": "shown",
        "description": "about it",
        "file_ids": [file],
        "metadata": {"colour": "blue"},
        "expires_after": {"anchor": "last_active_at", "days": 7},
        "chunking_strategy": SMALL,
    }
    before = int(time.time())
    made = served.http.post("/vector_stores", json=asked).json()
    wait_until_settled(served.ours, made["id"])
    store = served.http.get(f"/vector_stores/{made['id']}").json()
    assert before <= store["created_at"] <= store["last_active_at"] <= time.time()
    assert store["expires_at"] == store["last_active_at"] + 7 * 86_400
    assert store.pop("usage_bytes") > len(words(150))
    for moment in ("created_at", "last_active_at", "expires_at"):
        del store[moment]
    assert store == {
        "id": made["id"],
        "object": "vector_store",
        "name": "shown",
        "description": "about it",
        "file_counts": {"in_progress": 0, "completed": 1, "failed": 0, "cancelled": 0, "total": 1},
        "status": "completed",
        "metadata": {"colour": "blue"},
        "expires_after": {"anchor": "last_active_at", "days": 7},
    }
    (shown,) = served.http.get(f"/vector_stores/{made['id']}/files").json()["data"]
    assert shown.pop("usage_bytes") == served.ours.vector_stores.retrieve(made["id"]).usage_bytes
    assert shown.pop("created_at") >= before
    assert shown == {
        "id": file,
        "object": "vector_store.file",
        "vector_store_id": made["id"],
        "status": "completed",
        "last_error": None,
        "chunking_strategy": SMALL,
        "attributes": {},
    }


def test_a_store_without_anything_has_the_defaults(served: Served) -> None:
    store = served.http.post("/vector_stores", json={}).json()
    assert (store["name"], store["status"], store["metadata"], store["usage_bytes"]) == ("", "completed", {}, 0)
    assert store["expires_at"] is None
    assert "expires_after" not in store
    listed = served.http.get(f"/vector_stores/{store['id']}/files").json()
    assert listed == {"object": "list", "data": [], "first_id": "", "last_id": "", "has_more": False}


def test_a_search_is_activity(served: Served) -> None:
    store = served.ours.vector_stores.create()
    until(lambda: time.time() > store.created_at + 2)  # once a second is noted, and shown in seconds
    served.ours.vector_stores.search(store.id, query="anything")
    until(lambda: (served.ours.vector_stores.retrieve(store.id).last_active_at or 0) > store.created_at)


def test_what_is_named_changes_and_null_takes_away(served: Served) -> None:
    store = served.ours.vector_stores.create(
        name="old", metadata={"a": "1"}, expires_after={"anchor": "last_active_at", "days": 1}
    )
    path = f"/vector_stores/{store.id}"
    renamed = served.http.post(path, json={"name": "new"}).json()
    assert (renamed["name"], renamed["metadata"], renamed["expires_after"]["days"]) == ("new", {"a": "1"}, 1)
    bare = served.http.post(path, json={"metadata": None, "expires_after": None, "name": None}).json()
    assert (bare["name"], bare["metadata"], bare["expires_at"]) == ("", {}, None)


@pytest.fixture(scope="module")
def listed(served: Served) -> tuple[str, list[str]]:
    """A store of somebody else's with five files, and their ids as they were attached."""
    files = [upload(served.theirs, b"text %d" % number) for number in range(5)]
    store = served.theirs.vector_stores.create(name="listed", file_ids=files)
    wait_until_settled(served.theirs, store.id)
    return store.id, files


def test_lists_are_paged_in_both_directions(served: Served, listed: tuple[str, list[str]]) -> None:
    store, files = listed

    def page(**query: Any) -> tuple[list[str], bool]:
        headers = {"authorization": f"Bearer {THEIRS}"}
        found = served.http.get(f"/vector_stores/{store}/files", params=query, headers=headers).json()
        ids = [each["id"] for each in found["data"]]
        assert (found["first_id"], found["last_id"]) == (ids[0], ids[-1]) if ids else ("", "")
        return ids, found["has_more"]

    assert page() == (files[::-1], False)
    assert page(order="asc", limit=2) == (files[:2], True)
    assert page(order="asc", limit=2, after=files[1]) == (files[2:4], True)
    assert page(order="asc", limit=2, after=files[3]) == (files[4:], False)
    assert page(order="asc", limit=2, before=files[4]) == (files[2:4], True)
    assert page(order="asc", limit=2, before=files[1]) == (files[:1], False)
    assert page(limit=2, after=files[3]) == (files[2:0:-1], True)
    assert page(limit=2, before=files[0]) == (files[2:0:-1], True)
    assert page(order="asc", after=files[0], before=files[4]) == (files[1:4], False)
    assert page(filter="completed", limit=1) == (files[:3:-1], True)
    assert page(filter="failed") == ([], False)
    assert [each.id for each in served.theirs.vector_stores.files.list(store, limit=2)] == files[::-1]


def test_stores_are_paged_as_their_files_are(served: Served) -> None:
    stores = [served.theirs.vector_stores.create(name=f"page {number}").id for number in range(3)]
    first = served.theirs.vector_stores.list(limit=1, order="desc")
    assert [store.id for store in first.data] == [stores[2]]
    assert first.has_more
    assert [store.id for store in served.theirs.vector_stores.list(limit=1, after=stores[2]).data] == [stores[1]]
    assert [store.id for store in served.theirs.vector_stores.list(limit=1, before=stores[1]).data] == [stores[2]]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/files",
        "/files/{file}",
        "/files/{file}/content",
        "/file_batches/vsfb_000000000000000000000000",
        "/file_batches/vsfb_000000000000000000000000/files",
    ],
)
def test_somebody_elses_store_is_as_one_that_never_was(
    served: Served, listed: tuple[str, list[str]], path: str
) -> None:
    store, files = listed
    unknown = "vs_" + "0" * 24
    answers = []
    for each in (store, unknown):
        error = served.refusal("GET", f"/vector_stores/{each}{path.format(file=files[0])}", status=404)
        answers.append(json.dumps(error).replace(each, "…"))
    assert answers[0] == answers[1]
    assert served.theirs.vector_stores.retrieve(store).id == store


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"name": "mine"}),
        ("DELETE", "", None),
        ("POST", "/search", {"query": "text"}),
        ("POST", "/files", {"file_id": "file-1"}),
        ("POST", "/files/{file}", {"attributes": {}}),
        ("DELETE", "/files/{file}", None),
        ("POST", "/file_batches", {"file_ids": ["file-1"]}),
        ("POST", "/file_batches/vsfb_000000000000000000000000/cancel", None),
    ],
)
def test_somebody_elses_store_can_not_be_changed(
    served: Served, listed: tuple[str, list[str]], method: str, path: str, body: Any
) -> None:
    store, files = listed
    error = served.refusal(method, f"/vector_stores/{store}{path.format(file=files[0])}", body, 404)
    assert error["code"] == "vector_store_not_found"
    assert served.theirs.vector_stores.retrieve(store).file_counts.completed == len(files)


def test_somebody_elses_file_can_not_be_attached(served: Served, listed: tuple[str, list[str]]) -> None:
    _, files = listed
    store = served.ours.vector_stores.create()
    for path, body in (
        (f"/vector_stores/{store.id}/files", {"file_id": files[0]}),
        (f"/vector_stores/{store.id}/file_batches", {"file_ids": [files[0]]}),
        ("/vector_stores", {"file_ids": [files[0]]}),
    ):
        assert served.refusal("POST", path, body, 404)["code"] == "file_not_found"
    assert served.ours.vector_stores.retrieve(store.id).file_counts.total == 0


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": 7}, "name"),
        ({"name": "x" * 513}, "name"),
        ({"name": "nul \0"}, "name"),
        ({"metadata": {str(number): "x" for number in range(17)}}, "metadata"),
        ({"metadata": {"k" * 65: "x"}}, "metadata"),
        ({"metadata": {"k": "x" * 513}}, "metadata[...]"),
        ({"metadata": {"k": 1}}, "metadata[...]"),
        ({"metadata": {"backend": "nowhere"}}, "metadata.backend"),
        ({"file_ids": ["file-1"] * 501}, "file_ids"),
        ({"file_ids": "file-1"}, "file_ids"),
        ({"expires_after": {"anchor": "created_at", "days": 1}}, "expires_after.anchor"),
        ({"expires_after": {"anchor": "last_active_at", "days": 0}}, "expires_after.days"),
        ({"expires_after": {"anchor": "last_active_at", "days": 366}}, "expires_after.days"),
        ({"expires_after": {"anchor": "last_active_at"}}, "expires_after"),
        ({"colour": "blue"}, None),
        ([], None),
        (b'{"name": ', None),
        (b"[" * 100_000, None),
    ],
)
def test_a_wrong_store_is_refused_with_its_place(served: Served, body: Any, param: str | None) -> None:
    assert served.refusal("POST", "/vector_stores", body)["param"] == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, None),
        ({"file_id": 1}, "file_id"),
        ({"file_id": "{file}", "attributes": {str(number): 1 for number in range(10_000)}}, "attributes"),
        ({"file_id": "{file}", "attributes": {"k": [1]}}, "attributes[...]"),
        ({"file_id": "{file}", "attributes": {"k": None}}, "attributes[...]"),
        ({"file_id": "{file}", "attributes": {"k" * 65: 1}}, "attributes"),
        ({"file_id": "{file}", "attributes": {"k": "x" * 513}}, "attributes[...]"),
        ({"file_id": "{file}", "chunking_strategy": {"type": "other"}}, "chunking_strategy.type"),
        ({"file_id": "{file}", "chunking_strategy": {"type": "static"}}, "chunking_strategy"),
        (
            {
                "file_id": "{file}",
                "chunking_strategy": {
                    "type": "static",
                    "static": {"max_chunk_size_tokens": 99, "chunk_overlap_tokens": 0},
                },
            },
            "chunking_strategy.static.max_chunk_size_tokens",
        ),
        (
            {
                "file_id": "{file}",
                "chunking_strategy": {
                    "type": "static",
                    "static": {"max_chunk_size_tokens": 4_097, "chunk_overlap_tokens": 0},
                },
            },
            "chunking_strategy.static.max_chunk_size_tokens",
        ),
        (
            {
                "file_id": "{file}",
                "chunking_strategy": {
                    "type": "static",
                    "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 51},
                },
            },
            "chunking_strategy.static.chunk_overlap_tokens",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(served: Served, body: dict[str, Any], param: str | None) -> None:
    store = served.ours.vector_stores.create()
    file = upload(served.ours, b"text")
    written = json.loads(json.dumps(body).replace("{file}", file))
    assert served.refusal("POST", f"/vector_stores/{store.id}/files", written)["param"] == param
    served.ours.vector_stores.delete(store.id)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"file_ids": []},
        {"files": []},
        {"file_ids": ["file-1"], "files": [{"file_id": "file-1"}]},
        {"file_ids": ["file-1"] * 2_001},
        {"files": [{"file_id": "file-1"}] * 2_001},
        {"files": ["file-1"]},
    ],
)
def test_a_wrong_batch_is_refused(served: Served, listed: tuple[str, list[str]], body: dict[str, Any]) -> None:
    store = served.ours.vector_stores.create()
    served.refusal("POST", f"/vector_stores/{store.id}/file_batches", body)
    served.ours.vector_stores.delete(store.id)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"order": "up"}, "order"),
        ({"filter": "done"}, "filter"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_wrong_list_is_refused(served: Served, query: dict[str, str], param: str) -> None:
    store = served.ours.vector_stores.create()
    path = f"/vector_stores/{store.id}/files?{httpx.QueryParams(query)}"
    assert served.refusal("GET", path)["param"] == param
    served.ours.vector_stores.delete(store.id)


@pytest.mark.parametrize("cursor", ["file-unknown", "%00", "a%2Fb", "'--"])
def test_an_unknown_cursor_or_id_is_not_found(served: Served, cursor: str) -> None:
    store = served.ours.vector_stores.create()
    path = f"/vector_stores/{store.id}/files"
    assert served.refusal("GET", f"{path}?after={cursor}", status=404)["param"] == "after"
    assert served.refusal("GET", f"/vector_stores?before={cursor}", status=404)["param"] == "before"
    assert served.http.get(f"{path}/{cursor}").status_code == 404
    assert served.http.get(f"/vector_stores/{cursor}").status_code == 404
    served.ours.vector_stores.delete(store.id)


def test_attributes_keep_their_types(served: Served) -> None:
    store = served.ours.vector_stores.create()
    attributes: dict[str, str | float | bool] = {"text": "ä", "whole": 3, "part": 0.5, "flag": True, "large": 1e300}
    file = served.ours.vector_stores.files.create_and_poll(
        upload(served.ours, b"text"), vector_store_id=store.id, attributes=attributes, poll_interval_ms=50
    )
    assert file.attributes == attributes
    raw = served.http.get(f"/vector_stores/{store.id}/files/{file.id}").json()["attributes"]
    assert {name: type(value) for name, value in raw.items()} == {
        "text": str,
        "whole": int,
        "part": float,
        "flag": bool,
        "large": float,
    }


def test_files_of_a_batch_may_differ(served: Served) -> None:
    store = served.ours.vector_stores.create()
    first, second = upload(served.ours, words(250)), upload(served.ours, words(250))
    batch = served.ours.vector_stores.file_batches.create_and_poll(
        store.id,
        files=[
            {"file_id": first, "attributes": {"n": 1}, "chunking_strategy": SMALL},  # type: ignore[typeddict-item]
            {"file_id": second},
        ],
        poll_interval_ms=50,
    )
    assert (batch.status, batch.file_counts.completed) == ("completed", 2)
    found = {file.id: file for file in served.ours.vector_stores.files.list(store.id)}
    assert found[first].attributes == {"n": 1}
    assert found[second].attributes == {}
    counted = [file for file, _ in chunks_of(served.folder, store.id)]
    assert (counted.count(first), counted.count(second)) == (3, 1)


def test_a_file_that_is_attached_again_is_there_once(served: Served) -> None:
    store = served.ours.vector_stores.create()
    file = upload(served.ours, words(250))
    attach = partial(served.ours.vector_stores.files.create_and_poll, poll_interval_ms=50)
    attach(file, vector_store_id=store.id, chunking_strategy=SMALL)  # type: ignore[arg-type]
    again = attach(file, vector_store_id=store.id, chunking_strategy=SMALL, attributes={"n": 2})  # type: ignore[arg-type]
    assert again.status == "completed"
    assert again.attributes == {"n": 2}
    assert len(chunks_of(served.folder, store.id)) == 3
    attach(file, vector_store_id=store.id)
    until(lambda: served.ours.vector_stores.retrieve(store.id).file_counts.completed == 1)
    assert len(chunks_of(served.folder, store.id)) == 1
    assert served.ours.vector_stores.retrieve(store.id).file_counts.total == 1


def test_a_file_that_can_not_be_read_fails_with_a_reason(served: Served) -> None:
    store = served.ours.vector_stores.create()
    bad = upload(served.ours, b"%PDF-1.7 this is no document", "broken.pdf")
    good = upload(served.ours, b"good text")
    batch = served.ours.vector_stores.file_batches.create_and_poll(store.id, file_ids=[bad, good], poll_interval_ms=50)
    assert (batch.status, batch.file_counts.failed, batch.file_counts.completed) == ("completed", 1, 1)
    file = served.ours.vector_stores.files.retrieve(bad, vector_store_id=store.id)
    assert file.status == "failed"
    assert file.last_error is not None
    assert file.last_error.code in ("invalid_file", "unsupported_file")
    assert file.last_error.message
    assert served.ours.vector_stores.files.content(bad, vector_store_id=store.id).data == []
    alone = served.ours.vector_stores.file_batches.create_and_poll(store.id, file_ids=[bad], poll_interval_ms=50)
    assert alone.status == "failed"


def test_a_file_that_is_deleted_leaves_every_store(served: Served) -> None:
    file = upload(served.ours, b"here and there")
    stores = [served.ours.vector_stores.create(file_ids=[file]).id for _ in range(2)]
    for store in stores:
        wait_until_settled(served.ours, store)
    served.ours.files.delete(file)
    for store in stores:
        assert served.ours.vector_stores.files.list(store).data == []
        assert served.ours.vector_stores.search(store, query="here").data == []
        until(lambda store=store: chunks_of(served.folder, store) == [])  # type: ignore[misc]


def test_an_owner_has_so_many_stores_and_no_more(served: Served) -> None:
    client: OpenAI = served.ours
    made = [store.id for store in client.vector_stores.list()]
    room = 50 - len(made)
    new = [client.vector_stores.create().id for _ in range(room)]
    assert served.refusal("POST", "/vector_stores", {})["code"] == "too_many_vector_stores"
    client.vector_stores.delete(new[0])
    new[0] = client.vector_stores.create().id
    for store in new:
        client.vector_stores.delete(store)
