"""The example of every provider's page is run as it stands there, with a service in the provider's place."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.catalogue import ROWS
from tests.clients.dialects import DIALECTS
from tests.gateway_process import GatewayProcess
from tests.upstream import Upstream
from tests.upstream.dialects.asked import KEY

PAGES = Path(__file__).parents[2] / "docs" / "providers"
ROWS_BY_NAME: dict[str, dict[str, Any]] = yaml.safe_load(ROWS.read_text())


def examples() -> Iterator[Any]:
    """The commands of all pages, the local models' left out: they have a gateway of their own."""
    for path in sorted(PAGES.glob("*.md")):
        commands = path.read_text().split("```sh\n")[1:]
        for number, rest in enumerate(commands):
            if path.stem != "local":
                yield pytest.param(rest.partition("```")[0], id=f"{path.stem}-{number}")


def run(command: str, gateway: GatewayProcess) -> Any:
    """What a command prints, asked of this gateway."""
    done = subprocess.run(
        ["bash", "-c", command.replace("http://127.0.0.1:8000", gateway.url).replace("curl ", "curl -sS ", 1)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def in_the_place_of(name: str, upstream: Upstream) -> dict[str, Any]:
    """The settings with which a row reaches the scripted services instead of the provider."""
    root = upstream.base_url.removesuffix("/v1")
    for dialect in DIALECTS:
        if dialect.name == name:
            return dialect.settings(f"{root}/{name}")
    return {"base_url": upstream.base_url, "api_key": KEY}


@pytest.fixture(scope="module")
def every_provider(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway with every shipped row, and the server of the page on all others."""
    providers = {name: in_the_place_of(name, upstream) for name in ROWS_BY_NAME if name != "local"}
    providers["lab"] = {"base_url": upstream.base_url}
    with GatewayProcess({"server": {"port": 0}, "providers": providers}, tmp_path_factory.mktemp("pages")) as running:
        yield running


@pytest.mark.parametrize("command", tuple(examples()))
def test_the_example_of_a_page_works(command: str, every_provider: GatewayProcess) -> None:
    answer = run(command, every_provider)
    assert answer.get("choices") or answer.get("data") or answer.get("results"), answer


def test_the_example_of_local_models_works(local_gateway: GatewayProcess) -> None:
    for rest in (PAGES / "local.md").read_text().split("```sh\n")[1:]:
        assert run(rest.partition("```")[0], local_gateway)["choices"]
