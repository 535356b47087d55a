"""Files of every kind on their way into a vector store: read where they can be, else refused with the reason."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from tests.gateway.ingest import documents
from tests.gateway_process import GatewayProcess
from tests.scenarios.vector_stores import client_of, sections, upload, wait_until_settled
from tests.upstream import Upstream

GOOD = {
    "heron.pdf": (documents.a_pdf("It stands in water.", "It nests in trees."), "It nests in trees."),
    "heron.docx": (documents.a_docx(), "fish | most"),
    "heron.pptx": (documents.a_pptx(), "Wait a moment here."),
    "prices.xlsx": (documents.an_xlsx(), "pear | 3"),
    "heron.html": (documents.A_PAGE, "# The Heron"),
    "notes.md": (b"# Notes\n\nHerons wait.\n", "Herons wait."),
    "rows.csv": (b"name,legs\nheron,2\n", "heron,2"),
    "data.json": (b'{"bird": "heron"}', '"heron"'),
    "wait.py": (b"def wait():\n    return 'heron'\n", "def wait():"),
}
BAD = {
    "loop.pdf": (
        documents.of_objects(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[2 0 R]>>"]),
        "invalid_file",
    ),
    "cut.docx": (documents.a_docx()[:-100], "invalid_file"),
    "blank.txt": (b" \n", "invalid_file"),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "unsupported_file"),
    "bomb.docx": (documents.a_zip_bomb(), "invalid_file"),
}


@pytest.fixture(scope="module")
def client(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    folder = tmp_path_factory.mktemp("ingestion")
    providers = {"scripted": {"base_url": upstream.base_url}}
    config = {"server": {"port": 0}, "providers": providers, **sections(folder / "state")}
    with GatewayProcess(config, folder) as gateway:
        yield client_of(gateway)


def test_what_can_be_read_is_and_the_rest_says_why_not(client: OpenAI) -> None:
    ids = {upload(client, content, name): name for name, (content, _) in (GOOD | BAD).items()}
    store = client.vector_stores.create(file_ids=list(ids))
    wait_until_settled(client, store.id)
    counts = client.vector_stores.retrieve(store.id).file_counts
    assert (counts.completed, counts.failed) == (len(GOOD), len(BAD))
    for file, name in ids.items():
        found = client.vector_stores.files.retrieve(file, vector_store_id=store.id)
        if name in GOOD:
            assert found.last_error is None
            pages = client.vector_stores.files.content(file, vector_store_id=store.id)
            assert GOOD[name][1] in "".join(page.text or "" for page in pages)
        else:
            assert found.last_error is not None
            assert found.last_error.code == BAD[name][1]
            assert found.last_error.message
