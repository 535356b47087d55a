"""Calls as a door makes them, for tests of the rooms behind it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

from adapters.inference.contract import NoOptions, Target
from adapters.wire.body import parse
from adapters.wire.usage import Usage
from config.schema import Operation, Provider
from gateway.auth import ANYBODY, Caller
from gateway.call import Call
from gateway.observe.counter import Counter
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.onion import Surroundings
from gateway.state.in_flight import InFlight


def a_call(operation: Operation = "chat", caller: Caller = ANYBODY, **fields: Any) -> Call:
    """A call with these fields in its body."""
    body = parse(msgspec.json.encode({"model": "m", **fields}))
    return Call(operation, b"req_1", caller, body, {}, asyncio.get_running_loop().time())


def a_target(provider: str = "lab", model: str = "llama") -> Target:
    """A target of a provider that speaks OpenAI's dialect."""
    return Target(provider, model, Raw(msgspec.json.encode(model)), Provider(base_url="http://lab/v1"), NoOptions())


def surroundings(*sinks: Callable[[Call], None]) -> Surroundings:
    """What an onion stands in."""

    async def count(call: Call) -> Usage:
        return Usage(estimated=True)

    return Surroundings(InFlight(), sinks, Path(), count, Counters(), Estimates(Counter()))
