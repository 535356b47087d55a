"""What the application has in its process."""

import importlib.util
from pathlib import Path

import pytest

from tests.gateway_process import GatewayProcess


@pytest.mark.skipif(importlib.util.find_spec("pydantic_core") is None, reason="pydantic is not installed")
def test_a_gateway_leaves_pydantic_alone_where_it_is_installed(gateway: GatewayProcess) -> None:
    loaded = Path(f"/proc/{gateway.process.pid}/maps").read_text()
    assert "msgspec/_core" in loaded
    assert "pydantic_core" not in loaded
