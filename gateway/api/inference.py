"""The doors of calls (chat, completions, embeddings, rerank, messages …): HTTP to a Call, and the Reply back."""

import asyncio
from typing import Any

from adapters.wire.errors import BadRequest, GatewayError, MethodNotAllowed
from config.schema import Operation
from gateway.api.bodies import Bodies
from gateway.api.formats import Format
from gateway.call import Call, request_id_of
from gateway.closing import Closing
from gateway.errors import render
from gateway.onion import Live
from gateway.relay import Send, relay
from gateway.server.exchange import CANCEL_ON_DISCONNECT

_PARSE_IN_THREAD_AT = 524_288
"""Bytes: a body of this size costs about 2 ms, which other calls should not wait for."""


class InferenceDoor:
    """An ASGI application for one operation."""

    def __init__(self, operation: Operation, live: Live, bodies: Bodies, closing: Closing, format: Format) -> None:
        self._operation: Operation = operation
        self._format = format
        self._live = live
        self._bodies = bodies
        self._closing = closing

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Serve one request. The client's leaving cancels it, in every phase."""
        extensions = scope["extensions"]
        extensions[CANCEL_ON_DISCONNECT]()
        headers = dict(scope["headers"])
        request_id = request_id_of(headers)
        call: Call | None = None
        raw = b""
        onion = self._live.onion
        onion.running.enter()
        try:
            if scope["method"] != "POST":
                raise MethodNotAllowed("Only POST is served here.", headers=((b"allow", b"POST"),))
            received = asyncio.get_running_loop().time()
            caller = onion.keyring.known(headers, extensions) or await onion.keyring.identify(headers)
            if caller.networks:
                onion.keyring.addresses.check(caller, scope)
            raw = await self._bodies.read(receive, headers, onion.config.server.limits)
            parse = self._format.parse
            body = parse(raw) if len(raw) < _PARSE_IN_THREAD_AT else await asyncio.to_thread(parse, raw)
            if (said := headers.get(b"x-isthmus-unsupported")) is not None:
                body.on_unsupported = _on_unsupported(said)
            caller.check(body)
            call = Call(self._operation, request_id, caller, body, headers, received)
            reply = await onion.handler(call)
            if self._format.headers is not None:
                reply.headers += self._format.headers(request_id)
            await relay(call, reply, send, self._live.count)
        except GatewayError as error:
            status = await send_error(error, request_id, send, self._format)
            if call is None:
                self._live.around.counters.add("refused_requests", self._operation, error.code or error.type)
            else:
                call.status = status
        except asyncio.CancelledError:
            if call is not None:
                call.status = 499
            raise
        finally:
            self._bodies.release(raw)
            if call is None:
                onion.running.leave()
            else:
                self._closing.add(call, onion.running)


def _on_unsupported(said: bytes) -> str:
    if said not in (b"report", b"refuse"):
        raise BadRequest("The header 'x-isthmus-unsupported' must be 'report' or 'refuse'.", code="invalid_header")
    return said.decode()


async def send_error(error: GatewayError, request_id: bytes, send: Send, format: Format) -> int:
    """Answer with an error; give its status."""
    ours = () if any(name == b"x-request-id" for name, _ in error.headers) else ((b"x-request-id", request_id),)
    if format.headers is not None:
        ours = (*ours, *format.headers(request_id))
    status, headers, body = render(error, *ours, body=format.error_body(error, request_id))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return status
