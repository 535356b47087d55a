"""Bodies of every kind: refused with what is wrong, or understood by the provider as the gateway did."""

import select
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adapters.wire.written import nearly_objects, strict_reading
from tests.conftest import KEY
from tests.fuzz.conftest import MODEL, TIMES
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import RawClient, ask
from tests.upstream import Case

PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/rerank", "/v1/moderations")
HUGE = 100_000_000
MEMORY_MAX = 32 * 1024 * 1024
"""Bytes more than before: the limit of one body is 4 MiB."""


@settings(max_examples=300 * TIMES, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(PATHS), raw=nearly_objects())
def test_the_provider_reads_what_the_gateway_read(fuzzed: GatewayProcess, patient: Case, path: str, raw: bytes) -> None:
    raw = raw.replace(b'"m"', b'"%b"' % MODEL.encode())
    answer = ask(fuzzed.port, raw, path)
    if answer.status == 200:
        sent = strict_reading(patient.requests[-1].body)
        assert sent is not None
        assert {**sent, "model": MODEL} == strict_reading(raw)
    else:
        assert answer.status in (400, 404)
        assert answer.error["type"] == "invalid_request_error"


def declared() -> Iterator[bytes]:
    """A body with its length."""
    yield b"content-length: %d\r\n\r\n" % HUGE
    yield from pieces()


def chunked() -> Iterator[bytes]:
    """A body in chunks."""
    yield b"transfer-encoding: chunked\r\n\r\n"
    for piece in pieces():
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def one_chunk() -> Iterator[bytes]:
    """A body in one chunk."""
    yield b"transfer-encoding: chunked\r\n\r\n%x\r\n" % HUGE
    yield from pieces()
    yield b"\r\n0\r\n\r\n"


def pieces() -> Iterator[bytes]:
    """A hundred megabytes of JSON."""
    yield b'{"model":"any","messages":"'
    for _ in range(HUGE // 100_000):
        yield b"x" * 100_000


@pytest.mark.parametrize("body", [declared, chunked, one_chunk])
def test_a_huge_body_is_a_413_in_bounded_memory(fuzzed: GatewayProcess, body: Callable[[], Iterator[bytes]]) -> None:
    before = fuzzed.peak_memory
    with RawClient(fuzzed.port) as client:
        client.send(f"POST {PATHS[0]} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\r\n".encode())
        for piece in body():
            client.send(piece)
            if select.select([client.socket], [], [], 0)[0]:
                break
        answer = client.answer()
    assert answer.status == 413
    assert answer.error["code"] == "request_too_large"
    assert fuzzed.peak_memory - before < MEMORY_MAX
    assert ask(fuzzed.port, {"model": MODEL}).status == 200
