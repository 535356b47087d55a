"""`isthmus schema`: the JSON Schema of the configuration file."""

import sys
from argparse import Namespace
from typing import Any

import msgspec
from msgspec import Struct

from adapters.files.registry import STORES
from adapters.inference.registry import DIALECTS
from adapters.offers import Offers
from adapters.safety.registry import CHECKS
from adapters.vector_io.registry import BACKENDS
from config.json_schema import json_schema
from config.mistakes import Unusable
from config.options import Offered


def run(arguments: Namespace) -> int:
    """Print the schema, with what installed packages offer; one that can't be used is left out with a word."""
    offered = Offered(*(_option_types(offers) for offers in (STORES, BACKENDS, CHECKS)))
    schema = json_schema(_option_types(DIALECTS), offered)
    print(msgspec.json.format(msgspec.json.encode(schema), indent=2).decode())
    return 0


def _option_types(offers: Offers[Any]) -> dict[str, type[Struct]]:
    types = {}
    for name in offers.names():
        try:
            types[name] = offers.find(name).options
        except Unusable as fault:
            print(fault, file=sys.stderr)
    return types
