"""How the process of a model begins, and how it ends with the gateway that started it."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Coroutine

import msgspec

from adapters.inference.local.options import ProcessSettings
from adapters.wire.errors import GatewayError

_PR_SET_PDEATHSIG = 1


def run(program: Callable[[ProcessSettings], Coroutine[None, None, None]]) -> None:
    """Run a program with the settings in this process's argument; what keeps it from starting goes out in one line."""
    settings = msgspec.json.decode(sys.argv[1], type=ProcessSettings)
    _die_with(settings.parent)
    os.umask(0o077)  # its sockets are for the gateway's user alone
    try:
        asyncio.run(program(settings))
    except (GatewayError, OSError, RuntimeError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, however it dies. Linux only; elsewhere it does nothing.

    https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("The gateway is gone.")
