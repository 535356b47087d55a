"""Where a client is, behind proxies that are trusted or not, and keys that are bound to networks."""

from typing import Any

import pytest

from adapters.wire.errors import Forbidden
from gateway.auth import Caller
from gateway.auth.addresses import Addresses, networks_of

OFFICE = Caller("office", ["*"], networks=networks_of(["192.0.2.0/24", "2001:db8::/32"]))


def request_from(peer: str | None, *forwarded: str) -> dict[str, Any]:
    """The scope of a request."""
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return {"client": None if peer is None else (peer, 5000), "headers": [(b"host", b"g"), *headers]}


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.7", (), "192.0.2.7"),
        ("192.0.2.7", ("203.0.113.1",), "192.0.2.7"),  # no proxy: it may say what it likes
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("192.0.2.7",), "192.0.2.7"),
        ("10.0.0.1", ("203.0.113.1, 192.0.2.7",), "192.0.2.7"),  # the first was the client's own word
        ("10.0.0.1", ("203.0.113.1", "192.0.2.7"), "192.0.2.7"),
        ("10.0.0.1", ("192.0.2.7, 10.0.0.2",), "192.0.2.7"),
        ("10.0.0.1", ("192.0.2.7", "10.0.0.2"), "192.0.2.7"),
        ("10.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        ("::ffff:10.0.0.1", ("2001:db8::1",), "2001:db8::1"),
        ("10.0.0.1", ("192.0.2.7, nonsense",), None),
        ("10.0.0.1", ("",), "10.0.0.1"),
        (None, (), None),
        ("", (), None),
    ],
)
def test_a_clients_address_is_what_the_last_untrusted_one_says(
    peer: str | None, forwarded: tuple[str, ...], address: str | None
) -> None:
    found = Addresses(["10.0.0.0/8"]).of(request_from(peer, *forwarded))
    assert (None if found is None else str(found)) == address


@pytest.mark.parametrize("peer", ["192.0.2.1", "2001:db8::7", "::ffff:192.0.2.1"])
def test_a_bound_key_is_taken_from_its_networks(peer: str) -> None:
    Addresses().check(OFFICE, request_from(peer))


@pytest.mark.parametrize("peer", ["192.0.3.1", "2001:db9::7", None])
def test_a_bound_key_is_refused_from_elsewhere(peer: str | None) -> None:
    with pytest.raises(Forbidden) as caught:
        Addresses().check(OFFICE, request_from(peer, "192.0.2.1"))
    assert caught.value.code == "address_not_allowed"
