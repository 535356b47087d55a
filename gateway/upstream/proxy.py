"""HTTP proxies on the way to a provider (RFC 9110, 9.3.6 and RFC 9112, 3.2.2)."""

import asyncio
import base64
import re
import socket
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from msgspec import Struct

from adapters.wire.errors import UpstreamUnreachable
from config.http_syntax import is_loopback
from gateway.upstream.head import InvalidSetting, Origin

_ANSWER_BYTES = 16_384
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")


class Proxy(Struct, frozen=True):
    """An HTTP proxy and the header that opens it."""

    host: str
    port: int
    authorization: bytes = b""
    """`proxy-authorization: …` and CRLF, or nothing."""

    def rewrite(self, head: bytes, origin: Origin) -> bytes:
        """A request's head as a proxy wants it for http: with the whole URL, and with its own credentials."""
        method, _, rest = head.partition(b" ")
        return b"%b http://%b%b%b" % (method, origin.authority.encode(), rest, self.authorization)

    async def tunnel(self, sock: socket.socket, origin: Origin) -> None:
        """Ask for a way through to the origin. Raises UpstreamUnreachable when the proxy does not give it."""
        loop = asyncio.get_running_loop()
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        authority = f"{host}:{origin.port}".encode()
        request = b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (authority, authority, self.authorization)
        await loop.sock_sendall(sock, request)
        answer = b""
        while b"\r\n\r\n" not in answer and len(answer) < _ANSWER_BYTES:
            data = await loop.sock_recv(sock, 4_096)
            if not data:
                break
            answer += data
        status = _STATUS.match(answer)
        if status is None or b"\r\n\r\n" not in answer:
            raise UpstreamUnreachable("The proxy gave no answer that is HTTP.")
        if not status[1].startswith(b"2"):
            why = ": it wants a user and password" if status[1] == b"407" else ""
            raise UpstreamUnreachable(f"The proxy refused to connect to the provider with {status[1].decode()}{why}.")
        if not answer.endswith(b"\r\n\r\n"):
            raise UpstreamUnreachable("The proxy sent something in the provider's name before the tunnel was used.")


def proxy_for(origin: Origin, configured: str | None) -> Proxy | None:
    """The proxy on the way to an origin: the provider's own, else the environment's.

    HTTPS_PROXY, HTTP_PROXY and ALL_PROXY count unless NO_PROXY names the host or it is this machine.
    Raises InvalidSetting on one that can't be used.
    """
    if origin.scheme == "unix":
        return None
    if configured is not None:
        return _parse(configured)
    if is_loopback(origin.host):
        return None
    proxies = getproxies_environment()
    url = proxies.get(origin.scheme) or proxies.get("all")
    if url and proxy_bypass(f"{origin.host}:{origin.port}"):
        return None
    return _parse(url) if url else None


def _parse(url: str) -> Proxy:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or 80
    except ValueError:
        raise InvalidSetting("The URL of the proxy can't be read.") from None
    if parts.scheme != "http" or not parts.hostname:
        raise InvalidSetting("The URL of the proxy must be http://host:port; other kinds of proxies are not supported.")
    if parts.username is None:
        return Proxy(parts.hostname, port)
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return Proxy(parts.hostname, port, b"proxy-authorization: Basic %b\r\n" % base64.b64encode(credentials))
