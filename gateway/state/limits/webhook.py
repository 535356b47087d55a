"""Tells an https URL what happened to budgets: small JSON in the order of the events, a few tries, never a private
address unless allowed.

The name is looked up once and that address connected to, so that no later answer leads elsewhere.
"""

import asyncio
import ipaddress
import logging
import random
import socket
import ssl
from collections import deque
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from gateway.observe.counters import Counters

log = logging.getLogger("isthmus.limits")

_TRIES: Final = 4
_FIRST_PAUSE_SECONDS: Final = 0.5
_TRY_SECONDS: Final = 5.0
_WAITING_MAX: Final = 1_024
_HTTPS: Final = 443
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""Stands for IPv4: https://www.rfc-editor.org/rfc/rfc6052#section-2.1"""
_LAST_SECONDS: Final = 2.0
_SUCCESS: Final = range(200, 300)


class Webhook:
    """Posts one event after the other, in a task of its own."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._url: str | None = None
        self._private = False
        self._waiting: deque[tuple[str, bool, bytes]] = deque()
        self._task: asyncio.Task[None] | None = None

    def configure(self, url: str | None, *, private: bool) -> None:
        """Post there from now on. `private`: whether it may be an address of a private network."""
        self._url = url
        self._private = private

    def post(self, told: dict[str, Any]) -> None:
        """Tell it; nothing where no URL is configured, or where too much waits to be told."""
        if self._url is None:
            return
        if len(self._waiting) >= _WAITING_MAX:
            self._fail("crowded", f"{_WAITING_MAX} events wait already")
            return
        self._waiting.append((self._url, self._private, msgspec.json.encode(told)))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._deliver_all())

    async def close(self) -> None:
        """Give what waits a moment, and say what was not told."""
        if self._task is not None:
            _, late = await asyncio.wait([self._task], timeout=_LAST_SECONDS)
            for task in late:
                task.cancel()
        while self._waiting:
            self._waiting.popleft()
            self._fail("closed", "the gateway stops")

    async def _deliver_all(self) -> None:
        try:
            while self._waiting:
                await self._deliver(*self._waiting[0])
                self._waiting.popleft()
        finally:
            self._task = None

    async def _deliver(self, url: str, private: bool, body: bytes) -> None:
        problem = ""
        for number in range(_TRIES):
            if number:
                most = _FIRST_PAUSE_SECONDS * 2**number
                await asyncio.sleep(random.uniform(most / 2, most))  # noqa: S311 - nothing secret
            try:
                async with asyncio.timeout(_TRY_SECONDS):
                    status = await _post(url, body, private=private)
            except Forbidden as error:
                self._fail("forbidden", str(error))
                return
            except (OSError, TimeoutError, ValueError, EOFError) as error:
                problem = type(error).__name__
            else:
                if status in _SUCCESS:
                    return
                problem = f"status {status}"
        self._fail("failed", problem)

    def _fail(self, why: str, problem: str) -> None:
        self._counters.add("webhook_failures", why)
        log.error("the webhook of budgets was not told: %s", problem)


class Forbidden(ValueError):
    """The URL leads to where the gateway may not post."""


async def _post(url: str, body: bytes, *, private: bool) -> int:
    """Post JSON; gives the status."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        raise Forbidden("not an https address")
    address = await _address(host, parts.port or _HTTPS, private=private)
    context = await asyncio.to_thread(ssl.create_default_context)
    reader, writer = await asyncio.open_connection(address, parts.port or _HTTPS, ssl=context, server_hostname=host)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = f"POST {path} HTTP/1.1\r\nhost: {parts.netloc.rpartition('@')[2]}\r\ncontent-type: application/json\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode("ascii") + body)
        await writer.drain()
        version, _, rest = (await reader.readline()).partition(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ValueError("no HTTP")
        return int(rest[:3])
    finally:
        writer.close()


async def _address(host: str, port: int, *, private: bool) -> str:
    """Where a name leads. Raises Forbidden where that is no public address, OSError where it leads nowhere."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]) for each in found]
    if not private and not all(is_public(address) for address in addresses):
        raise Forbidden("its address is a private one (limits.webhook_private)")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet at large."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        translated = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _TRANSLATED else None
        ip = ip.ipv4_mapped or ip.sixtofour or translated or ip
    return ip.is_global and not ip.is_multicast
