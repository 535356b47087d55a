"""The process: reads options once, then one piece of work after the other, until nobody writes any more."""

import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

_NICE = 5
"""Requests that are being relayed go before."""


def main(module: str) -> None:
    """Work for whoever started this."""
    os.nice(_NICE)
    stdin, stdout = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    messages = _read(stdin)
    try:
        work = importlib.import_module(module).prepare(next(messages))
    except Exception as fault:  # noqa: BLE001 - whatever it is, the gateway is told
        _write(stdout, {"fault": f"it can't be opened: {type(fault).__name__}"})
        return
    _write(stdout, {})
    for message in messages:
        try:
            answer = work(message)
        except Exception as fault:  # noqa: BLE001 - its words may be the text
            answer = {"fault": type(fault).__name__}
        _write(stdout, answer)


def _read(stream: BinaryIO) -> Iterator[Any]:
    while len(size := stream.read(4)) == 4:
        yield msgspec.json.decode(stream.read(int.from_bytes(size)))


def _write(stream: BinaryIO, message: Any) -> None:
    data = msgspec.json.encode(message)
    stream.write(len(data).to_bytes(4) + data)
    stream.flush()


if __name__ == "__main__":
    main(sys.argv[1])
