"""Speaking to the process of `apart` as the gateway does, until nobody speaks to it any more."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from adapters.safety import apart


def answers(module: str, options: Any, *messages: Any) -> list[Any]:
    """What it answers to options and messages, once it has ended by itself."""
    said = b"".join(map(_frame, (options, *messages)))
    command = [sys.executable, "-m", apart.__name__, module]
    done = subprocess.run(command, input=said, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 0
    return list(_read(done.stdout))


def _frame(message: Any) -> bytes:
    data = msgspec.json.encode(message)
    return len(data).to_bytes(4) + data


def _read(said: bytes) -> Iterator[Any]:
    while said:
        end = 4 + int.from_bytes(said[:4])
        yield msgspec.json.decode(said[4:end])
        said = said[end:]
