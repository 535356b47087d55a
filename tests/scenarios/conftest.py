"""Shared by the scenarios."""

from collections.abc import Iterator

import pytest

from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import ask, chat


@pytest.fixture
def next_request_works(gateway: GatewayProcess) -> Iterator[None]:
    """Whatever the test did to the shared gateway, it serves the next client."""
    yield
    assert ask(gateway.port, chat("scripted/talker")).status == 200
