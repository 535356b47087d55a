"""Every phase of an exchange has its timeout, and says which setting rules it."""

import asyncio
import time

import pytest

from adapters.wire.errors import UpstreamTimeout
from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.raw_server import ANSWER, CHUNKED, END, Peer, RawServer, Script, answer_with, chunk


async def never_answer(peer: Peer) -> None:
    await peer.request()
    await asyncio.sleep(60)


async def fall_silent(peer: Peer) -> None:
    await peer.request()
    await peer.send(CHUNKED, chunk(b"a"))
    await asyncio.sleep(60)


async def drip(peer: Peer) -> None:
    await peer.request()
    await peer.send(CHUNKED)
    while True:
        await peer.send(chunk(b"a"))
        await asyncio.sleep(0.02)


async def drip_headers(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await peer.send(b"a: b\r\n")
        await asyncio.sleep(0.02)


async def drip_interim(peer: Peer) -> None:
    await peer.request()
    while True:
        await peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("script", [never_answer, drip_headers, drip_interim])
async def test_first_byte(connect: Connect, script: Script) -> None:
    async with RawServer(script) as server:
        started = time.monotonic()
        with pytest.raises(
            UpstreamTimeout, match=r"begin to answer within 0\.2 seconds \(timeouts\.first_byte\)"
        ) as late:
            await connect(server.url, timeouts={"first_byte": 0.2}).ask()
        assert late.value.status == 504
        assert time.monotonic() - started >= 0.2
        assert await (await server.peer()).gone() < 0.1


async def test_between_chunks(connect: Connect) -> None:
    async with RawServer(fall_silent) as server:
        response = await connect(server.url, timeouts={"between_chunks": 0.2}).send()
        assert await response.chunk() == b"a"
        started = time.monotonic()
        with pytest.raises(UpstreamTimeout, match=r"timeouts\.between_chunks"):
            await response.chunk()
        assert time.monotonic() - started >= 0.14  # the chunk itself may have been seen 50 ms before it was taken
        assert await (await server.peer()).gone() < 0.1


async def test_between_chunks_holds_for_a_unary_answer_too(connect: Connect) -> None:
    async with RawServer(fall_silent) as server:
        with pytest.raises(UpstreamTimeout, match=r"timeouts\.between_chunks"):
            await connect(server.url, timeouts={"between_chunks": 0.2}).ask()


async def test_a_lively_stream_is_not_silent(connect: Connect) -> None:
    async with RawServer(answer_with(CHUNKED, *[chunk(b"a")] * 12, END, pause=0.05)) as server:
        client = connect(server.url, timeouts={"between_chunks": 0.3, "first_byte": 0.3})
        assert await client.ask() == b"a" * 12


async def test_a_slow_reader_is_not_the_upstreams_silence(connect: Connect) -> None:
    async def flood(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED, chunk(b"x" * 2_000_000), END)

    async with RawServer(flood) as server:
        client = connect(server.url, timeouts={"between_chunks": 0.2}, limits={"stream_buffer_bytes": 65_536})
        response = await client.send()
        await asyncio.sleep(0.5)
        assert len(await response.read()) == 2_000_000


async def test_total(connect: Connect) -> None:
    async with RawServer(drip) as server:
        with pytest.raises(UpstreamTimeout, match=r"within 0\.3 seconds \(timeouts\.total\)"):
            await connect(server.url, timeouts={"total": 0.3}).ask()
        assert await (await server.peer()).gone() < 0.1


async def test_total_counts_the_wait_for_a_connection(connect: Connect) -> None:
    async with RawServer(never_answer) as server:
        client = connect(server.url, connections=1, timeouts={"total": 0.3})
        running = asyncio.create_task(client.ask())
        await (await server.peer()).request_came()
        with pytest.raises(UpstreamTimeout, match=r"within 0\.3 seconds \(timeouts\.total\)"):
            await client.ask()
        with pytest.raises(UpstreamTimeout, match="end its answer"):
            await running


async def test_total_ends_a_wait_in_the_queue(connect: Connect) -> None:
    async with RawServer(answer_with(ANSWER)) as server:
        client = connect(server.url, connections=1, timeouts={"total": 0.2})
        await client.ask()
        client.pool._idle.clear()  # as if the only connection had no end of work
        with pytest.raises(UpstreamTimeout, match=r"free connection within 0\.2 seconds \(timeouts\.total\)"):
            await client.ask()


async def test_connect(connect: Connect, silent_port: int) -> None:
    client = connect(f"http://127.0.0.1:{silent_port}/", timeouts={"connect": 0.2})
    with pytest.raises(UpstreamTimeout, match=r"reached within 0\.2 seconds \(timeouts\.connect\)"):
        await client.ask()


async def test_connect_covers_tls(connect: Connect) -> None:
    async with RawServer(never_answer) as server:
        client = connect(server.url.replace("http://", "https://"), timeouts={"connect": 0.2})
        with pytest.raises(UpstreamTimeout, match=r"timeouts\.connect"):
            await client.ask()
        assert await (await server.peer()).gone() < 0.1


async def test_total_rules_a_longer_connect(connect: Connect, silent_port: int) -> None:
    client = connect(f"http://127.0.0.1:{silent_port}/", timeouts={"total": 0.2})
    started = time.monotonic()
    with pytest.raises(UpstreamTimeout, match=r"timeouts\.total"):
        await client.ask()
    assert time.monotonic() - started < 2


async def test_a_timeout_frees_the_place(connect: Connect) -> None:
    async with RawServer(never_answer, answer_with(ANSWER)) as server:
        client = connect(server.url, connections=1, queue=0, timeouts={"first_byte": 0.1})
        with pytest.raises(UpstreamTimeout):
            await client.ask()
        assert await client.ask() == b"{}"


async def test_a_timeout_strikes_after_a_rest(connect: Connect) -> None:
    async def answer_once(peer: Peer) -> None:
        await peer.request()
        await peer.send(ANSWER)
        await never_answer(peer)

    async with RawServer(answer_once) as server:
        client = connect(server.url, timeouts={"first_byte": 0.1})
        await client.ask()
        await asyncio.sleep(0.15)
        started = time.monotonic()
        with pytest.raises(UpstreamTimeout):
            await client.ask()
        assert time.monotonic() - started < 1
