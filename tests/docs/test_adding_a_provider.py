"""docs/adding-a-provider.md is followed: what it says to write is written, what it says to run is run."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from adapters.inference.contract import Adapter
from tests.external_package import install, install_project
from tests.gateway_process import GatewayProcess
from tests.upstream import Upstream
from tests.upstream.script import PATIENCE

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "external_provider"
PAGE = (ROOT / "docs" / "adding-a-provider.md").read_text()
BLOCKS: list[tuple[str, str, str]] = re.findall(r"^```(\w+) ?(.*)\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)
LAB, ACME, PARROT, BY_PATH = [yaml.safe_load(text) for _, file, text in BLOCKS if file == "isthmus.yaml"]
COMPLETION, REFUSAL = [json.loads(text) for language, _, text in BLOCKS if language == "json"]

Serve = Callable[[dict[str, Any]], GatewayProcess]


def block(language: str, file: str = "") -> str:
    """The first block of this kind."""
    return next(text for each, name, text in BLOCKS if (each, name) == (language, file))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where somebody follows the page: Python finds modules there before those of the project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def serve(folder: Path) -> Iterator[Serve]:
    """Starts a gateway with what the page says to write, on a free port."""
    with ExitStack() as running:
        yield lambda config: running.enter_context(GatewayProcess({"server": {"port": 0}, **config}, folder))


@pytest.fixture
def parrot(folder: Path) -> Iterator[str]:
    """The page's service, at a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "parrot.py").write_text(block("python", "parrot.py").replace("7007", str(port)))
    with (folder / "parrot.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "parrot.py"], stderr=log)
    until = time.monotonic() + PATIENCE
    while not listens(port):
        assert time.monotonic() < until, (folder / "parrot.log").read_text()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def at(config: dict[str, Any], base_url: str) -> dict[str, Any]:
    """The page's configuration, with its only provider at another address."""
    ((name, settings),) = config["providers"].items()
    return {"providers": {name: {**settings, "base_url": base_url}}}


def ask(gateway: GatewayProcess, model: str, **further: Any) -> httpx.Response:
    asked = {"model": model, "messages": [{"role": "user", "content": "Pieces of eight"}], **further}
    return httpx.post(f"{gateway.base_url}/chat/completions", json=asked, timeout=30)


def said(response: httpx.Response) -> str:
    text = response.json()["choices"][0]["message"]["content"]
    assert isinstance(text, str)
    return text


def isthmus(command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the page."""
    words = command.replace("isthmus ", "", 1).split()
    return subprocess.run([sys.executable, "-m", "gateway", *words], capture_output=True, text=True, timeout=60)


def test_one_of_your_own(folder: Path, serve: Serve, upstream: Upstream) -> None:
    (folder / "isthmus.yaml").write_text(block("yaml", "isthmus.yaml"))
    assert isthmus(block("sh").splitlines()[0]).returncode == 0
    answer = ask(serve(at(LAB, upstream.base_url)), "lab/talker", logit_bias={"1": 1})
    assert said(answer) == "You said: Pieces of eight"
    assert "logit_bias" in answer.headers["x-isthmus-dropped"]


def test_a_row(folder: Path, serve: Serve, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "config", folder / "config")
    with (folder / "config" / "providers.yaml").open("a") as rows:
        rows.write("\n" + block("yaml", "config/providers.yaml"))
    monkeypatch.setenv("ACME_API_KEY", "key-of-acme-0123456789")
    (folder / "isthmus.yaml").write_text(yaml.safe_dump(ACME))
    assert "acme/…\tany model of https://api.acme.example/v1" in isthmus("isthmus models").stdout
    assert said(ask(serve(at(ACME | {"providers": {"acme": {}}}, upstream.base_url)), "acme/talker"))
    assert upstream.unscripted[-1].header("authorization") == "Bearer key-of-acme-0123456789"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_package(folder: Path, serve: Serve, parrot: str) -> None:
    install_project(folder, EXAMPLE)
    gateway = serve(at(PARROT, parrot))
    command = next(text for _, _, text in BLOCKS if text.startswith("curl"))
    done = subprocess.run(
        ["bash", "-c", command.replace("http://127.0.0.1:8000", gateway.url)],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    answer = json.loads(done.stdout)
    assert answer["choices"] == COMPLETION["choices"]
    assert (answer["id"], answer["object"]) == (COMPLETION["id"], COMPLETION["object"])
    assert answer["usage"]["total_tokens"] == 6
    assert gateway.log == ""


def test_a_package_streams(folder: Path, serve: Serve, parrot: str) -> None:
    install_project(folder, EXAMPLE)
    answer = ask(serve(at(PARROT, parrot)), "parrot/grey", stream=True)
    *chunks, done = [frame.removeprefix("data: ") for frame in answer.text.split("\n\n") if frame]
    texts = [json.loads(chunk)["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert ["".join(texts), done] == ["Pieces of eight ", "[DONE]"]
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_a_path_without_an_entry_point(folder: Path, serve: Serve, parrot: str) -> None:
    shutil.copy(EXAMPLE / "isthmus_parrot.py", folder)
    assert said(ask(serve(at(BY_PATH, parrot)), "parrot/grey")) == "Pieces of eight"


def test_a_broken_package_is_told_as_the_page_says(folder: Path, serve: Serve) -> None:
    install(folder, "isthmus-parrot", {"parrot": "isthmus_parrot:ADAPTER"}, {"isthmus_parrot": "import wings\n"})
    gateway = serve(PARROT)
    assert block("text") in gateway.log
    refused = ask(gateway, "parrot/grey")
    assert (refused.status_code, refused.json()) == (503, REFUSAL)
    (folder / "isthmus.yaml").write_text(yaml.safe_dump(PARROT))
    checked = isthmus("isthmus check isthmus.yaml")
    assert checked.returncode == 2
    assert "No module named 'wings'" in checked.stderr


@pytest.mark.parametrize("file", ["pyproject.toml", "isthmus_parrot.py"])
def test_what_the_page_shows_of_the_example_is_in_it(file: str) -> None:
    shown = [text for _, name, text in BLOCKS if name == file]
    whole = (EXAMPLE / file).read_text()
    assert shown
    assert not [text for text in shown if text not in whole]


def test_the_line_of_a_shipped_dialect_has_its_place() -> None:
    assert block("python", "adapters/inference/registry.py") in (ROOT / "adapters/inference/registry.py").read_text()


def test_the_examples_own_tests_pass(folder: Path) -> None:
    shutil.copytree(EXAMPLE, folder / "copy")
    command = block("sh", "in examples/external_provider").split()[1:]
    quiet = ("-p", "no:cacheprovider")
    done = subprocess.run([sys.executable, *command, *quiet], cwd=folder / "copy", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_stays_small() -> None:
    assert (EXAMPLE / "isthmus_parrot.py").read_text().count("\n") < 100


def test_every_member_that_an_adapter_may_have_is_named() -> None:
    table = PAGE.partition("### What else an adapter may have")[2].partition("###")[0]
    optional = Adapter.__struct_fields__[-len(Adapter.__struct_defaults__) :]
    assert [name for name in optional if f"`{name}`" not in table] == []
