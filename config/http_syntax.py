"""What may stand in a URL, a header and a host name, as far as a configuration says them."""

import ipaddress
import re
from urllib.parse import urlsplit

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""https://datatracker.ietf.org/doc/html/rfc9110#section-5.6.2"""
_VALUE = re.compile(r"[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?|")
"""https://datatracker.ietf.org/doc/html/rfc9110#section-5.5"""
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")

CONNECTION_HEADERS = frozenset(
    ("connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)
"""They belong to one connection: the gateway writes them itself."""


def is_header_name(name: str) -> bool:
    """Whether it can stand before the colon."""
    return _TOKEN.fullmatch(name) is not None


def is_header_value(value: str) -> bool:
    """Whether it can stand after the colon: no line breaks, no control characters, no space at its ends."""
    return _VALUE.fullmatch(value) is not None


def is_host(host: str) -> bool:
    """Whether it is an address or can be a name."""
    return _address(host) is not None or (len(host) <= 253 and _HOST.fullmatch(host) is not None)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    address = _address(host)
    return address.is_loopback if address else host.lower() == "localhost"


def url_problem(url: str, schemes: tuple[str, ...]) -> str | None:
    """What keeps a URL from being the start of others, if anything does."""
    if re.search(r"[^\x21-\x7e]", url):
        return "a URL holds no spaces and no characters beyond ASCII"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "its host or port can't be read"
    if parts.scheme not in schemes:
        return "it must begin with " + " or ".join(f"{scheme}://" for scheme in schemes)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        return "it can't have a query or a fragment"
    if parts.scheme == "unix":
        has_path = url.startswith("unix:///") and parts.path.strip("/")
        return None if has_path else "it needs a path: unix:///run/model.sock"
    if not parts.hostname or not is_host(parts.hostname):
        return "it has no host" if not parts.hostname else "its host can't be read"
    return "port 0 can't be reached" if port == 0 else None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
