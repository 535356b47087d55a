"""Proxies: tunnels for https, whole URLs for http, from the configuration or the environment."""

import asyncio
import base64
import ssl

import pytest

from adapters.wire.errors import UpstreamError, UpstreamUnreachable
from config.schema import Tls
from gateway.upstream.head import InvalidSetting, Origin, origin_of
from gateway.upstream.proxy import Proxy, proxy_for
from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.raw_server import Peer, RawServer, Script, answer_all, answer_with

BASIC = base64.b64encode(b"user:p@ss").decode()


def tunnel_to(port: int, seen: list[bytes]) -> Script:
    """A CONNECT proxy that knows one way, whatever it is asked for."""

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await peer.send(b"HTTP/1.1 200 Connection established\r\n", b"\r\n")
        await peer.pipe(reader, writer)

    return script


async def test_https_goes_through_a_tunnel(connect: Connect, server_tls: ssl.SSLContext, ca_file: str) -> None:
    asked: list[bytes] = []
    async with RawServer(answer_all, tls=server_tls) as server, RawServer(tunnel_to(server.port, asked)) as proxy:
        client = connect(
            "https://localhost/v1/x", tls=Tls(ca_file=ca_file), proxy=f"http://user:p%40ss@127.0.0.1:{proxy.port}"
        )
        assert [await client.ask(), await client.ask()] == [b"{}", b"{}"]
        assert asked[0].decode().split("\r\n") == [
            "CONNECT localhost:443 HTTP/1.1",
            "host: localhost:443",
            f"proxy-authorization: Basic {BASIC}",
            "",
            "",
        ]
        assert len(asked) == 1
        request = (await server.peer()).requests[0]
        assert request.startswith(b"POST /v1/x HTTP/1.1\r\nhost: localhost\r\n")
        assert b"proxy-authorization" not in request


async def test_http_is_asked_for_by_its_whole_url(connect: Connect) -> None:
    async with RawServer(answer_all) as proxy:
        client = connect("http://provider.test:81/v1/x?y=1", proxy=f"http://user:p%40ss@127.0.0.1:{proxy.port}")
        assert [await client.ask(), await client.ask()] == [b"{}", b"{}"]
        head = (await proxy.peer()).requests[0].partition(b"\r\n\r\n")[0].decode()
        assert head.startswith("POST http://provider.test:81/v1/x?y=1 HTTP/1.1\r\nhost: provider.test:81\r\n")
        assert f"\r\nproxy-authorization: Basic {BASIC}\r\n" in head
        assert head.endswith("content-length: 2")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "with 407: it wants a user and password"),
        (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\n", "with 503"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no answer that is HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\nmore", "in the provider's name"),
        (b"x" * 20_000, "no answer that is HTTP"),
    ],
)
async def test_a_proxy_that_gives_no_tunnel(connect: Connect, answer: bytes, reason: str) -> None:
    async with RawServer(answer_with(answer)) as proxy:
        client = connect("https://provider.test/", proxy=f"http://u:secret@127.0.0.1:{proxy.port}", connections=1)
        for _ in range(2):
            with pytest.raises(UpstreamUnreachable, match=reason) as refused:
                await client.ask()
        assert "secret" not in refused.value.message
        assert await (await proxy.peer()).gone() < 0.1


async def test_a_proxy_that_hangs_up(connect: Connect) -> None:
    async def hang_up(peer: Peer) -> None:
        await peer.request()
        peer.close()

    async with RawServer(hang_up) as proxy:
        with pytest.raises(UpstreamUnreachable, match="no answer that is HTTP"):
            await connect("https://provider.test/", proxy=f"http://127.0.0.1:{proxy.port}").ask()


async def test_a_proxy_that_is_not_there(connect: Connect, free_port: int) -> None:
    with pytest.raises(UpstreamError, match="through its proxy: connection refused"):
        await connect("https://provider.test/", proxy=f"http://127.0.0.1:{free_port}").ask()


HTTP = origin_of("http://api.example.com/")
HTTPS = origin_of("https://api.example.com/")


@pytest.mark.parametrize(
    ("environment", "origin", "host"),
    [
        ({}, HTTPS, None),
        ({"HTTPS_PROXY": "http://p:3128"}, HTTPS, "p"),
        ({"https_proxy": "http://p:3128"}, HTTPS, "p"),
        ({"HTTPS_PROXY": "http://p:3128"}, HTTP, None),
        ({"http_proxy": "http://p:3128"}, HTTP, "p"),
        ({"HTTP_PROXY": "p:3128"}, HTTP, "p"),
        ({"ALL_PROXY": "http://p:3128"}, HTTP, "p"),
        ({"ALL_PROXY": "http://p:3128", "HTTPS_PROXY": "http://q"}, HTTPS, "q"),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "example.com"}, HTTPS, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": ".example.com,x"}, HTTPS, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "api.example.com:443"}, HTTPS, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, HTTPS, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "ample.com"}, HTTPS, "p"),
        ({"HTTPS_PROXY": ""}, HTTPS, None),
        ({"ALL_PROXY": "http://p"}, origin_of("http://localhost:8000/"), None),
        ({"ALL_PROXY": "http://p"}, origin_of("http://127.0.0.1:8000/"), None),
        ({"ALL_PROXY": "http://p"}, origin_of("http://[::1]:8000/"), None),
        ({"ALL_PROXY": "http://p"}, origin_of("unix:///run/e.sock"), None),
    ],
)
def test_the_environments_proxy(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], origin: Origin, host: str | None
) -> None:
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    proxy = proxy_for(origin, None)
    assert (proxy.host if proxy else None) == host


def test_the_providers_own_proxy_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://other")
    monkeypatch.setenv("NO_PROXY", "*")
    assert proxy_for(HTTPS, "http://own:3128") == Proxy("own", 3128)
    assert proxy_for(origin_of("http://localhost/"), "http://own") == Proxy("own", 80)


@pytest.mark.parametrize("url", ["https://p:1", "socks5://p:1080", "http://", "http://p:port"])
def test_refuses_proxies_that_are_not_plain_http(url: str) -> None:
    with pytest.raises(InvalidSetting, match="proxy"):
        proxy_for(HTTPS, url)
