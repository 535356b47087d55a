"""Where a request goes, and the bytes it starts with."""

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

_PORTS = {"http": 80, "https": 443}
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_URL = re.compile(r"[!-~]+")
_SOCKET = re.compile(r"(/[^:]*?\.sock(?=/|$)|/[^:]*):?(.*)")
_TARGET = re.compile(r"/[!-\"$-~]*")
_METHOD = re.compile(r"[A-Z]+")
_HOST = re.compile(r"[0-9A-Za-z._:-]+")
_OWNED = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers that frame messages or speak about the connection: only this package writes them."""


class InvalidSetting(ValueError):
    """A URL, header, proxy or certificate that can't be used. Its message never repeats a value."""


class Origin(Struct, frozen=True):
    """Where connections go: what two requests must share to share a connection."""

    scheme: str
    """`http`, `https` or `unix`."""
    host: str
    """A name or address in lower case, IPv6 without brackets; `localhost` behind a Unix socket."""
    port: int
    path: str = ""
    """Of the Unix socket."""

    @property
    def authority(self) -> str:
        """Host and port as the `host` header has them: the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS.get(self.scheme, 0) else f"{host}:{self.port}"


def origin_of(url: str) -> Origin:
    """The origin of an `http://`, `https://` or `unix://` URL.

    A Unix socket's path ends at a colon or after `.sock`, and the path of the request follows:
    `unix:///run/engine.sock/v1/models`, `unix:///run/engine:/v1/models`.
    Raises InvalidSetting on any other URL.
    """
    return _split(url)[0]


def build_head(method: str, url: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Request line, `host` and the headers, each line ended by CRLF; without content-length and the empty line.

    Raises InvalidSetting on whatever could end a line early or frame the message: control characters, names that
    are no tokens, and the headers that the connection itself writes.
    """
    if _METHOD.fullmatch(method) is None:
        raise InvalidSetting("The method must be upper case letters.")
    origin, target = _split(url)
    return f"{method} {target} HTTP/1.1\r\nhost: {origin.authority}\r\n".encode("ascii") + header_lines(headers)


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as they are sent, each line ended by CRLF. Raises InvalidSetting as `build_head` does."""
    lines = []
    for name, value in headers:
        _check_name(name)
        if _CONTROLS.search(value) is not None:
            raise InvalidSetting(f"The value of the header {name.decode()!r} holds a control character.")
        lines.append(b"%b: %b\r\n" % (name, value))
    return b"".join(lines)


@lru_cache(maxsize=1_024)
def _check_name(name: bytes) -> None:
    if _TOKEN.fullmatch(name) is None:
        raise InvalidSetting(f"{name[:64]!r} is no header name.")
    if name.lower() in _OWNED:
        raise InvalidSetting(f"The header {name.decode()!r} belongs to the connection and can't be set.")


@lru_cache(maxsize=1_024)
def _split(url: str) -> tuple[Origin, str]:
    """A URL's origin and its request target (path and query)."""
    if _URL.fullmatch(url) is None:
        raise InvalidSetting("A URL holds no spaces, controls or characters beyond ASCII: percent-encode them.")
    scheme, separator, rest = url.partition("://")
    if scheme == "unix" and separator:
        match = _SOCKET.fullmatch(rest)
        if match is None:
            raise InvalidSetting("A unix:// URL needs an absolute path: unix:///run/engine.sock")
        return Origin("unix", "localhost", 0, match[1]), _checked_target(match[2] or "/")
    if scheme not in _PORTS or not separator:
        raise InvalidSetting("A URL of a provider starts with http://, https:// or unix://")
    try:
        parts = urlsplit(url)
        port = _PORTS[scheme] if parts.port is None else parts.port
    except ValueError:
        raise InvalidSetting("The URL's host or port can't be read.") from None
    target = url[len(scheme) + 3 + len(parts.netloc) :]
    return Origin(scheme, _host(parts), port), _checked_target(target if target.startswith("/") else f"/{target}")


def _host(parts: SplitResult) -> str:
    if parts.username is not None:
        raise InvalidSetting("A URL can't hold a user and password: use api_key or headers.")
    host = parts.hostname or ""
    if _HOST.fullmatch(host) is None:
        raise InvalidSetting("The URL has no valid host.")
    return host


def _checked_target(target: str) -> str:
    if _TARGET.fullmatch(target) is None:
        raise InvalidSetting("The URL's path must be absolute and can't have a fragment.")
    return target
