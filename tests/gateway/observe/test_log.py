"""Log lines."""

import json
import logging
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.usage import Usage
from gateway.auth import Caller
from gateway.call import Call
from gateway.observe.log import Fields, JsonFormatter, configure, log_request
from gateway.observe.trace import Tracer
from tests.gateway.calls import a_call, a_target

KEY = "sk-secret-0123456789"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged of requests."""
    monkeypatch.setattr(logging.getLogger("isthmus"), "propagate", True)
    caplog.set_level("INFO", "isthmus.request")
    return caplog.messages


def told(lines: pytest.LogCaptureFixture, call: Call) -> dict[str, Any]:
    lines.clear()
    log_request(call)
    (message,) = lines.messages
    line: dict[str, Any] = json.loads(message)
    return line


def as_json(message: object, *arguments: object, exc_info: Any = None) -> str:
    record = logging.LogRecord("isthmus.any", logging.WARNING, "file", 1, message, arguments, exc_info)
    return JsonFormatter().format(record)


async def test_a_request_is_one_line_without_prompt_or_key(lines: list[str], caplog: pytest.LogCaptureFixture) -> None:
    headers = {b"authorization": f"Bearer {KEY}".encode()}
    caller = Caller("team-a", ["*"])
    assert caller is not None
    call = a_call(caller=caller, stream=True, messages=[{"role": "user", "content": "a private prompt"}])
    call.client_headers = headers
    call.trace = Tracer(1).trace({})
    call.transcript = [b'data: {"choices":[{"delta":{"content":"a private answer"}}]}\n\n']
    call.begin(a_target("first"), "first", call.received).status = 503
    answering = call.begin(a_target(), "fallback", call.received + 0.1)
    answering.status, answering.first = 200, call.received + 0.25
    call.ended = call.received + 1.5
    call.status, call.cache, call.usage = 200, "miss", Usage(3, 5)
    assert call.trace is not None
    assert told(caplog, call) == {
        "event": "request",
        "id": "req_1",
        "key": "team-a",
        "operation": "chat",
        "model": "m",
        "route": None,
        "provider": "lab",
        "provider_model": "llama",
        "attempts": ["first:first:503", "lab:fallback:200"],
        "cache": "miss",
        "stream": True,
        "status": 200,
        "error": None,
        "milliseconds": 1500.0,
        "first_token_milliseconds": 250.0,
        "prompt_tokens": 3,
        "completion_tokens": 5,
        "cost_usd": None,
        "trace": call.trace.id.decode(),
    }
    assert not [word for word in (KEY, "private") if word in caplog.text]


async def test_a_request_that_reached_nobody_is_logged_too(lines: list[str], caplog: pytest.LogCaptureFixture) -> None:
    call = a_call(model="x\u2028y")
    call.error, call.status = "model_not_found", 404
    line = told(caplog, call)
    assert (line["status"], line["error"], line["provider"], line["attempts"]) == (404, "model_not_found", None, [])


@given(st.text())
def test_a_json_line_is_one_line_whatever_it_says(text: str) -> None:
    line = as_json("%s", text)
    assert "\n" not in line
    assert json.loads(line)["message"] == text


def test_a_json_line_says_when_how_bad_and_where() -> None:
    line = json.loads(as_json("it is %s", "so"))
    assert line.pop("time").endswith("Z")
    assert line == {"level": "WARNING", "logger": "isthmus.any", "message": "it is so"}


def test_fields_are_fields_of_a_json_line() -> None:
    line = json.loads(as_json(Fields({"event": "usage", "requests": 2})))
    assert (line["message"], line["requests"]) == ("usage", 2)


def test_an_exception_is_told_in_its_line() -> None:
    try:
        raise ValueError("so it broke")
    except ValueError:
        line = as_json("it failed", exc_info=sys.exc_info())
    assert "\n" not in line
    assert "so it broke" in json.loads(line)["exception"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_log_goes_to_standard_error(
    form: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger("isthmus")
    for name in ("handlers", "level", "propagate"):
        monkeypatch.setattr(root, name, getattr(root, name))
    configure(form)
    configure(form)
    logging.getLogger("isthmus.any").warning("said once")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("said once") == 1
