"""One attempt: encode for this target, send, explain or decode, and look at the first bytes of a stream."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TypeAlias

from adapters.inference.contract import Codec, StreamDecoder, Target
from adapters.wire.embeddings import split_inputs
from adapters.wire.errors import BadRequest, GatewayError, StreamIncomplete, UpstreamError, UpstreamUnreachable
from adapters.wire.retry_after import limits_reset
from adapters.wire.usage import Usage
from gateway.batches import in_batches
from gateway.call import Attempt, Call, Cause, Reply, Stream
from gateway.limit_headers import renamed
from gateway.provider import Provider
from gateway.sent import has_begun, read, without_last_frame
from gateway.upstream.pool import Response

_STREAM_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
_DROPPED_MAX = 32
_DROPPED_NAME_MAX = 96
_HELD_MAX = 65_536
"""Bytes of a stream that are held while its first content is awaited."""
_LIMITS = (b"x-ratelimit-", b"anthropic-ratelimit-")
_PASSED_HEADERS = frozenset({b"retry-after", b"openai-processing-ms", b"openai-version", b"openai-organization"})
_REQUEST_IDS = frozenset({b"x-request-id", b"request-id"})

Count: TypeAlias = Callable[[Call], Awaitable[Usage]]


class Dispatch:
    """Sends calls to the configured providers; `count` counts the tokens of a call where nobody tells them."""

    def __init__(self, providers: Mapping[str, Provider], count: Count) -> None:
        self._providers = providers
        self._count = count

    def attempt(self, call: Call, target: Target, cause: Cause = "first") -> Awaitable[Reply]:
        """Ask one target; what becomes of it stands in the call's attempts, a stream's from its end on.

        Raises the provider's error as UpstreamError, and BadRequest for what the target can't be asked.
        """
        call.target = target
        provider = self._providers[target.provider]
        codec = provider.codec(call.operation, target)
        if codec is None:
            if call.operation == "count_tokens" and (messages := provider.codec("messages", target)) is not None:
                return self._estimate(call, target, messages)
            raise BadRequest(
                f"The provider '{target.provider}' does not serve {call.operation}.", param="model", code="unsupported"
            )
        if call.operation == "embeddings" and (most := codec.most_inputs(target)) is not None:
            parts = split_inputs(call.body, most)
            if len(parts) > 1:
                return in_batches(lambda part: self._ask(part, target, provider, codec, cause), call, parts)
        return self._ask(call, target, provider, codec, cause)

    async def _estimate(self, call: Call, target: Target, messages: Codec) -> Reply:
        """The tokens of a Messages request, counted here: the provider has no operation for it."""
        messages.encode(call.body, target)  # raises for what the provider could not be asked
        usage = await self._count(call)
        if not usage.prompt_tokens:
            raise GatewayError("The tokens could not be counted; the gateway's log says why.")
        body = b'{"input_tokens":%d}' % usage.prompt_tokens
        headers = [*_headers(call, target, ()), (b"x-isthmus-estimated", b"input_tokens"), *_json(body)]
        return Reply(200, headers, body)

    async def _ask(self, call: Call, target: Target, provider: Provider, codec: Codec, cause: Cause) -> Reply:
        encoded = codec.encode(call.body, target)
        now = asyncio.get_running_loop().time
        attempt = call.begin(target, cause, now())
        attempt.dropped = encoded.dropped
        try:
            response = await provider.send(call, codec, target, encoded)
            try:
                attempt.status = response.status
                reply = await _reply(call, attempt, provider, codec, response, self._count)
            except BaseException as error:
                response.close()
                if isinstance(error, GatewayError):
                    error.headers = (*error.headers, *_headers(call, target, response.headers))
                raise
        except UpstreamUnreachable as fault:
            attempt.fail(fault, now())
            raise provider.judge(fault) from None
        except BaseException as error:
            attempt.fail(error, now())
            raise
        attempt.first = now()
        if reply.stream is None:
            attempt.ended = attempt.first
        if encoded.dropped:
            reply.headers.append((b"x-isthmus-dropped", _header_value(encoded.dropped)))
        return reply


async def _reply(
    call: Call, attempt: Attempt, provider: Provider, codec: Codec, response: Response, count: Count
) -> Reply:
    target = attempt.target
    if response.status > 299:
        error = provider.explain(response.status, response.headers, await response.read())
        if error.retry_after is None and response.status == HTTPStatus.TOO_MANY_REQUESTS:
            error.retry_after = limits_reset(response.headers)
        raise error
    if not (call.body.stream and call.generates):
        raw = await response.read()
        response.close()
        answer = codec.decode(raw, target, call.body)
        call.usage = attempt.usage = answer.usage
        body = attempt.answer = answer.body
        if answer.usage is None and call.generates:
            call.transcript.append(b"data: %b\n\n" % body.replace(b"\n", b" "))  # to be counted as a stream is
            if answer.with_usage is not None:
                call.usage = attempt.usage = await count(call)
                body = answer.with_usage(call.usage)
        headers = _headers(call, target, response.headers)
        headers += _json(body)
        return Reply(200, headers, body)
    if not _is_stream(response.headers, codec.media_type):
        codec.decode(await response.read(), target, call.body)
        raise UpstreamError("The provider did not stream its answer, although it was asked to.")
    decoder = codec.stream(target, call.body)
    first = await _first_frames(response, decoder)
    headers = _headers(call, target, response.headers)
    headers += _STREAM_HEADERS
    return Reply(200, headers, stream=Stream(first, decoder, response, codec.stream_error, attempt))


async def _first_frames(response: Response, decoder: StreamDecoder) -> bytes:
    """The frames of a stream up to the first with content: as long as none is out, a fault is an ordinary error.

    Raises the error that the provider told before, and UpstreamError where the stream ends before. A provider that
    says much before its first content is not waited for any longer.
    """
    first = b""
    while data := await response.chunk():
        ready = decoder.feed(data)
        if decoder.error is not None:
            first += ready
            if not read(without_last_frame(first)).says:
                raise decoder.error
            return first
        if ready:
            first = first + ready if first else ready
            if has_begun(ready) or len(first) > _HELD_MAX:
                return first
    first += decoder.close()
    if decoder.error is not None:
        raise decoder.error
    told = read(first)
    if not told.says and told.finish is None:
        raise StreamIncomplete("The provider's stream ended before it began.")
    return first


def _is_stream(headers: Iterable[tuple[bytes, bytes]], media_type: bytes) -> bool:
    for name, value in headers:
        if name == b"content-type":
            return value.lower().startswith(media_type)
    return False


def _json(body: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))


def _header_value(dropped: tuple[str, ...]) -> bytes:
    """Names that a client made up, made fit for a header and bounded."""
    more = len(dropped) - _DROPPED_MAX
    names = [re.sub(r"[^!-+\--~]", "?", name[:_DROPPED_NAME_MAX]) for name in dropped[:_DROPPED_MAX]]
    return ", ".join([*names, f"and-{more}-more"] if more > 0 else names).encode()


def _headers(call: Call, target: Target, upstream: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of every answer that a provider gave, and what the provider says of its limits."""
    headers = [(b"x-request-id", call.request_id), *target.headers]
    for header in upstream:
        name = header[0]
        if name.startswith(_LIMITS):
            headers.append(renamed(header) if call.is_limited else header)
        elif name in _PASSED_HEADERS:
            headers.append(header)
        elif name in _REQUEST_IDS:
            headers.append((b"x-isthmus-upstream-request-id", header[1]))
    return headers
