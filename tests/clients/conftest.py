"""What the clients are pointed at."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.clients.dialects import DIALECTS
from tests.conftest import KEY
from tests.gateway_process import GatewayProcess
from tests.upstream import Upstream
from tests.upstream.dialects.asked import KEY as UPSTREAM_KEY


@dataclass(frozen=True)
class Service:
    """A running gateway, as a client is configured for it."""

    base_url: str
    api_key: str
    model: str
    embedding_model: str


@pytest.fixture(scope="session")
def scripted(gateway: GatewayProcess) -> Service:
    """The scripted model behind the gateway."""
    return Service(gateway.base_url, KEY, "scripted/talker", "scripted/embedder")


@pytest.fixture(scope="session")
def local(local_gateway: GatewayProcess) -> Service:
    """The local models."""
    return Service(local_gateway.base_url, "any", "local/smollm2", "local/minilm")


@pytest.fixture(params=["scripted", "local"])
def service(request: pytest.FixtureRequest) -> Service:
    """Each of the two."""
    chosen: Service = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture(scope="session")
def dialects_gateway(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway in front of every service that speaks a language of its own."""
    providers = {
        dialect.name: dialect.settings(f"{upstream.base_url.removesuffix('/v1')}/{dialect.name}")
        for dialect in DIALECTS
    }
    with GatewayProcess(
        {"server": {"port": 0}, "providers": providers}, tmp_path_factory.mktemp("dialects")
    ) as running:
        yield running
    running.assert_no_fault(secrets=(UPSTREAM_KEY,))
