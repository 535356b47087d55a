"""Log lines."""

import json
import logging

import pytest

from adapters.wire.usage import Usage
from config.access import Key
from gateway.auth import Keyring
from gateway.observe.log import configure, log_request
from tests.gateway.calls import a_call, a_target

KEY = "sk-secret-0123456789"


async def test_a_request_is_one_line_without_prompt_or_key(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("isthmus"), "propagate", True)
    caplog.set_level("INFO", "isthmus.request")
    headers = {b"authorization": f"Bearer {KEY}".encode()}
    caller = Keyring([Key(name="team-a", key=KEY)]).identify(headers)
    call = a_call(caller=caller, stream=True, messages=[{"role": "user", "content": "a private prompt"}])
    call.client_headers = headers
    call.transcript = [b'data: {"choices":[{"delta":{"content":"a private answer"}}]}\n\n']
    call.target = a_target()
    call.status = 200
    call.usage = Usage(3, 5)
    log_request(call)
    line = json.loads(caplog.messages[0])
    assert line.pop("milliseconds") >= 0
    assert line == {
        "event": "request",
        "id": "req_1",
        "key": "team-a",
        "operation": "chat",
        "model": "m",
        "provider": "lab",
        "provider_model": "llama",
        "stream": True,
        "status": 200,
        "error": None,
        "prompt_tokens": 3,
        "completion_tokens": 5,
    }
    assert not [word for word in (KEY, "private") if word in caplog.text]


async def test_a_request_that_reached_nobody_is_logged_too(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("isthmus"), "propagate", True)
    caplog.set_level("INFO", "isthmus.request")
    call = a_call(model="x\u2028y")
    call.error, call.status = "model_not_found", 404
    log_request(call)
    line = json.loads(caplog.messages[0])
    assert (line["status"], line["error"], line["provider"]) == (404, "model_not_found", None)


def test_the_log_goes_to_standard_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger("isthmus")
    for name in ("handlers", "level", "propagate"):
        monkeypatch.setattr(root, name, getattr(root, name))
    configure()
    configure()
    logging.getLogger("isthmus.any").warning("said once")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("said once") == 1
