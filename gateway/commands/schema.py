"""`isthmus schema`: the JSON Schema of the configuration file."""

from argparse import Namespace

import msgspec

from config.json_schema import json_schema
from gateway.commands.configuration import option_types


def run(arguments: Namespace) -> int:
    """Print the schema."""
    print(msgspec.json.format(msgspec.json.encode(json_schema(option_types())), indent=2).decode())
    return 0
