"""A vector backend from a package outside of this repository, also where that is broken."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import StartGateway
from tests.external_package import install
from tests.scenarios.vector_stores import client_of, sections, wait_until_settled

GOOD = """
from adapters.vector_io import sqlite_vec
from msgspec.structs import replace

BACKEND = replace(sqlite_vec.BACKEND, name="acme")
"""
"""The embedded backend under another name."""
THEIRS = {"theirs": {"type": "acme"}}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the gateway finds packages in."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def test_a_package_keeps_the_vectors(start_gateway: StartGateway, site: Path, tmp_path: Path) -> None:
    install(site, "acme", {"acme": "acme:BACKEND"}, {"acme": GOOD}, "isthmus.vector_io")
    client = client_of(start_gateway(**sections(tmp_path / "state", backends=THEIRS)))
    store = client.vector_stores.create()
    file = client.files.create(file=("a.txt", b"A narrow strip of land."), purpose="assistants").id
    client.vector_stores.files.create(store.id, file_id=file)
    wait_until_settled(client, store.id)
    (found,) = client.vector_stores.search(store.id, query="land").data
    assert found.content[0].text == "A narrow strip of land."
    assert list((tmp_path / "state" / "vectors" / "theirs").glob(f"{store.id}*"))


def test_a_gateway_does_not_start_without_the_backend_of_its_stores(site: Path, tmp_path: Path) -> None:
    install(site, "acme", {"acme": "acme:BACKEND"}, {"acme": "import nowhere"}, "isthmus.vector_io")
    told = {
        "server": {"port": 0},
        "providers": {"local": {}},
        **sections(tmp_path / "state", "local/minilm", backends=THEIRS),
    }
    (tmp_path / "isthmus.yaml").write_text(yaml.safe_dump(told))
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(tmp_path / "isthmus.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    said = done.stderr.splitlines()[-1]
    assert said.startswith("vector_stores.backends: the vector backend acme, from the package acme 1.0.0, entry point ")
    assert said.endswith("install what has nowhere, for example with: pip install nowhere")
