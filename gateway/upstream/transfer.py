"""Bodies of any size to and from a provider, as they come: files, which nobody should hold in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from adapters.inference.contract import Headers
from adapters.wire.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable
from config import schema
from gateway.upstream.head import InvalidSetting
from gateway.upstream.tls import client_context

if TYPE_CHECKING:
    import httpx

_TOLD_BYTES = 1_048_576
"""Of an answer that is not a file."""


class Transferred:
    """An answer whose head is in."""

    def __init__(self, response: "httpx.Response", name: str) -> None:
        self._response = response
        self._name = name
        self.status = response.status_code
        self.headers: Headers = [(key.lower(), value) for key, value in response.headers.raw]

    async def pieces(self) -> AsyncIterator[bytes]:
        """Its body as it comes. Raises UpstreamTimeout and UpstreamUnreachable."""
        import httpx  # it is there by now

        try:
            async for piece in self._response.aiter_raw():
                yield piece
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise _explained(error, self._name) from None

    async def read(self) -> bytes:
        """Its body, which tells something. Raises UpstreamError where it is too long to be that."""
        parts: list[bytes] = []
        size = 0
        async for piece in self.pieces():
            parts.append(piece)
            size += len(piece)
            if size > _TOLD_BYTES:
                raise UpstreamError(f"{self._name} answered with more than {_TOLD_BYTES} bytes.")
        return b"".join(parts)


@asynccontextmanager
async def transfer(
    settings: schema.Provider,
    timeouts: schema.Timeouts,
    name: str,
    method: str,
    url: str,
    headers: Headers,
    body: AsyncIterator[bytes] | None = None,
) -> AsyncIterator[Transferred]:
    """Ask a provider, over a connection of its own: it is judged, and reached, as the configuration says.

    Raises UpstreamTimeout, UpstreamUnreachable, and whatever `body` raises, which ends the request unfinished.
    """
    import httpx  # takes a tenth of a second and ten megabytes, and few configurations send files on

    try:
        context = await asyncio.to_thread(client_context, settings.tls)
    except InvalidSetting as error:
        raise UpstreamError(f"{name} can't be asked: {error}") from None
    patience = httpx.Timeout(
        timeouts.between_chunks, connect=timeouts.connect, read=max(timeouts.first_byte, timeouts.between_chunks)
    )
    own = [*headers, (b"accept-encoding", b"identity")]
    async with httpx.AsyncClient(verify=context, proxy=settings.proxy, timeout=patience) as client:
        try:
            response = await client.send(client.build_request(method, url, headers=own, content=body), stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _explained(error, name) from None
        try:
            yield Transferred(response, name)
        finally:
            await response.aclose()


def _explained(error: Exception, name: str) -> UpstreamError:
    import httpx  # it is there by now

    if isinstance(error, httpx.TimeoutException):
        return UpstreamTimeout(f"{name} did not take or send anything for too long.")
    return UpstreamUnreachable(f"{name} can't be reached, or broke off: {type(error).__name__}.")
