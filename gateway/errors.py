"""The one place that turns an error into an HTTP answer."""

import math

from adapters.wire.errors import GatewayError

_JSON = (b"content-type", b"application/json")


def render(
    error: GatewayError, *extra: tuple[bytes, bytes], body: bytes | None = None
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """An error as status, headers and body; OpenAI's body unless another is given."""
    body = error.body() if body is None else body
    headers = [_JSON, (b"content-length", str(len(body)).encode()), *error.headers, *extra]
    if error.retry_after is not None and not any(name == b"retry-after" for name, _ in error.headers):
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after))).encode()))
    return error.status, headers, body
