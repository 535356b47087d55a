"""Where a Redis is, as its URL says.

    redis://[[user]:password@]host[:port][/database]
    unix://[[user]:password@]/path/of/redis.sock[?db=1]
    redis+sentinel://[[user]:password@]host[:port],host[:port]…/service[/database]
    redis+cluster://[[user]:password@]host[:port],host[:port]…

`rediss` instead of `redis` is the same over TLS. What stands before the @ is percent-encoded.
"""

import re
from typing import Literal
from urllib.parse import parse_qs, unquote

from msgspec import Struct

_URL = re.compile(
    r"(?P<scheme>redis|rediss|unix)(?:\+(?P<kind>sentinel|cluster))?://"
    r"(?:(?P<user>[^:@/]*)(?::(?P<password>[^@/]*))?@)?(?P<hosts>[^/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(?P<port>\d{1,5}))?")
_PORT = 6_379
_SENTINEL_PORT = 26_379

Address = tuple[str, int]


class RedisUrl(Struct, frozen=True):
    """A URL, taken apart."""

    kind: Literal["server", "unix", "sentinel", "cluster"]
    addresses: tuple[Address, ...]
    """Of the server, of sentinels, or of some nodes of a cluster."""
    tls: bool = False
    path: str = ""
    """Of a Unix socket."""
    service: str = ""
    """What sentinels call the master."""
    database: int = 0
    user: str | None = None
    password: str | None = None


def parse_redis_url(url: str) -> RedisUrl:
    """Take a URL apart. Raises ValueError, whose message does not repeat the URL: it may hold a password."""
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError("it begins with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://")
    path = (found["path"] or "").removeprefix("/")
    user, password = (unquote(found[name]) if found[name] else None for name in ("user", "password"))
    if found["scheme"] == "unix":
        return _unix(found, path, user, password)
    kind = found["kind"] or "server"
    default = _SENTINEL_PORT if kind == "sentinel" else _PORT
    addresses = tuple(_address(host, default) for host in found["hosts"].split(","))
    service = ""
    if kind == "sentinel":
        service, _, path = path.partition("/")
        if not service:
            raise ValueError("after the sentinels stands the name of the service: redis+sentinel://host,host/service")
    if kind == "server" and len(addresses) > 1:
        raise ValueError("more than one host is for redis+sentinel:// and redis+cluster://")
    database = _database(path)
    if kind == "cluster" and database:
        raise ValueError("a cluster has the database 0 only")
    return RedisUrl(
        kind,  # type: ignore[arg-type]
        addresses,
        tls=found["scheme"] == "rediss",
        service=service,
        database=database,
        user=user,
        password=password,
    )


def _unix(found: "re.Match[str]", path: str, user: str | None, password: str | None) -> RedisUrl:
    if found["kind"] or found["hosts"] or not path:
        raise ValueError("a Unix socket is written unix:///path/of/redis.sock")
    database = _database(parse_qs(found["query"] or "").get("db", [""])[0])
    return RedisUrl("unix", (), path=f"/{path}", database=database, user=user, password=password)


def _address(text: str, default: int) -> Address:
    found = _HOST.fullmatch(text)
    port = int(found["port"] or default) if found else 0
    if found is None or not 0 < port < 65_536:
        raise ValueError("a host is a name or an address, with a port after a colon where it is not the usual one")
    return found["host"].strip("[]"), port


def _database(text: str) -> int:
    if text and not re.fullmatch(r"\d{1,4}", text):
        raise ValueError("the number of the database stands last: redis://host/0")
    return int(text or 0)
