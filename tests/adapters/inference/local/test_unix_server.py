import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator

import httpx
import pytest

from adapters.inference.local import unix_server
from adapters.inference.local.process import answers
from adapters.inference.local.unix_client import request as ask
from adapters.inference.local.unix_server import Request, Response
from adapters.wire.errors import Overloaded
from tests.adapters.inference.local.serving import serving


async def echo(request: Request) -> Response:
    return Response(json.dumps([request.method, request.path, request.body.decode()]).encode())


async def test_a_connection_carries_one_request_after_another() -> None:
    async with serving(echo) as (path, _):
        reader, writer = await asyncio.open_unix_connection(path)
        for number in (b"1", b"2"):
            writer.write(b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n" + number)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert await reader.readexactly(19) == b'["POST", "/a", "%b"]' % number
        writer.close()


async def test_a_body_in_chunks_is_read_whole() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"ab"
        yield b"c"

    async with serving(echo) as (path, _), httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=path)) as client:
        answer = await client.post("http://x/b", content=pieces())
        assert answer.json() == ["POST", "/b", "abc"]


async def test_a_stream_arrives_piece_by_piece() -> None:
    more = asyncio.Event()

    async def two() -> AsyncGenerator[bytes, None]:
        yield b"data: 1\n\n"
        await more.wait()
        yield b"data: 2\n\n"

    async def stream(request: Request) -> Response:
        return Response(two(), content_type="text/event-stream")

    async with serving(stream) as (path, _), ask(path, "GET", "/") as answer:
        lines = answer.lines()
        assert await anext(lines) == b"data: 1"
        more.set()
        assert [line async for line in lines if line] == [b"data: 2"]


async def test_errors_have_openais_shape_and_say_when_to_come_again() -> None:
    async def full(request: Request) -> Response:
        raise Overloaded("No room.", retry_after=3)

    async with serving(full) as (path, _), httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=path)) as client:
        answer = await client.get("http://x/")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
        assert answer.json()["error"]["code"] == "overloaded"


async def test_a_fault_tells_the_client_nothing_of_itself() -> None:
    async def broken(request: Request) -> Response:
        raise RuntimeError("a secret")

    async with serving(broken) as (path, _), ask(path, "GET", "/") as answer:
        assert answer.status == 500
        assert b"secret" not in await answer.read()


async def test_a_request_ends_when_its_connection_does() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Response:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return Response(b"")

    async with serving(slow) as (path, _):
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await began.wait()
        writer.close()
        await asyncio.wait_for(ended.wait(), 5)


async def test_a_stream_ends_when_its_connection_does() -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    async def stream(request: Request) -> Response:
        return Response(endless())

    async with serving(stream) as (path, _):
        async with ask(path, "GET", "/"):
            pass
        await asyncio.wait_for(ended.wait(), 5)


async def test_a_stream_that_breaks_is_not_ended_as_if_it_were_whole() -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"data: 1\n\n"
        raise RuntimeError

    async def stream(request: Request) -> Response:
        return Response(broken())

    async with serving(stream) as (path, _), ask(path, "GET", "/") as answer:
        with pytest.raises(ConnectionError):
            await answer.read()


async def test_one_who_does_not_wait_for_an_answer_is_cut_off() -> None:
    async def never(request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(never) as (path, _):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n" * 2)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 5)
        writer.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n",
    ],
)
async def test_what_is_no_http_ends_the_connection(raw: bytes) -> None:
    async with serving(echo) as (path, _):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(raw)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


async def test_a_body_over_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unix_server, "BODY_MAX", 10)
    async with serving(echo) as (path, _):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\n" + b"x" * 11)
        assert (await reader.read()).startswith(b"HTTP/1.1 413 ")
        writer.close()


async def test_a_server_without_work_ends_and_leaves_no_socket() -> None:
    async with serving(echo, idle_seconds=0.1) as (path, task):
        await asyncio.wait_for(task, 5)
        assert not await answers(path)


async def test_a_server_with_work_does_not_end() -> None:
    done = asyncio.Event()

    async def slow(request: Request) -> Response:
        await done.wait()
        return Response(b"ok")

    async with serving(slow, idle_seconds=0.05) as (path, task):
        asking = asyncio.create_task(_read(path))
        await asyncio.sleep(0.2)
        assert not task.done()
        done.set()
        assert await asking == b"ok"


async def _read(path: str) -> bytes:
    async with ask(path, "GET", "/") as answer:
        return await answer.read()
