import json

import pytest

from adapters.inference.ollama import ADAPTER
from tests.recordings import Recording, params


@pytest.mark.parametrize(
    ("status", "type", "code", "retryable"),
    [
        (400, "invalid_request_error", "upstream_error", False),
        (401, "invalid_request_error", "invalid_api_key", False),
        (403, "invalid_request_error", "upstream_error", False),
        (404, "invalid_request_error", "model_not_found", False),
        (429, "rate_limit_error", "rate_limit_exceeded", True),
        (500, "server_error", "upstream_error", True),
        (503, "server_error", "overloaded", True),
    ],
)
def test_the_status_tells_what_the_text_can_not(status: int, type: str, code: str, retryable: bool) -> None:
    error = ADAPTER.explain(status, [(b"retry-after", b"3")], b'{"error":"model \'x\' not found"}')
    assert (error.status, error.type, error.code, error.retryable) == (status, type, code, retryable)
    assert (error.message, error.retry_after) == ("model 'x' not found", 3)


def test_an_unknown_path_is_no_unknown_model() -> None:
    error = ADAPTER.explain(404, [], b"404 page not found")
    assert (error.message, error.code) == ("404 page not found", "upstream_error")


@pytest.mark.parametrize("recording", params(providers=["ollama"], operations=["error"]))
def test_recorded_errors_keep_status_and_message(recording: Recording) -> None:
    assert recording.status is not None
    error = ADAPTER.explain(recording.status, recording.headers, recording.body)
    told = json.loads(error.body())["error"]
    assert (error.status, told["message"]) == (recording.status, recording.answer["error"]["message"])
    assert told["type"] == "invalid_request_error"
    assert not error.retryable
