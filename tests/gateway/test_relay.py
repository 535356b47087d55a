"""The streaming loop: what is sent, what is closed and what is counted, however it ends."""

import asyncio
from typing import Any, cast

import pytest

from adapters.inference.contract import StreamDecoder, error_frame
from adapters.wire.errors import UpstreamError, UpstreamTimeout
from adapters.wire.usage import Usage
from gateway.call import Call, Reply, Stream
from gateway.relay import relay
from gateway.upstream.pool import Response
from tests.gateway.calls import a_call

USAGE = Usage(prompt_tokens=3, completion_tokens=5)
COUNTED = Usage(prompt_tokens=1, completion_tokens=2, estimated=True)


class Chunks:
    """A response that gives these chunks, then ends or fails; `ends_with_last` where its end is known with the last."""

    def __init__(self, *chunks: bytes | BaseException, ends_with_last: bool = False) -> None:
        self._chunks = list(chunks)
        self._ends_with_last = ends_with_last
        self.closed = 0

    @property
    def at_end(self) -> bool:
        return self._ends_with_last and not self._chunks

    async def chunk(self) -> bytes:
        if not self._chunks:
            return b""
        chunk = self._chunks.pop(0)
        if isinstance(chunk, BaseException):
            raise chunk
        if chunk == b"hang":
            await asyncio.Event().wait()
        return chunk

    def close(self) -> None:
        self.closed += 1


class Echo:
    """A decoder that lets everything through; `bad` is an error inside the stream, `?` holds its chunk back."""

    def __init__(self, owes_usage: bool) -> None:
        self.usage: Usage | None = None
        self.error: UpstreamError | None = None
        self.owes_usage = owes_usage

    def feed(self, data: bytes) -> bytes:
        self.usage = None if self.owes_usage else USAGE
        if data == b"bad":
            self.error = UpstreamError("Told inside.", code="inside")
            return b"data: error\n\n"
        return b"" if data == b"?" else data

    def close(self, counted: Usage | None = None) -> bytes:
        return b"[end]" if counted is None else b"[counted]"


class Client:
    """Records what it is sent."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.heard = asyncio.Event()

    async def __call__(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        if message["type"] == "http.response.body":
            self.heard.set()

    @property
    def bodies(self) -> list[bytes]:
        return [message["body"] for message in self.messages if message["type"] == "http.response.body"]

    @property
    def ended(self) -> bool:
        return self.messages[-1]["type"] == "http.response.body" and not self.messages[-1].get("more_body")


async def count(call: Call) -> Usage:
    """Count what the provider did not tell."""
    return COUNTED


def stream_of(response: Chunks, first: bytes = b"", owes_usage: bool = False) -> Reply:
    stream = Stream(first, cast(StreamDecoder, Echo(owes_usage)), cast(Response, response), error_frame)
    return Reply(200, [(b"content-type", b"text/event-stream")], stream=stream)


async def test_a_whole_reply_is_sent_in_two_messages() -> None:
    call, client = a_call(), Client()
    await relay(call, Reply(200, [(b"a", b"b")], b"body"), client, count)
    assert client.messages == [
        {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]},
        {"type": "http.response.body", "body": b"body"},
    ]
    assert call.status == 200


async def test_each_chunk_is_a_message_of_its_own_after_what_came_first() -> None:
    call, client, response = a_call(), Client(), Chunks(b"two", b"?", b"three")
    await relay(call, stream_of(response, b"one"), client, count)
    assert client.bodies == [b"one", b"two", b"three", b"[end]"]
    assert client.ended
    assert response.closed == 1
    assert (call.status, call.usage, call.error) == (200, USAGE, None)


async def test_a_fault_after_the_first_byte_becomes_an_error_event_and_an_end() -> None:
    call, client, response = a_call(), Client(), Chunks(b"one", UpstreamTimeout("Too slow."))
    await relay(call, stream_of(response), client, count)
    assert client.bodies[0] == b"one"
    assert client.bodies[1].startswith(b'data: {"error":{"message":"Too slow."')
    assert client.bodies[1].endswith(b"\n\n")
    assert client.ended
    assert response.closed == 1
    assert (call.status, call.usage, call.error) == (200, USAGE, "upstream_timeout")


async def test_an_error_inside_the_stream_is_the_last_that_is_sent() -> None:
    call, client, response = a_call(), Client(), Chunks(b"one", b"bad", b"never")
    await relay(call, stream_of(response), client, count)
    assert client.bodies[0] == b"one"
    assert client.bodies[1].startswith(b'data: {"error":{"message":"Told inside."')
    assert len(client.bodies) == 2
    assert client.ended
    assert response.closed == 1
    assert call.error == "inside"


async def test_the_last_chunk_and_the_end_leave_in_one_write() -> None:
    call, client = a_call(), Client()
    await relay(call, stream_of(Chunks(b"two", b"three", ends_with_last=True), b"one"), client, count)
    assert client.bodies == [b"one", b"two", b"three[end]"]
    assert client.ended


async def test_usage_that_the_client_asked_for_and_nobody_told_is_counted() -> None:
    call, client = a_call(), Client()
    await relay(call, stream_of(Chunks(b"one"), owes_usage=True), client, count)
    assert client.bodies == [b"one", b"[counted]"]
    assert call.usage == COUNTED


async def test_a_client_that_leaves_closes_the_upstream_and_is_counted() -> None:
    call, client, response = a_call(), Client(), Chunks(b"one", b"hang")
    task = asyncio.create_task(relay(call, stream_of(response), client, count))
    await client.heard.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert response.closed == 1
    assert (call.status, call.usage) == (499, USAGE)
    assert not client.ended


async def test_a_fault_of_our_own_still_closes_the_upstream() -> None:
    call, client, response = a_call(), Client(), Chunks(b"one", RuntimeError("ours"))
    with pytest.raises(RuntimeError):
        await relay(call, stream_of(response), client, count)
    assert response.closed == 1


async def test_the_transcript_is_bounded() -> None:
    chunk = b"x" * 300_000
    call, client = a_call(), Client()
    await relay(call, stream_of(Chunks(*[chunk] * 10)), client, count)
    assert len(client.bodies) == 11
    assert sum(map(len, call.transcript)) <= 1_048_576 + len(chunk)


async def a_relayed(*chunks: bytes | BaseException) -> Call:
    call = a_call()
    stream = Stream(b"first", cast(StreamDecoder, Echo(False)), cast(Response, Chunks(*chunks)), error_frame)

    async def count(call: Call) -> Usage:
        return COUNTED

    await relay(call, Reply(200, [], stream=stream), Client(), count)
    return call


async def test_what_was_sent_is_known_to_its_end() -> None:
    call = await a_relayed(b"second")
    assert call.is_whole
    assert b"".join(call.transcript) == b"firstsecond[end]"


@pytest.mark.parametrize(
    "chunks", [(b"bad",), (UpstreamError("Gone."),), (b"x" * 1_048_576, b"lost")], ids=["error", "broken", "too long"]
)
async def test_what_was_sent_is_not_known_whole(chunks: tuple[bytes | BaseException, ...]) -> None:
    assert not (await a_relayed(*chunks)).is_whole
