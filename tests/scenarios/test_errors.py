"""Every error has OpenAI's shape and says what to do, and the next request works."""

import json
import socket
from typing import Any

import pytest

from tests.conftest import NARROW_KEY, StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import Answer, RawClient, ask, chat
from tests.upstream import Cut, Reset, Step, Upstream, Write, json_answer, whole
from tests.upstream.script import head

pytestmark = pytest.mark.usefixtures("next_request_works")

DEEP = b"[" * 100_000
PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/rerank")

BAD_BODIES = {
    "no JSON": (b"hello", "invalid_json"),
    "cut JSON": (b'{"model": "scripted/talker", "messages": [', "invalid_json"),
    "two values": (b'{"model": "scripted/talker"} {}', "invalid_json"),
    "nothing": (b"", "missing_body"),
    "white space": (b" \n ", "missing_body"),
    "an array": (b"[]", "invalid_type"),
    "a string": (b'"hello"', "invalid_type"),
    "null": (b"null", "invalid_type"),
    "no model": (b'{"messages": []}', "missing_required_parameter"),
    "null model": (b'{"model": null}', "invalid_type"),
    "model of another type": (b'{"model": 5}', "invalid_type"),
    "empty model": (b'{"model": ""}', "invalid_value"),
    "stream of another type": (b'{"model": "scripted/talker", "stream": "yes"}', "invalid_type"),
    "stream options of another type": (
        b'{"model": "scripted/talker", "stream": true, "stream_options": [1]}',
        "invalid_type",
    ),
    "include_usage of another type": (
        b'{"model": "scripted/talker", "stream": true, "stream_options": {"include_usage": "x"}}',
        "invalid_type",
    ),
    "a key twice": (b'{"model": "scripted/talker", "model": "scripted/embedder"}', "duplicate_key"),
    "another key twice": (b'{"model":"scripted/talker","n":1,"n":2}', "duplicate_key"),
    "an escaped key twice": (b'{"model": "scripted/talker", "mod\\u0065l": "scripted/embedder"}', "duplicate_key"),
    "NUL bytes": (b'{"model": "scripted/talker", \x00}', "invalid_json"),
    "a raw NUL in a string": (b'{"model": "scripted/talker", "messages": "a\x00b"}', "invalid_json"),
    "only NUL bytes": (b"\x00" * 1_000, "invalid_json"),
    "no UTF-8": (b'{"model": "scripted/talker", "user": "\xff\xfe"}', "invalid_json"),
    "UTF-16": (json.dumps(chat("scripted/talker")).encode("utf-16"), "invalid_json"),
    "a lone surrogate in the model": (b'{"model": "\\ud800"}', "invalid_json"),
    "100,000 brackets": (DEEP, "invalid_type"),
    "100,000 closed brackets": (DEEP + b"]" * 100_000, "invalid_type"),
    "100,000 brackets in a field": (
        b'{"model": "scripted/talker", "messages": ' + DEEP + b"]" * 100_000 + b"}",
        "invalid_json",
    ),
    "100,000 unclosed braces in a field": (b'{"model": "scripted/talker", "x": ' + b'{"a":' * 100_000, "invalid_json"),
}


@pytest.mark.parametrize(("body", "code"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
@pytest.mark.parametrize("path", PATHS)
def test_a_bad_body_is_a_400(gateway: GatewayProcess, path: str, body: bytes, code: str) -> None:
    answer = ask(gateway.port, body, path)
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
    assert answer.error["code"] == code
    assert answer.header("x-request-id")


@pytest.mark.parametrize("media_type", ["text/plain", "multipart/form-data; boundary=x", "application/xml", "json"])
def test_another_content_type_is_a_415(gateway: GatewayProcess, media_type: str) -> None:
    answer = ask(gateway.port, chat("scripted/talker"), content_type=media_type)
    assert answer.status == 415
    assert "application/json" in answer.error["message"]


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "Application/JSON", "application/x+json", ""]
)
def test_json_by_any_name_is_taken(gateway: GatewayProcess, media_type: str) -> None:
    assert ask(gateway.port, chat("scripted/talker"), content_type=media_type).status == 200


def test_a_compressed_body_is_a_415(gateway: GatewayProcess) -> None:
    answer = ask(gateway.port, chat("scripted/talker"), content_encoding="gzip")
    assert answer.status == 415
    assert "ompressed" in answer.error["message"]


def test_an_unknown_provider_is_a_404_with_the_nearest_name(gateway: GatewayProcess) -> None:
    answer = ask(gateway.port, chat("scriptde/talker"))
    assert answer.status == 404
    assert answer.error["code"] == "model_not_found"
    assert answer.error["param"] == "model"
    assert "scripted/" in answer.error["message"]


def test_an_unknown_model_is_a_404_with_the_nearest_names(start_gateway: StartGateway) -> None:
    deployments = [{"provider": "scripted", "model": "talker"}]
    gateway = start_gateway(models={name: {"deployments": deployments} for name in ("gpt-5", "gpt-5-mini", "claude")})
    answer = ask(gateway.port, chat("gpt-5-mni"))
    assert answer.status == 404
    assert answer.error["code"] == "model_not_found"
    assert "gpt-5-mini" in answer.error["message"]
    assert "claude" not in answer.error["message"]


@pytest.mark.parametrize("key", ["", "Bearer wrong-key-000000", "Bearer", "Basic dXNlcjpwYXNz", "sk-no-scheme"])
def test_a_bad_key_is_a_401(gateway: GatewayProcess, key: str) -> None:
    answer = ask(gateway.port, chat("scripted/talker"), authorization=key)
    assert answer.status == 401
    assert answer.error["code"] in ("invalid_api_key", "missing_api_key")
    assert answer.header("www-authenticate") == "Bearer"
    assert "wrong-key" not in answer.body.decode()


def test_a_model_the_key_may_not_use_is_a_403(gateway: GatewayProcess) -> None:
    answer = ask(gateway.port, chat("scripted/embedder"), authorization=f"Bearer {NARROW_KEY}")
    assert answer.status == 403
    assert answer.error["param"] == "model"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", PATHS)
def test_another_method_is_a_405_that_says_which_are_allowed(gateway: GatewayProcess, method: str, path: str) -> None:
    answer = send_line(gateway, f"{method} {path}")
    assert answer.status == 405
    assert answer.header("allow") == "POST"
    assert answer.error["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/scripted/talker"])
def test_models_can_only_be_got(gateway: GatewayProcess, path: str) -> None:
    answer = send_line(gateway, f"DELETE {path}")
    assert answer.status == 405
    assert "GET" in (answer.header("allow") or "")
    assert answer.error["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v2/chat/completions", "/v1/chat", "/v1/images/generations", "/chat/completions"]
)
def test_another_path_is_a_404(gateway: GatewayProcess, path: str) -> None:
    answer = ask(gateway.port, chat("scripted/talker"), path)
    assert answer.status == 404
    assert answer.error["code"] == "unknown_url"
    assert path in answer.error["message"]


def test_headers_over_the_limit_are_a_431(gateway: GatewayProcess) -> None:
    answer = ask(gateway.port, chat("scripted/talker"), x_long="x" * 40_000)
    assert answer.status == 431
    assert "header_bytes" in answer.error["message"]


def test_a_target_over_the_limit_is_a_431(gateway: GatewayProcess) -> None:
    assert ask(gateway.port, chat("scripted/talker"), "/v1/chat/completions?" + "x" * 40_000).status == 431


def test_many_small_headers_over_the_limit_are_a_431(gateway: GatewayProcess) -> None:
    headers = {f"x_{number}": "value" for number in range(4_000)}
    assert ask(gateway.port, chat("scripted/talker"), **headers).status == 431


REFUSALS = [400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 529]


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("status", REFUSALS)
def test_what_the_upstream_refuses_passes_through(
    gateway: GatewayProcess, upstream: Upstream, status: int, stream: bool
) -> None:
    told = {"error": {"message": "Because.", "type": "their_type", "param": "n", "code": "their_code", "extra": [1.50]}}
    raw = json.dumps(told).encode().replace(b"1.5", b"1.50")
    line = [("x-ratelimit-remaining-requests", "0"), ("retry-after", "7"), ("content-type", "application/json")]
    case = upstream.on([Write(_head(status, [*line, ("content-length", str(len(raw)))]) + raw)])
    answer = ask(gateway.port, chat(case.model, stream=stream))
    assert answer.status == status
    assert answer.body == raw
    assert answer.header("retry-after") == "7"
    assert answer.header("x-ratelimit-remaining-requests") == "0"
    assert answer.header("x-isthmus-provider") == "scripted"
    assert answer.header("x-isthmus-model") == case.name


FOREIGN = {
    "text": (b"Quota used up", "text/plain", "Quota used up"),
    "a detail": (b'{"detail": "Quota used up"}', "application/json", "Quota used up"),
    "a string": (b'{"error": "Quota used up"}', "application/json", "Quota used up"),
    "a page": (b"<html><body>nginx</body></html>", "text/html", "status 429"),
    "nothing": (b"", "text/plain", "status 429"),
}


@pytest.mark.parametrize(("body", "media_type", "message"), FOREIGN.values(), ids=FOREIGN.keys())
def test_a_refusal_in_another_shape_gets_openais(
    gateway: GatewayProcess, upstream: Upstream, body: bytes, media_type: str, message: str
) -> None:
    case = upstream.on(whole(429, body, content_type=media_type))
    answer = ask(gateway.port, chat(case.model))
    assert answer.status == 429
    assert message in answer.error["message"]
    assert answer.header("content-type") == "application/json"


def test_an_unreachable_upstream_is_a_502(start_gateway: StartGateway) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        gateway = start_gateway(provider={"base_url": f"http://127.0.0.1:{port}/v1"})
        answer = ask(gateway.port, chat("scripted/any"))
    assert answer.status == 502
    assert answer.error["code"] == "upstream_unreachable"
    assert str(port) not in answer.body.decode(), "the answer tells an internal address"


def test_a_name_that_does_not_resolve_is_a_502(start_gateway: StartGateway) -> None:
    gateway = start_gateway(provider={"base_url": "http://nowhere.invalid/v1"})
    answer = ask(gateway.port, chat("scripted/any"))
    assert answer.status == 502
    assert answer.error["code"] == "upstream_unreachable"


BROKEN: dict[str, list[Step]] = {
    "closes without an answer": [Cut()],
    "resets": [Reset()],
    "talks no HTTP": [Write(b"SSH-2.0-OpenSSH_9.6\r\n"), Cut()],
    "answers with noise": [Write(bytes(range(256)) * 4), Cut()],
    "cuts its headers": [Write(b"HTTP/1.1 200 OK\r\ncontent-ty"), Cut()],
    "cuts its body": [Write(head(200, [("content-length", "100")]) + b'{"a": '), Cut()],
    "cuts a chunked body": [Write(head(200, [("transfer-encoding", "chunked")]) + b"5\r\n{"), Cut()],
    "has two lengths": [Write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x")],
    "has length and chunks": [
        Write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    ],
    "folds a header": [Write(b"HTTP/1.1 200 OK\r\nx-a: 1\r\n folded\r\ncontent-length: 2\r\n\r\n{}")],
    "has endless headers": [Write(b"HTTP/1.1 200 OK\r\n" + b"x-a: 1\r\n" * 20_000)],
    "answers no JSON": list(whole(200, b"<html>hello</html>", content_type="text/html")),
    "answers an array": list(whole(200, b"[]")),
    "answers nothing": list(whole(200, b"")),
    "claims gzip": list(whole(200, b"{}", ("content-encoding", "gzip"))),
    "redirects": list(whole(302, b"", ("location", "http://127.0.0.1:1/"))),
    "switches protocols": [Write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")],
}


@pytest.mark.parametrize("steps", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_is_a_502(gateway: GatewayProcess, upstream: Upstream, steps: list[Step]) -> None:
    case = upstream.on(steps)
    answer = ask(gateway.port, chat(case.model))
    assert answer.status == 502
    assert answer.error["type"] in ("upstream_error", "server_error")


@pytest.mark.parametrize("steps", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_to_a_stream_is_a_502(gateway: GatewayProcess, upstream: Upstream, steps: list[Step]) -> None:
    assert ask(gateway.port, chat(upstream.on(steps).model, stream=True)).status == 502


def test_an_error_inside_an_answer_of_status_200_is_an_error(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({"error": {"message": "Worker died", "code": 503}}))
    answer = ask(gateway.port, chat(case.model))
    assert answer.status == 503
    assert answer.error["message"] == "Worker died"


def test_an_upstreams_error_never_tells_our_key(gateway: GatewayProcess, upstream: Upstream) -> None:
    def repeat(request: Any) -> Any:
        sent = request.header("authorization")
        return json_answer({"error": {"message": f"bad header {sent}", "type": "t"}}, status=401)

    answer = ask(gateway.port, chat(upstream.on(repeat).model))
    assert answer.status == 401
    assert "upstream-secret" not in answer.body.decode()
    assert "bad header" in answer.body.decode()


def send_line(gateway: GatewayProcess, line: str) -> Answer:
    with RawClient(gateway.port) as client:
        client.send(f"{line} HTTP/1.1\r\nhost: gateway\r\ncontent-length: 0\r\n\r\n".encode())
        return client.answer()


def _head(status: int, headers: list[tuple[str, str]]) -> bytes:
    """A head with any status, those included that have no name."""
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode()
