"""What no door answers, and what fails inside one: OpenAI's shape in every case."""

import logging
from typing import Any

import msgspec
import pytest
from litestar import Request
from litestar.exceptions import ClientException, InternalServerException

from config.schema import Config
from gateway.api.faults import answer_http_exception
from gateway.app import App
from gateway.onion import Live, build
from tests.gateway.calls import surroundings


def scope_of(method: str, path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"x-request-id", b"mine")],
        "state": {},
        "extensions": {},
    }


@pytest.fixture
def app() -> App:
    around = surroundings()
    return App(Live(build(Config(), around), around))


async def ask(app: App, method: str, path: str) -> tuple[int, dict[bytes, bytes], Any]:
    """Status, headers and decoded body of an answer."""
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    await app(scope_of(method, path), receive, send)
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return messages[0]["status"], dict(messages[0]["headers"]), msgspec.json.decode(body or b"null")


async def test_an_unknown_path_is_a_404(app: App) -> None:
    status, headers, body = await ask(app, "GET", "/v2/chat")
    assert (status, body["error"]["code"]) == (404, "unknown_url")
    assert "GET /v2/chat" in body["error"]["message"]
    assert headers[b"x-request-id"] == b"mine"


async def test_another_method_is_a_405_that_says_which_there_are(app: App) -> None:
    status, headers, body = await ask(app, "DELETE", "/v1/models")
    assert (status, body["error"]["code"]) == (405, "method_not_allowed")
    assert b"GET" in headers[b"allow"]


async def test_options_tell_what_there_is_and_have_an_id(app: App) -> None:
    status, headers, _ = await ask(app, "OPTIONS", "/v1/models")
    assert (status, headers[b"x-request-id"]) == (204, b"mine")


async def test_a_door_that_fails_is_a_500_that_tells_the_log_only(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: Any) -> Any:
        raise RuntimeError("inner secret")

    monkeypatch.setattr("gateway.api.models._known", fail)
    monkeypatch.setattr(logging.getLogger("isthmus"), "propagate", True)
    status, headers, body = await ask(app, "GET", "/v1/models")
    assert (status, body["error"]["type"]) == (500, "server_error")
    assert headers[b"x-request-id"] == b"mine"
    assert "inner secret" not in body["error"]["message"]
    assert "inner secret" in caplog.text


def test_what_litestar_refuses_otherwise_is_a_400() -> None:
    request: Request[Any, Any, Any] = Request(scope_of("GET", "/v1/models"))  # type: ignore[arg-type]
    response = answer_http_exception(request, ClientException("Odd."))
    assert response.status_code == 400
    assert msgspec.json.decode(response.content)["error"]["message"] == "Odd."


def test_what_fails_in_litestar_is_a_500() -> None:
    request: Request[Any, Any, Any] = Request(scope_of("GET", "/v1/models"))  # type: ignore[arg-type]
    assert answer_http_exception(request, InternalServerException("inner secret")).status_code == 500
