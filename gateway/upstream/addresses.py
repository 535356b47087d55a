"""The addresses behind a host name: looked up off the loop, kept a while, used in turn."""

import asyncio
import socket
from collections import deque
from itertools import zip_longest
from typing import Any, TypeAlias

from msgspec import Struct

_KEEP_SECONDS = 45.0

SocketAddress: TypeAlias = tuple[Any, ...]


class Address(Struct, frozen=True):
    """Where one socket can go."""

    family: int
    """AF_INET or AF_INET6."""
    address: SocketAddress


class Addresses:
    """Gives the addresses of one host in the order to try them: another first each time, those that failed last."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._known: list[Address] = []
        self._failed: set[Address] = set()
        self._fresh_until = 0.0
        self._turn = 0
        self._lookup: asyncio.Task[socket.gaierror | None] | None = None

    async def get(self) -> list[Address]:
        """At least one address. Raises socket.gaierror while nothing was ever found."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._fresh_until:
            if self._lookup is None or self._lookup.done():
                self._lookup = loop.create_task(self._look_up())
            if (error := await asyncio.shield(self._lookup)) is not None:
                raise socket.gaierror(*error.args)
        self._turn += 1
        return sorted(_spread(self._known, self._turn), key=self._failed.__contains__)

    def failed(self, address: Address) -> None:
        """Try this one last until the next look-up."""
        self._failed.add(address)

    async def _look_up(self) -> socket.gaierror | None:
        """Ask the resolver; while it fails, what it said before still counts."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            if not self._known:
                return error
        else:
            self._known = [Address(int(family), address) for family, _, _, _, address in found]
        self._failed.clear()
        self._fresh_until = loop.time() + _KEEP_SECONDS
        return None


def _spread(known: list[Address], turn: int) -> list[Address]:
    """The families alternate, the resolver's favourite first (RFC 8305, 4); each is begun at another address."""
    families: dict[int, deque[Address]] = {}
    for address in known:
        families.setdefault(address.family, deque()).append(address)
    for group in families.values():
        group.rotate(-turn)
    return [address for rank in zip_longest(*families.values()) for address in rank if address is not None]
