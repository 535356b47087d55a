"""A configured provider at work: its dialect, its connections, its secret of the moment."""

import logging
from collections.abc import Awaitable, Iterable
from pathlib import Path

import msgspec
from msgspec import Raw

from adapters.inference.contract import Adapter, Codec, Encoded, Engine, Headers, Target
from adapters.messages.bridge import bridge, direct
from adapters.wire.errors import BadRequest, GatewayError, Overloaded, UpstreamError, UpstreamUnreachable
from adapters.wire.redaction import redact
from config import schema
from gateway.call import Call
from gateway.upstream.head import InvalidSetting, Origin, build_head, header_lines, origin_of
from gateway.upstream.pool import Pool, Response, build_pool
from gateway.upstream.tokens import AccessToken

log = logging.getLogger("isthmus.provider")

_HEADS_MAX = 1_024
_TRACE = frozenset({"traceparent", "tracestate"})
"""Headers that go on in any case, with the attempt's own span where the gateway makes some."""


class _Listed(msgspec.Struct):
    id: str


class _Listing(msgspec.Struct):
    data: list[_Listed]


_listing = msgspec.json.Decoder(_Listing | list[_Listed])  # Together sends the bare list


def _codecs(adapter: Adapter, offered: Iterable[schema.Operation]) -> dict[schema.Operation, Codec]:
    """What a provider speaks itself."""
    codecs = {operation: adapter.codecs[operation] for operation in offered if operation in adapter.codecs}
    if "messages" in codecs:
        codecs["messages"] = direct(codecs["messages"])
    return codecs


class Provider:
    """Sends encoded requests to one provider and keeps what is the same from request to request."""

    def __init__(
        self, name: str, settings: schema.Provider, server: schema.Server, adapter: Adapter, run_dir: Path
    ) -> None:
        self.name = name
        self.settings = settings
        self.adapter = adapter
        self.options = msgspec.convert(settings.options, adapter.options)
        self.server = server
        self._codecs = _codecs(adapter, settings.operations)
        chat = self._codecs.get("chat")
        self._messages_over_chat = bridge(chat) if chat is not None else None
        self._pools: dict[Origin, Pool] = {}
        self._heads: dict[str, tuple[str | None, Pool, bytes]] = {}
        self._forwarded = tuple(
            {header.lower().encode(): None for header in settings.forward_headers if header.lower() not in _TRACE}
        )
        grant = adapter.token(settings, self.options) if adapter.token else None
        source = grant or (adapter.lend(settings, self.options) if adapter.lend else None)
        self._token = AccessToken(source, proxy=settings.proxy, tls=settings.tls) if source else None
        self._engine: Engine | None = adapter.engine(name, self.options, run_dir) if adapter.engine else None

    async def start(self) -> None:
        """Load what an inline dialect wants loaded before the first request; a fault is only logged."""
        if self._engine is None:
            return
        try:
            await self._engine.start()
        except GatewayError as error:
            log.warning("%s: %s", self.name, error.message)

    def codec(self, operation: schema.Operation, target: Target) -> Codec | None:
        """How this provider is asked for an operation of a model, None where it has none.

        Messages go through chat where it does not speak that format itself.
        """
        codec = self._codecs.get(operation)
        if codec is not None and (codec.serves is None or codec.serves(target)):
            return codec
        return self._messages_over_chat if operation == "messages" else None

    def send(self, call: Call, codec: Codec, target: Target, encoded: Encoded) -> Awaitable[Response]:
        """Send one request and wait for the head of its answer.

        Raises UpstreamUnreachable, UpstreamTimeout, Overloaded, and what the dialect's engine raises.
        """
        # The attempt began just now; another may begin while this one waits for its secret.
        trace = b"" if call.trace is None else call.trace.lines(call.attempts[-1].id)
        if self._token is None and self._engine is None:
            return self._ask(call, codec, target, encoded, trace, self.settings.api_key, "")
        return self._prepare_and_ask(call, codec, target, encoded, trace)

    async def _prepare_and_ask(
        self, call: Call, codec: Codec, target: Target, encoded: Encoded, trace: bytes
    ) -> Response:
        secret = await self._secret()
        listens = await self._engine.ready(target.model) if self._engine is not None else ""
        return await self._ask(call, codec, target, encoded, trace, secret, listens)

    def _ask(
        self, call: Call, codec: Codec, target: Target, encoded: Encoded, trace: bytes, secret: str | None, listens: str
    ) -> Awaitable[Response]:
        """Put a request's head together and hand it to its pool.

        `trace` are lines of the head that are this attempt's; `listens` is where an engine has it, if one does.
        """
        url = codec.url(target, call.body)
        known = self._heads.get(listens + url)
        if known is None or known[0] is not secret or self.adapter.signs_each:
            known = self._remember(url, listens, secret, target, encoded.body)
        _, pool, head = known
        head += b"%bx-request-id: %b\r\n" % (trace, call.request_id)
        for name in self._forwarded:
            if (value := call.client_headers.get(name)) is not None:
                head += name + b": " + value + b"\r\n"
        if encoded.headers:
            head += self._lines(encoded.headers)
        return pool.send(head, encoded.body)

    def _lines(self, headers: Headers) -> bytes:
        try:
            return header_lines(headers)
        except InvalidSetting as error:
            raise BadRequest(f"The provider '{self.name}' can't be asked so: {error}", code="invalid_header") from None

    async def model_names(self) -> list[str]:
        """The models this provider says it has. Raises its error, or one of the connection's."""
        if self.adapter.models is not None:
            return list(self.adapter.models(self.options))
        if self.adapter.models_url is None:
            return []
        url = self.adapter.models_url(self.settings, self.options)
        head = build_head("GET", url, await self.headers_of(url))
        response = await self._pool(origin_of(url)).send(head, b"")
        try:
            body = await response.read()
        finally:
            response.close()
        if response.status > 299:
            raise self.explain(response.status, response.headers, body)
        try:
            listing = _listing.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UpstreamError("The provider's list of models can't be read.") from None
        return [model.id for model in (listing if isinstance(listing, list) else listing.data)]

    async def headers_of(self, url: str) -> Headers:
        """What a request carries that is about no model: the secret, as the dialect shows it."""
        target = Target(self.name, "", Raw(b'""'), self.settings, self.options)
        return self.adapter.sign(target, url, b"", await self._secret())

    def judge(self, fault: UpstreamUnreachable) -> GatewayError:
        """What a broken connection means: of an inline provider, that a process died; the next request restarts it."""
        if self._engine is None:
            return fault
        return Overloaded(f"A process of the provider '{self.name}' ended; it is started again.", retry_after=1)

    def explain(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        """The provider's error, without the key should the provider repeat it."""
        error = self.adapter.explain(status, headers, body)
        if isinstance(error, UpstreamError):
            error.said = body
        redact(error, self.settings.api_key)
        redact(error, self._token.present if self._token else None)
        return error

    def load(self) -> tuple[int, int]:
        """Connections to it, and requests that wait for one."""
        loads = [pool.load for pool in self._pools.values()]
        return sum(connections for connections, _ in loads), sum(waiting for _, waiting in loads)

    async def close(self) -> None:
        """Let running exchanges end, then close every connection and end the engine."""
        for pool in self._pools.values():
            await pool.close()
        if self._token is not None:
            await self._token.close()
        if self._engine is not None:
            await self._engine.stop()

    async def _secret(self) -> str | None:
        return await self._token.get() if self._token else self.settings.api_key

    def _pool(self, origin: Origin) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = build_pool(self.settings, origin, self.server, self.name)
        return pool

    def _remember(
        self, url: str, listens: str, secret: str | None, target: Target, body: bytes
    ) -> tuple[str | None, Pool, bytes]:
        """Build what is the same for every request to a URL; `listens` is where an engine has it, if one does."""
        signature = self.adapter.sign(target, url, body, secret)
        try:
            pool = self._pool(origin_of(listens or url))
            head = build_head("POST", url, [(b"content-type", b"application/json"), *signature])
        except InvalidSetting as error:
            message = f"The provider '{self.name}' can't be asked: {error}"
            raise GatewayError(message, code="invalid_configuration") from None
        if len(self._heads) >= _HEADS_MAX:
            self._heads.clear()
        known = self._heads[listens + url] = (secret, pool, head)
        return known
