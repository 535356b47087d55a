"""Answers on the wire: streams, slow readers, clients that leave, applications that fail."""

import asyncio
from typing import Any

from gateway.server.exchange import CANCEL_ON_DISCONNECT
from tests.gateway.server.conftest import Serve

ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_stream_goes_out_frame_by_frame(serve: Serve) -> None:
    go = asyncio.Event()

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await go.wait()
        await send({"type": "http.response.body", "body": b"two", "more_body": False})

    served = await serve(stream)
    reader, writer = await served.connect()
    writer.write(ASK)
    first = await asyncio.wait_for(reader.readuntil(b"one\r\n"), 10)
    assert first.endswith(b"\r\n\r\n3\r\none\r\n")
    go.set()
    assert await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 10) == b"3\r\ntwo\r\n0\r\n\r\n"
    writer.close()


async def test_a_client_that_leaves_cancels_who_asked_for_it(serve: Serve) -> None:
    cancelled = asyncio.Event()

    async def wait(scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"][CANCEL_ON_DISCONNECT]()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    served = await serve(wait)
    _, writer = await served.connect()
    writer.write(ASK)
    await asyncio.sleep(0.05)
    writer.close()
    await asyncio.wait_for(cancelled.wait(), 10)


async def test_a_client_that_leaves_is_told_to_who_receives(serve: Serve) -> None:
    told = asyncio.get_running_loop().create_future()

    async def wait(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        told.set_result(await receive())

    served = await serve(wait)
    _, writer = await served.connect()
    writer.write(ASK)
    await asyncio.sleep(0.05)
    writer.close()
    assert await asyncio.wait_for(told, 10) == {"type": "http.disconnect"}


async def test_a_slow_reader_holds_the_application_back(serve: Serve) -> None:
    sent = 0

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(400):
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            sent += 1
        await send({"type": "http.response.body"})

    served = await serve(flood)
    reader, writer = await served.connect()
    writer.write(ASK)
    await asyncio.sleep(0.3)
    assert sent < 300
    total = 0
    while not (await asyncio.wait_for(reader.read(1_000_000), 10)).endswith(b"0\r\n\r\n"):
        total += 1
    assert sent == 400
    writer.close()


async def test_an_application_that_fails_before_its_answer_is_a_500(serve: Serve) -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("secret detail")

    served = await serve(fail)
    reader, writer = await served.connect()
    writer.write(ASK)
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), 10)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"secret detail" not in answer
    writer.close()


async def test_an_application_that_fails_within_its_answer_cuts_the_connection(serve: Serve) -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError

    served = await serve(fail)
    try:
        answer = await served.ask(ASK)
    except ConnectionResetError:
        answer = b""
    assert not answer.endswith(b"0\r\n\r\n")


async def test_http_1_0_gets_a_body_that_ends_with_the_connection(serve: Serve) -> None:
    async def stream(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    served = await serve(stream)
    answer = await served.ask(b"GET / HTTP/1.0\r\n\r\n")
    assert answer.endswith(b"\r\n\r\nonetwo")


async def test_draining_lets_a_running_answer_end_and_closes_idle_connections(serve: Serve) -> None:
    go = asyncio.Event()

    async def wait(scope: Any, receive: Any, send: Any) -> None:
        await go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    served = await serve(wait)
    idle, idle_writer = await served.connect()
    busy, busy_writer = await served.connect()
    busy_writer.write(ASK)
    await asyncio.sleep(0.05)
    stopping = asyncio.create_task(served.listener.stop(10))
    assert await asyncio.wait_for(idle.read(), 10) == b""
    go.set()
    answer = await asyncio.wait_for(busy.read(), 10)
    assert b"connection: close\r\n" in answer
    assert answer.endswith(b"ok")
    assert await stopping == 0
    idle_writer.close()
    busy_writer.close()
