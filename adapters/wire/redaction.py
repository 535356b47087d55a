"""Keep secrets out of what clients are told."""

import json

from adapters.wire.errors import GatewayError, UpstreamError

_REDACTED = "[redacted]"
_SHORTEST_SECRET = 8  # shorter ones are placeholders such as `EMPTY`, and words of ordinary sentences


def redact(error: GatewayError, secret: str | None) -> None:
    """Replace a secret in an error's message and in the provider's own bytes."""
    if not secret or len(secret) < _SHORTEST_SECRET:
        return
    error.message = error.message.replace(secret, _REDACTED)
    if isinstance(error, UpstreamError):
        error.raw = _without(error.raw, secret)
        error.said = _without(error.said, secret)


def _without(body: bytes | None, secret: str) -> bytes | None:
    if body is not None:
        for written in (secret, json.dumps(secret)[1:-1]):
            body = body.replace(written.encode(), _REDACTED.encode())
    return body
