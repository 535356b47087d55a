"""Providers whose dialect comes from a package outside of this repository, also where that is broken."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import StartGateway
from tests.external_package import GOOD, install
from tests.gateway_process import GatewayProcess
from tests.upstream import Upstream
from tests.upstream.script import PATIENCE

ENGINE = """
class Engine:
    def __init__(self, *given): pass
    async def start(self): raise KeyError("start")
    async def stop(self): pass
    async def ready(self, model): raise KeyError("ready")

def lose(*given): raise KeyError("lost")
"""
SEVERAL = f"""
{GOOD.format(dialect="acme")}
{ENGINE}
CODEC = ADAPTER.codecs["chat"]
STARTING = replace(ADAPTER, engine=Engine)
BUILDING = replace(ADAPTER, token=lose)
LISTING = replace(ADAPTER, models=lose)
ENCODING = replace(ADAPTER, codecs={{"chat": replace(CODEC, encode=lose)}})
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the gateway finds packages in."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def ask(gateway: GatewayProcess, model: str) -> httpx.Response:
    asked = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    return httpx.post(f"{gateway.base_url}/chat/completions", json=asked, timeout=30)


def error(response: httpx.Response) -> Any:
    return json.loads(response.content)["error"]


def providers(upstream: Upstream, **dialects: str) -> dict[str, Any]:
    """The scripted provider, and one of each of these dialects at the same place."""
    scripted = {"scripted": {"base_url": upstream.base_url}}
    return scripted | {name: {"dialect": each, "base_url": upstream.base_url} for name, each in dialects.items()}


def test_a_package_speaks_for_its_providers(start_gateway: StartGateway, upstream: Upstream, site: Path) -> None:
    install(site, "acme", {"acme": "acme:ADAPTER"}, {"acme": GOOD.format(dialect="acme")})
    gateway = start_gateway(providers=providers(upstream, acme="acme", path="acme:ADAPTER"))
    for name in ("acme", "path"):
        assert ask(gateway, f"{name}/talker").json()["choices"][0]["message"]["content"] == "You said: Hi"
    assert "ERROR" not in gateway.log


def test_its_models_are_known_by_its_place_or_its_dialect(
    start_gateway: StartGateway, upstream: Upstream, site: Path
) -> None:
    install(site, "acme", {"acme": "acme:ADAPTER"}, {"acme": GOOD.format(dialect="acme")})
    gateway = start_gateway(providers={"acme": {"dialect": "acme"}})
    until = time.monotonic() + PATIENCE
    while "Ctrl-C" not in "".join(gateway.printed):  # the last word of what it prints at its start
        assert time.monotonic() < until, gateway.printed
        time.sleep(0.01)
    assert "any model of acme" in "".join(gateway.printed)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_broken_package_is_named_once_and_only_its_own_models_miss_it(
    start_gateway: StartGateway, upstream: Upstream, site: Path, workers: str
) -> None:
    install(site, "acme", {"acme": "acme:ADAPTER"}, {"acme": "import nowhere"})
    models = {
        "theirs": {"deployments": [{"provider": "acme", "model": "talker"}]},
        "ours": {"deployments": [{"provider": "scripted", "model": "talker"}]},
        "either": {"deployments": [{"provider": name, "model": "talker"} for name in ("acme", "scripted")]},
    }
    gateway = start_gateway(None, "--workers", workers, providers=providers(upstream, acme="acme"), models=models)
    refused = ask(gateway, "theirs")
    assert refused.status_code == 503
    assert (error(refused)["type"], error(refused)["code"]) == ("server_error", "provider_unusable")
    assert "nowhere" not in refused.text
    assert ask(gateway, "ours").status_code == 200
    assert ask(gateway, "either").headers["x-isthmus-provider"] == "scripted"
    (line,) = [line for line in gateway.log.splitlines() if " ERROR " in line]
    assert line.partition("isthmus.configuration: ")[2] == (
        'the dialect acme, from the package acme 1.0.0, entry point acme = "acme:ADAPTER": ModuleNotFoundError: No '
        "module named 'nowhere'; install what has nowhere, for example with: pip install nowhere (providers: acme)"
    )


def test_a_repaired_package_serves_after_a_reload(start_gateway: StartGateway, upstream: Upstream, site: Path) -> None:
    install(site, "acme", {"acme": "acme:ADAPTER"}, {"acme": "import nowhere"})
    gateway = start_gateway(providers=providers(upstream, acme="acme"))
    assert ask(gateway, "acme/talker").status_code == 503
    (site / "acme.py").write_text(GOOD.format(dialect="acme"))
    gateway.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + PATIENCE
    while ask(gateway, "acme/talker").status_code == 503:
        assert time.monotonic() < until, gateway.log
        time.sleep(0.05)
    assert ask(gateway, "acme/talker").json()["choices"][0]["message"]["content"] == "You said: Hi"


def test_a_package_that_takes_a_shipped_name_is_named_and_not_used(
    start_gateway: StartGateway, upstream: Upstream, site: Path
) -> None:
    install(site, "acme", {"openai": "acme:ADAPTER"}, {"acme": "raise AssertionError('imported')"})
    gateway = start_gateway()
    assert ask(gateway, "scripted/talker").status_code == 200
    assert "the package acme 1.0.0" in gateway.log
    assert "imported" not in gateway.log


def test_what_its_functions_raise_stays_with_its_own_providers(
    start_gateway: StartGateway, upstream: Upstream, site: Path
) -> None:
    (site / "acme.py").write_text(SEVERAL)
    dialects = {name: f"acme:{name.upper()}" for name in ("starting", "building", "listing", "encoding")}
    gateway = start_gateway(providers=providers(upstream, **dialects))
    gateway.may_fault = True
    listed = httpx.get(f"{gateway.base_url}/models").json()["data"]
    assert {model["id"].partition("/")[0] for model in listed} == {"scripted", "starting", "encoding"}
    assert ask(gateway, "scripted/talker").status_code == 200
    assert error(ask(gateway, "building/talker"))["code"] == "provider_unusable"
    assert [ask(gateway, f"{name}/talker").status_code for name in ("starting", "encoding")] == [500, 500]
    assert ask(gateway, "scripted/talker").status_code == 200
    assert "the provider starting did not start" in gateway.log
    assert "the provider building can't be used" in gateway.log
