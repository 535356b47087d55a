"""Requests that two servers could read in two ways are refused, and nothing hidden in one reaches the upstream."""

import pytest

from tests.conftest import KEY
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import RawClient, ask, chat, request
from tests.upstream import Upstream, json_answer

pytestmark = pytest.mark.usefixtures("next_request_works")

BODY = b'{"model":"scripted/talker","messages":[{"role":"user","content":"a"}]}'
LENGTH = b"content-length: %d\r\n" % len(BODY)
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)


def post(headers: bytes, body: bytes, line: bytes = b"POST /v1/chat/completions HTTP/1.1\r\n") -> bytes:
    standing = b"host: g\r\nauthorization: Bearer " + KEY.encode() + b"\r\ncontent-type: application/json\r\n"
    return line + standing + headers + b"\r\n" + body


ATTEMPTS = {
    "length and chunks": post(LENGTH + b"transfer-encoding: chunked\r\n", CHUNKED),
    "chunks and length": post(b"transfer-encoding: chunked\r\n" + LENGTH, CHUNKED),
    "two lengths": post(LENGTH + b"content-length: 0\r\n", BODY),
    "the same length twice": post(LENGTH + LENGTH, BODY),
    "a list of lengths": post(b"content-length: %d, %d\r\n" % (len(BODY), len(BODY)), BODY),
    "a signed length": post(LENGTH.replace(b": ", b": +"), BODY),
    "a hexadecimal length": post(b"content-length: 0x%x\r\n" % len(BODY), BODY),
    "a negative length": post(b"content-length: -1\r\n", BODY),
    "an empty length": post(b"content-length: \r\n", BODY),
    "a length beyond 64 bits": post(b"content-length: 99999999999999999999999\r\n", BODY),
    "an unknown coding": post(b"transfer-encoding: xchunked\r\n", CHUNKED),
    "chunked not last": post(b"transfer-encoding: chunked, identity\r\n", CHUNKED),
    "gzip before chunked": post(b"transfer-encoding: gzip, chunked\r\n", CHUNKED),
    "a coding twice": post(b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", CHUNKED),
    "a coding with a tab": post(b"transfer-encoding:\x0bchunked\r\n", CHUNKED),
    "a folded header": post(b"x-a: 1\r\n folded\r\n" + LENGTH, BODY),
    "a folded coding": post(b"transfer-encoding:\r\n chunked\r\n", CHUNKED),
    "space before the colon": post(b"transfer-encoding : chunked\r\n" + LENGTH, BODY),
    "space before a name": post(b" " + LENGTH, BODY),
    "a bare LF after a header": post(b"x-a: 1\n" + LENGTH, BODY),
    "a bare CR in a header": post(b"x-a: 1\rx-b: 2\r\n" + LENGTH, BODY),
    "a NUL in a header": post(b"x-a: 1\x002\r\n" + LENGTH, BODY),
    "a NUL in a name": post(b"x-\x00a: 1\r\n" + LENGTH, BODY),
    "no colon": post(b"x-a\r\n" + LENGTH, BODY),
    "no name": post(b": 1\r\n" + LENGTH, BODY),
    "a chunk size with a sign": post(b"transfer-encoding: chunked\r\n", b"+" + CHUNKED),
    "a chunk size with 0x": post(b"transfer-encoding: chunked\r\n", b"0x" + CHUNKED),
    "a chunk size too large": post(b"transfer-encoding: chunked\r\n", b"f" * 17 + b"\r\n"),
    "a chunk without its end": post(b"transfer-encoding: chunked\r\n", b"3\r\nabcdef\r\n0\r\n\r\n"),
    "a bare LF after a chunk size": post(b"transfer-encoding: chunked\r\n", CHUNKED.replace(b"\r\n", b"\n")),
    "no host": b"POST /v1/chat/completions HTTP/1.1\r\n" + LENGTH + b"\r\n" + BODY,
    "two hosts": post(b"host: other\r\n" + LENGTH, BODY),
    "HTTP/1.2": post(LENGTH, BODY, b"POST /v1/chat/completions HTTP/1.2\r\n"),
    "HTTP/0.9": b"GET /v1/models\r\n\r\n",
    "a preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    "noise": bytes(range(256)),
    "a space in the target": post(LENGTH, BODY, b"POST /v1/chat completions HTTP/1.1\r\n"),
    "a control in the target": post(LENGTH, BODY, b"POST /v1/\x01chat/completions HTTP/1.1\r\n"),
    "an unknown method": post(LENGTH, BODY, b"POSTT /v1/chat/completions HTTP/1.1\r\n"),
    "CONNECT": b"CONNECT g:443 HTTP/1.1\r\nhost: g:443\r\n\r\n",
}


@pytest.mark.parametrize("data", ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_an_ambiguous_request_is_refused_and_its_connection_closed(
    gateway: GatewayProcess, upstream: Upstream, data: bytes
) -> None:
    before = len(upstream.unscripted)
    with RawClient(gateway.port) as client:
        client.send(data)
        answer = client.answer()
        assert 400 <= answer.status < 500
        assert answer.error["type"] == "invalid_request_error"
        assert answer.header("connection") == "close"
        assert client.is_closed()
    assert len(upstream.unscripted) == before


def test_what_follows_a_refused_request_is_not_served(gateway: GatewayProcess, upstream: Upstream) -> None:
    hidden = upstream.on(json_answer({}))
    with RawClient(gateway.port) as client:
        client.send(post(LENGTH + b"transfer-encoding: chunked\r\n", CHUNKED) + request(chat(hidden.model)))
        assert client.answer().status == 400
        assert client.is_closed()
    assert hidden.requests == []


def test_a_request_in_a_body_is_a_body(gateway: GatewayProcess, upstream: Upstream) -> None:
    hidden = upstream.on(json_answer({}))
    with RawClient(gateway.port) as client:
        client.post(request(chat(hidden.model)))
        assert client.answer().status == 400
        client.post(chat("scripted/talker"))
        assert client.answer().status == 200
    assert hidden.requests == []


def test_trailers_add_no_headers(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({}))
    body = b'{"model":"%b","messages":[]}' % case.model.encode()
    trailed = b"%x\r\n%b\r\n0\r\nx-request-id: trailer\r\nauthorization: Bearer x\r\n\r\n" % (len(body), body)
    with RawClient(gateway.port) as client:
        client.send(post(b"transfer-encoding: chunked\r\n", trailed))
        answer = client.answer()
    assert answer.status == 200
    assert answer.header("x-request-id") != "trailer"


@pytest.mark.parametrize("endless", [b"x-a: " + b"a" * 100, b"x-a: a\r\n" * 12], ids=["one trailer", "many trailers"])
def test_endless_trailers_are_refused(gateway: GatewayProcess, endless: bytes) -> None:
    with RawClient(gateway.port) as client:
        client.send(post(b"transfer-encoding: chunked\r\n", CHUNKED[:-2] + endless))
        while not client.has_answer():
            client.send(endless if endless.endswith(b"\n") else b"a" * 100)
        assert client.answer().status == 431


def test_an_endless_chunk_extension_is_refused(gateway: GatewayProcess) -> None:
    with RawClient(gateway.port) as client:
        client.send(post(b"transfer-encoding: chunked\r\n", b"5;a="))
        while not client.has_answer():
            client.send(b"a" * 1_000)
        assert client.answer().status == 431


@pytest.mark.parametrize("given", ["a\tb", "a;b=c", "a,b", "a\x80b", "%0d%0aset-cookie: x=1", "a b"])
def test_no_header_is_injected_through_a_request_id(gateway: GatewayProcess, upstream: Upstream, given: str) -> None:
    case = upstream.on(json_answer({}))
    answer = ask(gateway.port, chat(case.model), x_request_id=given)
    assert (answer.header("x-request-id") or "").startswith("req_")
    assert answer.header("set-cookie") is None
    assert [name for name, _ in case.request().headers if name in ("set-cookie", "x-request-id")] == ["x-request-id"]


@pytest.mark.parametrize("name", ["a\r\nx-injected: 1", "a\nb", "../../admin", "a b?c#d", "é\u2028", "a%0d%0ab"])
def test_a_models_name_injects_nothing(gateway: GatewayProcess, upstream: Upstream, name: str) -> None:
    answer = ask(gateway.port, chat(f"scripted/{name}"))
    assert answer.status in (200, 400, 404)
    assert answer.header("x-injected") is None
    if answer.status == 200:
        assert upstream.unscripted[-1].line == "POST /v1/chat/completions HTTP/1.1"


def test_the_upstreams_headers_inject_nothing(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({}, ("x-ratelimit-a", "1\x0bset-cookie: x"), ("x-request-id", "é")))
    answer = ask(gateway.port, chat(case.model))
    assert answer.status in (200, 502)
    assert answer.header("set-cookie") is None
