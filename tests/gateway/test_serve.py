"""What a gateway needs to start is asked for by name."""

import sys

import pytest

from config.schema import Config
from config.state import Redis, State
from gateway.observe.counters import Counters
from gateway.serve import _redis


def test_a_redis_without_its_library_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gateway.state.redis", None)
    config = Config(state=State(redis=Redis(url="redis://localhost:6379/0")))
    with pytest.raises(SystemExit, match=r"isthmus\[redis\]"):
        _redis(config, Counters())
