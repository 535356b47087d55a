"""Access tokens that expire: fetched when first needed, kept, renewed before they run out."""

import asyncio
import logging
import re
import time
from copy import copy
from typing import TYPE_CHECKING

import msgspec

from adapters.inference.contract import Lease, Lend, TokenGrant
from adapters.wire.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable
from config.schema import Tls
from gateway.upstream.head import InvalidSetting
from gateway.upstream.tls import token_context

if TYPE_CHECKING:
    import httpx

_TIMEOUT_SECONDS = 30.0
_ANSWER_BYTES = 1_048_576
_AHEAD_SECONDS = 300.0
"""Renewed this long before expiry, or after half of a shorter life."""
_RETRY_SECONDS = 15.0
"""After a failed renewal, while the old token is still good."""
_LIFE_SECONDS = 300
"""Where the answer does not say: RFC 6749, 5.1 only recommends `expires_in`."""
_ERROR_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")

_log = logging.getLogger(__name__)


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: int = _LIFE_SECONDS


class _Refused(msgspec.Struct):
    error: str = ""


_granted = msgspec.json.Decoder(_Granted, strict=False)  # Microsoft's older endpoint writes expires_in as a string
_refused = msgspec.json.Decoder(_Refused)


class AccessToken:
    """The secret of the moment: from a grant over HTTP, or lent by a function that blocks.

    https://datatracker.ietf.org/doc/html/rfc6749#section-4.4
    """

    def __init__(self, grant: TokenGrant | Lend, *, proxy: str | None = None, tls: Tls | None = None) -> None:
        self._source = grant
        self._proxy = proxy
        self._tls = tls or Tls()
        self._client: httpx.AsyncClient | None = None
        self._token = ""
        self._renew_at = 0.0
        self._expires_at = 0.0
        self._renewal: asyncio.Task[UpstreamError | None] | None = None

    @property
    def present(self) -> str:
        """The token as it was last granted, empty before."""
        return self._token

    async def get(self) -> str:
        """A token that is good now; waits only where there is none.

        Raises UpstreamError, UpstreamUnreachable or UpstreamTimeout, never with a secret in its message.
        """
        now = time.monotonic()
        if now < self._renew_at:
            return self._token
        renewal = self._renewal
        if renewal is None or renewal.done():
            renewal = self._renewal = asyncio.create_task(self._renew())
        if now >= self._expires_at and (error := await asyncio.shield(renewal)) is not None:
            raise copy(error)  # each of those who wait may add to it
        return self._token

    async def close(self) -> None:
        """End a renewal under way and the connections."""
        if self._renewal is not None:
            self._renewal.cancel()
        if self._client is not None:
            await self._client.aclose()

    async def _renew(self) -> UpstreamError | None:
        """Fetch a token; while the old one is good, a fault is only logged."""
        try:
            source = self._source
            if isinstance(source, TokenGrant):
                granted = await self._fetch(source)
            else:
                granted = await asyncio.to_thread(source)
        except UpstreamError as error:
            left = self._expires_at - time.monotonic()
            if left > 0:
                self._renew_at = time.monotonic() + min(_RETRY_SECONDS, left)
                _log.warning("%s The present one is good for %d seconds.", error.message, left)
            return error
        now = time.monotonic()
        self._token = granted.secret
        self._expires_at = now + granted.seconds
        self._renew_at = now + max(granted.seconds - _AHEAD_SECONDS, granted.seconds / 2)
        return None

    def _make_client(self) -> "httpx.AsyncClient":
        import httpx  # takes a tenth of a second and ten megabytes, and few configurations have a grant

        try:
            context = token_context(self._tls)
        except InvalidSetting as error:
            raise UpstreamError(f"No access token can be asked for: {error}") from None
        return httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, proxy=self._proxy, verify=context)

    async def _fetch(self, grant: TokenGrant) -> Lease:
        if self._client is None:
            self._client = await asyncio.to_thread(self._make_client)
        import httpx  # it is there by now

        try:
            async with self._client.stream("POST", grant.url, data=grant.form) as response:
                body = await _read(response)
                status = response.status_code
        except httpx.TimeoutException:
            raise UpstreamTimeout(f"No access token within {_TIMEOUT_SECONDS:g} seconds.") from None
        except httpx.TransportError as error:
            reason = type(error).__name__
            raise UpstreamUnreachable(f"The server that grants access tokens can't be reached: {reason}.") from None
        if status != 200:
            raise UpstreamError(
                f"No access token was granted: status {status}{_error_code(body)}. Check the credentials."
            )
        try:
            granted = _granted.decode(body)
        except msgspec.DecodeError:
            raise UpstreamError("The server that grants access tokens answered without one.") from None
        if not granted.access_token or not granted.access_token.isascii() or not granted.access_token.isprintable():
            raise UpstreamError("The server that grants access tokens answered with one that can't be sent.")
        return Lease(granted.access_token, granted.expires_in)


async def _read(response: "httpx.Response") -> bytes:
    body = b""
    async for data in response.aiter_bytes():
        body += data
        if len(body) > _ANSWER_BYTES:
            raise UpstreamError("The server that grants access tokens answered with more than a token.")
    return body


def _error_code(body: bytes) -> str:
    """The code that RFC 6749, 5.2 defines; descriptions name accounts, so they stay here."""
    try:
        code = _refused.decode(body).error
    except msgspec.DecodeError:
        return ""
    return f" ({code})" if _ERROR_CODE.fullmatch(code) else ""
