"""Targets and requests for tests of dialects."""

import json
from typing import Any

from msgspec import Raw, convert

from adapters.inference.contract import Target
from adapters.wire.body import Body, parse
from config.schema import Provider


def target(model: str = "upstream-model", **settings: Any) -> Target:
    """A model at a provider with these settings."""
    provider = convert({"base_url": "http://provider.test/v1", **settings}, Provider)
    return Target("provider", model, Raw(json.dumps(model).encode()), provider, None)


def request(**fields: Any) -> Body:
    """A client's request as the door hands it on."""
    return parse(json.dumps({"model": "route", **fields}).encode())
