"""The npm package `openai` asks a gateway without any provider's moderation."""

from tests.clients.conftest import Service
from tests.clients.test_node_clients import run
from tests.conftest import StartGateway


def test_moderations(start_gateway: StartGateway) -> None:
    gateway = start_gateway(safety={"checks": {"rules": {"type": "rules"}}})
    run(Service(gateway.base_url, "none", "none", "none"), "moderations.test.mjs")
