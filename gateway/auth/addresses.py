"""Where a request comes from, and whether its key may be used from there."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeAlias

from adapters.wire.errors import Forbidden
from gateway.auth.caller import Caller, Network

Address: TypeAlias = IPv4Address | IPv6Address


def networks_of(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks as they are written: by any of their addresses, and one address is a network too."""
    return tuple(ip_network(text, strict=False) for text in texts)


class Addresses:
    """Finds the client's address behind the proxies that are trusted to tell it."""

    __slots__ = ("_trusted",)

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        self._trusted = networks_of(trusted_proxies)

    def of(self, scope: Any) -> Address | None:
        """The client's address: the last one in the chain of forwarders that is no trusted proxy; None if unknown."""
        client = scope.get("client")
        address = _address(client[0]) if client else None
        if not self._trusted or address is None or not _within(address, self._trusted):
            return address
        told = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        for text in reversed(told.split(b",") if told else ()):
            address = _address(text.strip().decode("latin-1"))
            if address is None or not _within(address, self._trusted):
                return address
        return address

    def check(self, caller: Caller, scope: Any) -> None:
        """Raise Forbidden where the caller's key may not be used from there."""
        address = self.of(scope)
        if address is None or not _within(address, caller.networks):
            raise Forbidden(f"The key '{caller.name}' may not be used from this address.", code="address_not_allowed")


def _address(text: str) -> Address | None:
    """An address, the IPv4 one where IPv6 carries it."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)
