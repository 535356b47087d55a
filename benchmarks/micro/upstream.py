"""CPU of one exchange with an upstream: the pool beside a bare asyncio echo in the same run.

    python -m benchmarks.micro.upstream [--exchanges 20000] [--concurrency 64]

A child process answers every request with fixed bytes, so only the client's side is measured: its process's CPU time
over the number of exchanges. `echo` writes the same bytes and waits for the same number back, without parsing
anything: what asyncio itself costs. Best of five rounds, taken in turns, because the machine has other guests.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe
from typing import cast

import uvloop

from config.schema import Limits, Timeouts
from gateway.upstream.head import build_head, origin_of
from gateway.upstream.pool import Pool

_ROUNDS = 5
_ANSWER_BODY = b'{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"content":"%b"}}]}' % (
    b"word " * 120
)
_ANSWER = (
    b"HTTP/1.1 200 OK\r\ndate: Mon, 02 Nov 2026 10:00:00 GMT\r\ncontent-type: application/json\r\n"
    b"x-request-id: req_0123456789abcdef\r\nopenai-processing-ms: 12\r\nx-ratelimit-limit-requests: 10000\r\n"
    b"x-ratelimit-remaining-requests: 9999\r\nserver: mock\r\ncontent-length: %d\r\n\r\n%b"
) % (len(_ANSWER_BODY), _ANSWER_BODY)
_FRAME = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"delta":{"content":" word"}}]}\n\n'
_CHUNK = b"%x\r\n%b\r\n" % (len(_FRAME), _FRAME)
_CHUNKS = 200
_REQUEST_BODY = b'{"model":"gpt-5","messages":[{"role":"user","content":"%b"}]}' % (b"word " * 100)

Exchange = Callable[[], Awaitable[None]]


class _Server(asyncio.Protocol):
    """Answers whatever comes: at once, or as a stream with one chunk in every turn of the loop."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET"):
            self._transport.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            self._stream(_CHUNKS)
        else:
            self._transport.write(_ANSWER)

    def _stream(self, left: int) -> None:
        self._transport.write(_CHUNK if left else b"0\r\n\r\n")
        if left:
            asyncio.get_running_loop().call_later(0.001, self._stream, left - 1)


class _Echo(asyncio.Protocol):
    """The least that an exchange over asyncio can be: write, count what comes back, wake one future."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._left = 0
        self._loop = asyncio.get_running_loop()

    async def exchange(self, request: bytes) -> None:
        self._left = len(_ANSWER)
        self._waiter = self._loop.create_future()
        self._transport.write(request)
        await self._waiter

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if not self._left:
            self._waiter.set_result(None)


async def _repeat(exchange: Exchange, times: int) -> None:
    for _ in range(times):
        await exchange()


async def _cpu(workers: list[Exchange], exchanges: int) -> float:
    """CPU microseconds per exchange, all workers at once."""
    each = exchanges // len(workers)
    started = time.process_time()
    await asyncio.gather(*(_repeat(worker, each) for worker in workers))
    return (time.process_time() - started) / (each * len(workers)) * 1e6


async def _run(port: int, exchanges: int, concurrency: int) -> None:
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    pool = Pool(origin_of(url), connections=concurrency, queue=0, timeouts=Timeouts(), limits=Limits())
    headers = [(b"content-type", b"application/json"), (b"authorization", b"Bearer sk-0123456789abcdef")]
    head = build_head("POST", url, headers)
    stream_head = build_head("GET", url, headers)
    request = b"%bcontent-length: %d\r\n\r\n%b" % (head, len(_REQUEST_BODY), _REQUEST_BODY)

    async def unary() -> None:
        response = await pool.send(head, _REQUEST_BODY)
        await response.read()
        response.close()

    async def stream() -> None:
        response = await pool.send(stream_head, b"")
        while await response.chunk():
            pass
        response.close()

    def echo(protocol: _Echo) -> Exchange:
        return lambda: protocol.exchange(request)

    loop = asyncio.get_running_loop()
    echoes = [(await loop.create_connection(_Echo, "127.0.0.1", port))[1] for _ in range(concurrency)]
    rounds = [
        (
            await _cpu([echo(protocol) for protocol in echoes], exchanges),
            await _cpu([unary] * concurrency, exchanges),
            await _cpu([stream] * concurrency, concurrency) / _CHUNKS,
        )
        for _ in range(_ROUNDS)
    ]
    bare, pooled, chunk = (min(column) for column in zip(*rounds, strict=True))
    print(f"echo {bare:.1f} µs, pool {pooled:.1f} µs per exchange: the pool adds {pooled - bare:.1f} µs")
    print(f"pool {chunk:.1f} µs per streamed chunk ({concurrency} streams, one chunk a millisecond each)")


def _serve(ready: Pipe) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(main())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exchanges", type=int, default=20_000, help="in each round")
    parser.add_argument("--concurrency", type=int, default=64)
    arguments = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    try:
        uvloop.run(_run(ours.recv(), arguments.exchanges, arguments.concurrency))
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
