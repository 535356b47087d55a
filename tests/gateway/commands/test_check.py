"""`isthmus check`."""

import socket
from pathlib import Path

import pytest

from tests.external_package import GOOD, install
from tests.gateway.commands.conftest import Isthmus
from tests.upstream import Upstream

TWO = """
keys: [{{name: team, key: sk-0123456789}}]
providers:
  lab: {{base_url: "{url}", api_key: upstream-secret-1}}
models:
  fast: {{deployments: [{{provider: lab, model: talker}}, {{provider: lab, model: absent}}]}}
"""


@pytest.fixture
def file(tmp_path: Path, upstream: Upstream) -> Path:
    path = tmp_path / "isthmus.yaml"
    path.write_text(TWO.format(url=upstream.base_url))
    return path


def test_a_right_file_is_described(isthmus: Isthmus, file: Path) -> None:
    done = isthmus("check", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert "127.0.0.1 port 8000, 1 worker(s), 1 keys" in done.stdout
    assert "fast  talker at lab, then absent at lab" in done.stdout
    assert "sk-0123456789" not in done.stdout


def test_a_wrong_file_gets_all_its_mistakes_at_once(isthmus: Isthmus, file: Path) -> None:
    file.write_text("servre: {}\nproviders: {lab: {base_url: 5}}\n")
    done = isthmus("check", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert "servre" in done.stderr
    assert "providers.lab.base_url" in done.stderr
    assert "Traceback" not in done.stderr


BUDGET = """
keys: [{{name: team, key: sk-0123456789, limit: {{budgets: [{{per: month, usd: 10}}]}}}}]
providers: {{lab: {{base_url: "http://lab/v1"}}}}
models: {{fast: {{deployments: [{{provider: lab, model: llama}}]}}}}
state: {{records: {{}}}}
{more}
"""


@pytest.mark.parametrize(
    ("more", "is_told"),
    [
        ("", True),
        ("facts: {lab/llama: {context: 8192}}", True),
        ("facts: {lab/llama: {prices: {prompt: 1, version: '2026-11-01'}}}", False),
        ("limits: {unknown_price: allow}", False),
    ],
)
def test_a_price_that_budgets_want_and_nobody_says_is_named(
    isthmus: Isthmus, file: Path, more: str, is_told: bool
) -> None:
    file.write_text(BUDGET.format(more=more))
    done = isthmus("check", str(file))
    assert done.returncode == 0, done.stderr
    assert ("Nobody says what these cost: lab/llama." in done.stdout) == is_told


def test_a_file_that_is_not_there_is_said_so(isthmus: Isthmus) -> None:
    done = isthmus("check", "nowhere.yaml")
    assert done.returncode == 2
    assert "nowhere.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_providers_are_reached_and_missing_models_named(isthmus: Isthmus, file: Path) -> None:
    done = isthmus("check", str(file), "--reach")
    assert done.returncode == 0
    assert "lab: answers in" in done.stdout
    assert "2 models; not in its list: absent" in done.stdout


def test_a_provider_that_does_not_answer_fails_the_check(isthmus: Isthmus, file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    file.write_text(TWO.format(url=f"http://127.0.0.1:{port}/v1"))
    done = isthmus("check", str(file), "--reach")
    assert done.returncode == 1
    assert "lab: FAILED" in done.stdout
    assert "upstream-secret-1" not in done.stdout + done.stderr


def test_what_packages_offer_badly_is_a_mistake(
    isthmus: Isthmus, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "acme", {"acme": "acme:ADAPTER", "openai": "acme:ADAPTER"}, {"acme": "import nowhere"})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    file.write_text(
        "providers:\n  acme: {dialect: acme}\n  path: {dialect: 'acme:ADAPTER'}\n  lab: {base_url: http://a}\n"
    )
    done = isthmus("check", str(file))
    assert done.returncode == 2
    assert "isthmus.yaml has 3 mistakes" in done.stderr
    assert 'isthmus.yaml:2:19: providers.acme.dialect: the package acme 1.0.0, entry point acme = "acme' in done.stderr
    assert "providers.path.dialect: the module path" in done.stderr
    assert "providers.lab.dialect: the package acme 1.0.0" in done.stderr


def test_a_backend_and_a_check_that_can_not_be_used_are_mistakes(
    isthmus: Isthmus, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "acme", {"acme": "acme:BACKEND"}, {"acme": "import nowhere"}, "isthmus.vector_io")
    install(tmp_path, "other", {"other": "other:CHECK"}, {"other": "CHECK = 5"}, "isthmus.safety")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    file.write_text(
        "providers: {local: {}}\nstate: {records: {}}\nfiles: {store: nowhere.at_all:STORE}\n"
        "vector_stores: {backends: {db: {type: acme}}}\nsafety: {checks: {mine: {type: other}}}\n"
    )
    done = isthmus("check", str(file))
    assert done.returncode == 2
    assert "isthmus.yaml has 3 mistakes" in done.stderr
    assert "isthmus.yaml:4:39: vector_stores.backends.db.type: the package acme 1.0.0" in done.stderr
    assert "pip install nowhere" in done.stderr
    assert "safety.checks.mine.type: the package other 1.0.0" in done.stderr
    assert "files.store: the module path" in done.stderr


def test_a_misspelt_dialect_is_told_the_installed_ones(
    isthmus: Isthmus, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "acme", {"acme": "acme:ADAPTER"}, {"acme": GOOD.format(dialect="acme")})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    file.write_text("providers: {acme: {dialect: amce}}\n")
    done = isthmus("check", str(file))
    assert done.returncode == 2
    assert "allowed:  acme, " in done.stderr
    assert "did you mean acme?" in done.stderr


def test_the_local_models_can_be_checked(isthmus: Isthmus, file: Path) -> None:
    file.write_text("providers: {local: {}}\n")
    done = isthmus("check", str(file), "--reach")
    assert done.returncode == 0
    assert "local/smollm2" in done.stdout
    assert "no keys, so on loopback only" in done.stdout
