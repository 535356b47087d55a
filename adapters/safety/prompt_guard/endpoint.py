"""Asking an endpoint that classifies texts, which no operation of the gateway stands for."""

import http.client
import ssl
from typing import Final
from urllib.parse import urlsplit

from adapters.safety.contract import CheckUnavailable

_ANSWER_MAX: Final = 65_536
_SECONDS: Final = 10.0
_OK: Final = 200


def post(url: str, key: str | None, body: bytes) -> bytes:
    """The body of the answer. Blocks, so it is called in a thread. Raises CheckUnavailable."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=_SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        said = answer.read(_ANSWER_MAX)
    except (OSError, http.client.HTTPException) as error:
        raise CheckUnavailable(f"the endpoint does not answer: {type(error).__name__}") from None
    finally:
        connection.close()
    if answer.status != _OK:
        raise CheckUnavailable(f"the endpoint answers with {answer.status}")
    return said
