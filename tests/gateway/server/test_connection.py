"""Requests on the wire: what is served, what is refused, and that the next request works."""

import asyncio
from typing import Any

import msgspec
import pytest

from tests.gateway.server.conftest import Serve

ASK = b"POST /v1/x?q=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CLOSE = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def body_of(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with method, path and body."""
    body = await body_of(receive)
    text = f"{scope['method']} {scope['path']} ".encode() + body
    length = (b"content-length", str(len(text)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": text})


async def test_one_connection_serves_request_after_request(serve: Serve) -> None:
    served = await serve(echo)
    answer = await served.ask(ASK + ASK + CLOSE)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(b"POST /v1/x hello") == 2
    assert answer.endswith(b"GET /last ")


async def test_a_chunked_body_arrives_whole_however_it_is_cut(serve: Serve) -> None:
    served = await serve(echo)
    request = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    reader, writer = await served.connect()
    for at in range(len(request)):
        writer.write(request[at : at + 1])
        await writer.drain()
        await asyncio.sleep(0)
    writer.write(CLOSE)
    assert b"POST /c abcdefg" in await asyncio.wait_for(reader.read(), 10)
    writer.close()


async def test_the_path_is_decoded_and_the_absolute_form_is_understood(serve: Serve) -> None:
    served = await serve(echo)
    first = b"GET /v1/models/a%2Fb HTTP/1.1\r\nHost: x\r\n\r\n"
    second = b"GET http://x:1/other?y HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await served.ask(first + second + CLOSE)
    assert b"GET /v1/models/a/b " in answer
    assert b"GET /other " in answer


async def test_head_is_answered_without_a_body(serve: Serve) -> None:
    served = await serve(echo)
    answer = await served.ask(b"HEAD /h HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"content-length: 8\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


async def test_an_expected_100_continue_is_sent_when_the_body_is_wanted(serve: Serve) -> None:
    served = await serve(echo)
    reader, writer = await served.connect()
    writer.write(
        b"POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"ok")
    assert (await asyncio.wait_for(reader.read(), 10)).endswith(b"POST /e ok")
    writer.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"NONSENSE\r\n\r\n", id="no request line"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", id="two lengths"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            id="length and chunked",
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n folded\r\n\r\n", id="folded header"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n", id="NUL in a header"),
        pytest.param(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", id="space before the colon"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", id="two hosts"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", id="unknown transfer coding"),
    ],
)
async def test_what_is_not_plain_http_is_refused_in_openai_shape(serve: Serve, request_bytes: bytes) -> None:
    served = await serve(echo)
    answer = await served.ask(request_bytes)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request")
    assert msgspec.json.decode(body)["error"]["type"] == "invalid_request_error"
    assert b"HTTP/1.1 200" in await served.ask(CLOSE)


async def test_headers_over_the_limit_are_a_431(serve: Serve) -> None:
    served = await serve(echo, header_bytes=2_048)
    for value in (b"v" * 3_000 + b"\r\n\r\n", b"v" * 3_000):
        answer = await served.ask(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + value)
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert b'"code":"headers_too_large"' in answer


async def test_a_sender_that_stops_gets_a_408(serve: Serve) -> None:
    served = await serve(echo, body_seconds=0.2)
    in_head = await served.ask(b"GET / HTTP/1.1\r\nHos")
    assert in_head.startswith(b"HTTP/1.1 408 ")


async def test_a_connection_that_asks_nothing_is_closed(serve: Serve) -> None:
    served = await serve(echo, idle_seconds=0.2)
    assert await served.ask(b"") == b""


async def test_an_answer_before_the_end_of_the_request_reaches_a_client_that_is_still_sending(serve: Serve) -> None:
    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"3")]})
        await send({"type": "http.response.body", "body": b"big"})

    served = await serve(refuse)
    reader, writer = await served.connect()
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n")
    for _ in range(80):
        writer.write(b"x" * 100_000)
        await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close\r\n" in answer
    writer.close()


async def test_an_upgrade_is_answered_as_http_1_1(serve: Serve) -> None:
    served = await serve(echo)
    answer = await served.ask(b"GET /u HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n")
    assert answer.endswith(b"GET /u ")


async def test_too_many_connections_are_refused_with_retry_after(serve: Serve) -> None:
    served = await serve(echo, connections=1)
    _, first = await served.connect()
    await asyncio.sleep(0.05)
    answer = await served.ask(b"")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in answer
    first.close()
