"""Names: looked up once in a while, by one at a time, and every address gets its share."""

import asyncio
import socket
from typing import Any

import pytest

from adapters.wire.errors import UpstreamUnreachable
from gateway.upstream.addresses import Addresses
from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.raw_server import RawServer, answer_all


class Resolver:
    """Stands in for the system's resolver, which tests can't teach names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
        self.hosts = hosts
        self.asked = 0
        self.fails = False
        self.delay = 0.0
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self.getaddrinfo, raising=False)

    async def getaddrinfo(self, host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        if host in self.hosts:  # uvloop asks for addresses too when it connects
            return [self._entry(host, port)]
        self.asked += 1
        await asyncio.sleep(self.delay)
        if self.fails:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return [self._entry(host, port) for host in self.hosts]

    def _entry(self, host: str, port: int) -> tuple[Any, ...]:
        return (socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))


async def order(addresses: Addresses) -> list[str]:
    return [address.address[0] for address in await addresses.get()]


async def test_another_address_is_first_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, "10.0.0.1", "10.0.0.2", "10.0.0.3")
    addresses = Addresses("h", 80)
    orders = [await order(addresses) for _ in range(3)]
    assert {each[0] for each in orders} == {"10.0.0.1", "10.0.0.2", "10.0.0.3"}
    assert all(sorted(each) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"] for each in orders)


async def test_families_alternate(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, "::1", "::2", "10.0.0.1")
    for _ in range(2):
        assert [":" in address for address in await order(Addresses("h", 80))] == [True, False, True]


async def test_an_answer_is_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.upstream.addresses._KEEP_SECONDS", 0.05)
    resolver = Resolver(monkeypatch, "10.0.0.1")
    addresses = Addresses("h", 80)
    await order(addresses)
    await order(addresses)
    assert resolver.asked == 1
    await asyncio.sleep(0.06)
    resolver.hosts = ("10.0.0.9",)
    assert await order(addresses) == ["10.0.0.9"]


async def test_one_look_up_serves_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch, "10.0.0.1")
    resolver.delay = 0.02
    addresses = Addresses("h", 80)
    waiting = [asyncio.create_task(order(addresses)) for _ in range(5)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    assert await asyncio.gather(*waiting[1:]) == [["10.0.0.1"]] * 4
    assert resolver.asked == 1


async def test_an_old_answer_outlives_a_failing_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.upstream.addresses._KEEP_SECONDS", 0)
    resolver = Resolver(monkeypatch, "10.0.0.1")
    addresses = Addresses("h", 80)
    await order(addresses)
    resolver.fails = True
    assert await order(addresses) == ["10.0.0.1"]
    assert resolver.asked == 2


async def test_a_name_that_nobody_knows(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch)
    resolver.fails = True
    client = connect("http://provider.test/")
    for _ in range(2):
        with pytest.raises(UpstreamUnreachable, match="host name could not be resolved"):
            await client.ask()
    assert resolver.asked == 2


async def test_a_name_without_addresses(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch)
    with pytest.raises(UpstreamUnreachable, match="could not be reached"):
        await connect("http://provider.test/").ask()


async def test_the_next_address_is_tried_when_one_refuses(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer(answer_all) as server:
        Resolver(monkeypatch, "127.0.0.2", "127.0.0.1", "127.0.0.3")
        for _ in range(3):
            assert await connect(f"http://provider.test:{server.port}/").ask() == b"{}"


async def test_the_next_address_is_tried_when_one_stays_silent(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, silent_port: int
) -> None:
    """127.0.0.1 does not answer at that port, and 127.0.0.2 does."""
    Resolver(monkeypatch, "127.0.0.1", "127.0.0.2", "127.0.0.1")
    async with RawServer(answer_all, host="127.0.0.2", port=silent_port):
        for _ in range(2):
            assert await connect(f"http://provider.test:{silent_port}/", timeouts={"connect": 2}).ask() == b"{}"


async def test_an_address_that_failed_is_tried_last(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, "127.0.0.2", "127.0.0.1")
    async with RawServer(answer_all) as server:
        client = connect(f"http://provider.test:{server.port}/")
        await asyncio.gather(*(client.ask() for _ in range(2)))
        addresses = client.pool._dialer._addresses
        assert [(await order(addresses))[0] for _ in range(4)] == ["127.0.0.1"] * 4


async def test_connections_are_spread_over_the_addresses(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, "127.0.0.1", "127.0.0.2")
    async with RawServer(answer_all) as one, RawServer(answer_all, host="127.0.0.2", port=one.port) as other:
        client = connect(f"http://provider.test:{one.port}/")
        await asyncio.gather(*(client.ask() for _ in range(4)))
        assert (len(one.peers), len(other.peers)) == (2, 2)


async def test_all_addresses_refuse(connect: Connect, monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    Resolver(monkeypatch, "127.0.0.1", "127.0.0.2")
    with pytest.raises(UpstreamUnreachable, match="The provider could not be reached: connection refused") as refused:
        await connect(f"http://provider.test:{free_port}/").ask()
    assert "127.0.0" not in refused.value.message


async def test_of_two_that_connect_at_once_one_is_closed(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.upstream.dial._STAGGER_SECONDS", 0)
    Resolver(monkeypatch, "127.0.0.1", "127.0.0.2")
    async with RawServer(answer_all) as one, RawServer(answer_all, host="127.0.0.2", port=one.port) as other:
        assert await connect(f"http://provider.test:{one.port}/").ask() == b"{}"
        winners = [peer for peer in one.peers + other.peers if peer.requests]
        assert len(winners) == 1
        for loser in one.peers + other.peers:
            assert loser in winners or await loser.gone() < 0.1
