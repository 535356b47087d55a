"""A request leaves nothing that only the garbage collector could free (docs/decisions/0003-no-garbage.md)."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from config.schema import Config, Limits, Provider
from gateway.app import App
from gateway.observe.counter import Counter
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.onion import Live, Surroundings, build
from gateway.server.listener import Listener, bind
from gateway.state.in_flight import InFlight

ANSWER = b'{"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


async def upstream(scope: Any, receive: Any, send: Any) -> None:
    """Answer whole, or with a stream where one is asked for."""
    body = (await receive())["body"]
    if b'"stream":true' not in body:
        length = (b"content-length", b"%d" % len(ANSWER))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": ANSWER})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for _ in range(5):
        await send({"type": "http.response.body", "body": b'data: {"choices":[]}\n\n', "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def listen(app: Any) -> tuple[Listener, socket.socket]:
    listener = Listener(app, Limits())
    sock = bind("127.0.0.1", 0, shared=False)
    await listener.start(sock)
    return listener, sock


@pytest.fixture
async def gateway_address() -> AsyncIterator[tuple[str, int]]:
    provider, sock = await listen(upstream)
    base_url = f"http://127.0.0.1:{sock.getsockname()[1]}/v1"
    counter = Counter()
    around = Surroundings(InFlight(), (), Path(), counter.usage_of, Counters(), Estimates(counter))
    live = Live(build(Config(providers={"mock": Provider(base_url=base_url)}), around), around)
    gateway, sock = await listen(App(live))
    yield sock.getsockname()
    await gateway.stop(1)
    await live.close()
    await provider.stop(1)


@pytest.mark.parametrize(
    ("body", "end"),
    [
        pytest.param(b'{"model":"mock/x"}', b"}}", id="unary"),
        pytest.param(b'{"model":"mock/x","stream":true}', b"0\r\n\r\n", id="stream"),
        pytest.param(b'{"model":"nowhere/x"}', b"}}", id="error"),
    ],
)
async def test_a_request_leaves_no_garbage(gateway_address: tuple[str, int], body: bytes, end: bytes) -> None:
    reader, writer = await asyncio.open_connection(*gateway_address)

    async def ask(times: int) -> None:
        for _ in range(times):
            writer.write(HEAD % len(body) + body)
            await reader.readuntil(end)

    await ask(20)
    gc.collect()
    gc.disable()
    try:
        await ask(100)
        assert gc.collect() < 50  # an object a request would be a hundred
    finally:
        gc.enable()
        writer.close()
