"""`isthmus schema`: the JSON Schema of the configuration file."""

import sys
from argparse import Namespace

import msgspec
from msgspec import Struct

from adapters.inference import registry
from config.json_schema import json_schema
from config.mistakes import UnusableDialect


def run(arguments: Namespace) -> int:
    """Print the schema, with the dialects of installed packages; one that can't be used is left out with a word."""
    option_types: dict[str, type[Struct]] = {}
    for dialect in registry.names():
        try:
            option_types[dialect] = registry.find(dialect).options
        except UnusableDialect as fault:
            print(fault, file=sys.stderr)
    print(msgspec.json.format(msgspec.json.encode(json_schema(option_types)), indent=2).decode())
    return 0
