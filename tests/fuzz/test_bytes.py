"""Any bytes on the socket: proper answers or a closed connection, and the next client is served."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import KEY
from tests.fuzz.conftest import MODEL, TIMES
from tests.fuzz.exchange import answers_in, assert_proper, exchange
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import ask, request
from tests.upstream.script import PATIENCE

GOOD = {"model": MODEL, "messages": []}
HEAD = f"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\r\n".encode()
BODY = json.dumps(GOOD).encode()
STREAM = json.dumps({**GOOD, "stream": True}).encode()
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
SEEDS = [
    request(BODY),
    request(STREAM),
    HEAD + CHUNKED + b"%x;a=b\r\n%b\r\n0\r\ntrailer: x\r\n\r\n" % (len(BODY), BODY),
    HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY,
    request(BODY, "/v1/embeddings") + request(STREAM, "/v1/completions"),
    b"GET /v1/models/scripted%2Ftalker HTTP/1.1\r\nhost: g\r\n\r\nGET /health/live HTTP/1.0\r\n\r\n",
    b"GET http://g/openapi.json?a=b#c HTTP/1.1\r\nhost: g\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nhost: g\r\n\r\nPUT /health/ready HTTP/1.1\r\nhost: g\r\ncontent-length: 1\r\n\r\nx",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]
PIECES = [
    *(b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b"\xff\xfe", b"%", b"%00", b"%ff", b"/..", b"//", b"?", b"#"),
    *(b"0", b"-1", b"ffffffffffffffff", b"99999999999999999999", b"1e3", b"chunked", b"identity", b"gzip, chunked"),
    *(b"content-length: 5\r\n", b"transfer-encoding: chunked\r\n", b"host: h\r\n", b" folded\r\n", b"HTTP/9.9"),
    *(b"expect: 100-continue\r\n", b"connection: close\r\n", b"content-encoding: gzip\r\n", b"{", b'"', b"[" * 5_000),
]


@st.composite
def split(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Bytes cut anywhere."""
    cuts = sorted(draw(st.sets(st.integers(0, len(data)), max_size=6)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good request with some bytes changed, put in or taken out."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=4))
        data = data[:at] + piece + data[at + draw(st.integers(0, 8)) :]
    return data


@settings(max_examples=200 * TIMES, deadline=None, suppress_health_check=list(HealthCheck))
@given(pieces=mutated().flatmap(split) | st.lists(st.binary(max_size=200), max_size=4))
def test_any_bytes_get_proper_answers_or_a_closed_connection(fuzzed: GatewayProcess, pieces: list[bytes]) -> None:
    for answer in exchange(fuzzed.port, pieces):
        assert_proper(answer)
    assert ask(fuzzed.port, GOOD).status == 200


@pytest.mark.parametrize("seed", [SEEDS[0], SEEDS[2]], ids=["with its length", "in chunks"])
async def test_a_request_that_stops_anywhere_is_answered_or_closed_in_time(fuzzed: GatewayProcess, seed: bytes) -> None:
    async def stop_at(size: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", fuzzed.port)
        writer.write(seed[:size])
        received = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        return received

    for received in await asyncio.gather(*map(stop_at, range(1, len(seed)))):
        (answer,) = answers_in(received)
        assert_proper(answer)
        assert answer.status == 408
