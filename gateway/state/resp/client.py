"""redis-py's client, for what is not on the path of a request: messages, and what sentinels say."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError

from config.redis_url import Address, RedisUrl
from gateway.state.resp.connection import Broken

_SENTINELS_WITHIN = 1.0
"""Seconds; a command gives them less."""


class _Tls(SSLConnection):
    """TLS as the pipeline has it: with `ca_file` in the system's stead, where redis-py trusts both."""

    def __init__(self, *, context: ssl.SSLContext, **rest: Any) -> None:
        super().__init__(**rest)
        self.ssl_context.context = context


def client_of(
    url: RedisUrl, tls: ssl.SSLContext | None, address: Address | None = None, *, login: bool = True
) -> Redis:
    """A client for the server at an address, or at the URL's path.

    It tries once and has no time of its own: whoever has it bounds it. Under a `socket_timeout` redis-py writes inside
    of `asyncio.wait_for`, which before Python 3.12 can lose a cancellation.
    """
    settings: dict[str, Any] = {
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": None,
    }
    if login:
        settings |= {"username": url.user, "password": url.password}
    if address is None:
        settings |= {"connection_class": UnixDomainSocketConnection, "path": url.path}
    else:
        settings |= {"connection_class": Connection, "host": address[0], "port": address[1]}
    if tls is not None:
        settings |= {"connection_class": _Tls, "context": tls}
    return Redis.from_pool(ConnectionPool(**settings))


async def find_master(url: RedisUrl, tls: ssl.SSLContext | None) -> Address:
    """Ask every sentinel at once and believe the first that knows. Raises Broken, TimeoutError.

    `redis.asyncio.Sentinel` asks one after the other: one that hangs would cost a command all of its time.
    """
    asking = [asyncio.ensure_future(_ask_sentinel(url, each, tls)) for each in url.addresses]
    try:
        for answer in asyncio.as_completed(asking, timeout=_SENTINELS_WITHIN):
            with contextlib.suppress(RedisError):
                if (master := await answer) is not None:
                    return master
    finally:
        for task in asking:
            task.cancel()
    raise Broken("no_master")


async def _ask_sentinel(
    url: RedisUrl, address: Address, tls: ssl.SSLContext | None, *, login: bool = False
) -> Address | None:
    """What one sentinel says. It is asked without a password, and with the same as Redis if it demands one."""
    async with client_of(url, tls, address, login=login) as sentinel:
        ask: Callable[..., Awaitable[Any]] = sentinel.execute_command
        try:
            found = await ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", url.service)
        except AuthenticationError:
            if login or url.password is None:
                raise
            return await _ask_sentinel(url, address, tls, login=True)
    return (found[0].decode(), int(found[1])) if found else None
