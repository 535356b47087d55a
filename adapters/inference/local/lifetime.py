"""How the process of a model begins, and how it ends with the gateway that started it."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine

import msgspec

from adapters.inference.local.options import ProcessSettings
from adapters.parent import die_with
from adapters.wire.errors import GatewayError


def run(program: Callable[[ProcessSettings], Coroutine[None, None, None]]) -> None:
    """Run a program with the settings in this process's argument; what keeps it from starting goes out in one line."""
    settings = msgspec.json.decode(sys.argv[1], type=ProcessSettings)
    die_with(settings.parent)
    os.umask(0o077)  # its sockets are for the gateway's user alone
    try:
        asyncio.run(program(settings))
    except (GatewayError, OSError, RuntimeError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
