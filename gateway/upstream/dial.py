"""Makes connections: name look-up, TCP, a proxy's tunnel, TLS."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable

from adapters.wire.errors import UpstreamUnreachable
from gateway.upstream.connection import Connection
from gateway.upstream.head import Origin


class Dialer:
    """Knows the way to one origin."""

    def __init__(self, origin: Origin, tls: ssl.SSLContext | None = None) -> None:
        self._origin = origin
        self._tls = tls

    async def dial(self, make: Callable[[], Connection]) -> Connection:
        loop = asyncio.get_running_loop()
        if self._origin.scheme == "unix":
            _, connection = await loop.create_unix_connection(make, self._origin.path)
        else:
            _, connection = await loop.create_connection(make, self._origin.host, self._origin.port, ssl=self._tls)
        return connection


def unreachable(name: str, error: OSError) -> "UpstreamUnreachable":
    """What a client is told of a failed connection: no address, no path."""
    reason = os.strerror(error.errno).lower() if error.errno else "no connection"
    return UpstreamUnreachable(f"Could not connect to {name}: {reason}.")
