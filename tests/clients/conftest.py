"""What the clients are pointed at."""

from dataclasses import dataclass

import pytest

from tests.conftest import KEY
from tests.gateway_process import GatewayProcess


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
