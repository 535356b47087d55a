"""The doors of chat/completions, completions and embeddings: HTTP to a Call, and the Reply back."""

import asyncio
from typing import Any

from adapters.wire.body import parse
from adapters.wire.errors import (
    BadRequest,
    GatewayError,
    MethodNotAllowed,
    TooLarge,
    UnsupportedMediaType,
)
from config.schema import Operation
from gateway.call import Call, request_id_of
from gateway.errors import render
from gateway.onion import Live
from gateway.relay import Send, relay
from gateway.server.exchange import CANCEL_ON_DISCONNECT

_PARSE_IN_THREAD_AT = 524_288
"""Bytes: a body of this size costs about 2 ms, which other calls should not wait for."""


class InferenceDoor:
    """An ASGI application for one operation."""

    def __init__(self, operation: Operation, live: Live) -> None:
        self._operation: Operation = operation
        self._live = live

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Serve one request. The client's leaving cancels it, in every phase."""
        scope["extensions"][CANCEL_ON_DISCONNECT]()
        headers = dict(scope["headers"])
        request_id = request_id_of(headers)
        call: Call | None = None
        onion = self._live.onion
        onion.running.enter()
        try:
            if scope["method"] != "POST":
                raise MethodNotAllowed("Only POST is served here.", headers=((b"allow", b"POST"),))
            received = asyncio.get_running_loop().time()
            caller = onion.keyring.identify(headers)
            raw = await _read(receive, headers, onion.config.server.limits.body_bytes)
            body = parse(raw) if len(raw) < _PARSE_IN_THREAD_AT else await asyncio.to_thread(parse, raw)
            caller.check(body.model)
            call = Call(self._operation, request_id, caller, body, headers, received)
            reply = await onion.handler(call)
            await relay(call, reply, send, self._live.count)
        except GatewayError as error:
            status = await send_error(error, request_id, send)
            if call is not None:
                call.status = status
        except asyncio.CancelledError:
            if call is not None:
                call.status = 499
            raise
        finally:
            onion.running.leave()
            if call is not None:
                call.close()


async def send_error(error: GatewayError, request_id: bytes, send: Send) -> int:
    """Answer with an error; give its status."""
    ours = () if any(name == b"x-request-id" for name, _ in error.headers) else ((b"x-request-id", request_id),)
    status, headers, body = render(error, *ours)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return status


async def _read(receive: Any, headers: dict[bytes, bytes], most: int) -> bytes:
    """The request's body, at most `most` bytes of it.

    Raises TooLarge before reading where the length is declared, UnsupportedMediaType for what is not plain JSON.
    """
    declared = headers.get(b"content-length")
    if declared is not None and int(declared) > most:
        raise _too_large(most)
    _check_media_type(headers)
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > most:
            raise _too_large(most)
        return body
    parts = [body]
    size = len(body)
    while message.get("more_body", False):
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
    if message["type"] == "http.disconnect":
        raise BadRequest("The client left before its request was whole.", code="client_left")
    return b"".join(parts)


def _check_media_type(headers: dict[bytes, bytes]) -> None:
    given = headers.get(b"content-type")
    if given is not None and given != b"application/json":
        media_type = given.partition(b";")[0].strip().lower()
        if media_type != b"application/json" and not media_type.endswith(b"+json"):
            raise UnsupportedMediaType(
                f"Send JSON with 'Content-Type: application/json', not '{media_type.decode('latin-1')[:64]}'."
            )
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.lower() != b"identity":
        raise UnsupportedMediaType("Compressed request bodies are not taken: send the JSON as it is.")


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The request's body is over {most} bytes (server.limits.body_bytes).")
