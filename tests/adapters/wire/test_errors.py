import json

from adapters.wire.errors import UpstreamTimeout


def test_a_provider_that_is_too_slow_is_a_504_that_may_be_tried_again() -> None:
    error = UpstreamTimeout("Nothing came within 5 seconds.")
    assert (error.status, error.retryable) == (504, True)
    assert json.loads(error.body())["error"] == {
        "message": "Nothing came within 5 seconds.",
        "type": "timeout_error",
        "param": None,
        "code": "upstream_timeout",
    }
