from adapters.wire.errors import BadRequest, UpstreamError
from adapters.wire.redaction import redact


def test_a_secret_leaves_the_message_and_the_providers_bytes() -> None:
    error = UpstreamError("no such key: sk-12345678", raw=b'{"error":{"message":"no such key: sk-12345678"}}')
    redact(error, "sk-12345678")
    assert error.message == "no such key: [redacted]"
    assert error.body() == b'{"error":{"message":"no such key: [redacted]"}}'


def test_a_secret_is_found_as_json_writes_it() -> None:
    error = UpstreamError("refused", raw=b'{"error":{"message":"key ab\\"cdefgh"}}')
    redact(error, 'ab"cdefgh')
    assert error.body() == b'{"error":{"message":"key [redacted]"}}'


def test_placeholders_are_no_secrets() -> None:
    error = BadRequest("This list is EMPTY.")
    redact(error, "EMPTY")
    redact(error, None)
    assert error.message == "This list is EMPTY."


def test_errors_of_the_gateway_are_redacted_too() -> None:
    error = BadRequest("What is sk-12345678?")
    redact(error, "sk-12345678")
    assert error.message == "What is [redacted]?"
