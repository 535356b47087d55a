"""A key or a token to the caller it stands for. Keys are kept as digests only and compared in constant time.

What a connection's last request presented is kept as it came, as long as the connection is open.
"""

import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from adapters.wire.errors import Unauthorized
from config.access import Key
from config.moments import moment_of
from gateway.auth.addresses import Addresses, networks_of
from gateway.auth.caller import ANYBODY, Caller

if TYPE_CHECKING:
    from gateway.auth.sources import NoTokens
    from gateway.auth.tokens import Tokens

_DIGEST_PREFIX = "sha256:"
_BEFORE = "isthmus.caller"
_CHALLENGE = ((b"www-authenticate", b"Bearer"),)


class _Refusal(NamedTuple):
    code: str
    message: str


class Source(Protocol):
    """Where callers are known that the configuration does not list."""

    def known(self, digest: bytes) -> Caller | None:
        """The caller of a secret that was found before."""
        ...

    def takes(self, presented: bytes) -> bool:
        """Whether it has the form of what is known here."""
        ...

    async def find(self, presented: bytes, digest: bytes) -> Caller:
        """The caller of a secret. Raises Unauthorized, and Unavailable where nobody can tell."""
        ...


class _Before(NamedTuple):
    """What a connection's last request was let in by."""

    keyring: "Keyring"
    authorization: bytes
    caller: Caller


class Keyring:
    """Every key of the configuration, and the sources of others."""

    __slots__ = ("_callers", "_open", "_sources", "addresses", "tokens")

    def __init__(
        self,
        keys: list[Key],
        managed: Source | None = None,
        tokens: "Tokens | NoTokens | None" = None,
        *,
        guarded: bool = False,
        addresses: Addresses | None = None,
    ) -> None:
        self.addresses = addresses or Addresses()
        """Where clients are, for those whose keys are bound to networks."""
        self.tokens = tokens
        self._callers: dict[bytes, list[tuple[bytes, Caller]]] = {}
        self._sources: tuple[Source, ...] = tuple(source for source in (managed, tokens) if source is not None)
        self._open = not keys and not guarded
        for key in keys:
            digest = bytes_of(key.key)
            self._callers.setdefault(digest[:2], []).append((digest, _caller(key)))

    def known(self, headers: dict[bytes, bytes], connection: dict[str, Any] | None = None) -> Caller | None:
        """The caller that a request's headers name; None where `identify` has to ask somebody.

        Raises Unauthorized. A digest's first bytes choose whom to compare with: they tell nothing about a key. What
        follows on one connection nearly always has the same key: `connection` is where it is remembered as long as that
        is open, if nothing but another configuration can end it.
        """
        if self._open:
            return ANYBODY
        authorization = headers.get(b"authorization", b"")
        before: _Before | None = connection.get(_BEFORE) if connection is not None else None
        if before is not None and before.keyring is self and hmac.compare_digest(before.authorization, authorization):
            return before.caller
        presented = presented_in(headers)
        digest = hashlib.sha256(presented).digest()
        for known, caller in self._callers.get(digest[:2], ()):
            if hmac.compare_digest(known, digest):
                if caller.until is not None:
                    return _alive(caller)
                if connection is not None and authorization:
                    connection[_BEFORE] = _Before(self, authorization, caller)
                return caller
        for source in self._sources:
            found = source.known(digest)
            if found is not None:
                return found if found.until is None else _alive(found)
        if any(source.takes(presented) for source in self._sources):
            return None
        raise refused("invalid_api_key")

    async def identify(self, headers: dict[bytes, bytes]) -> Caller:
        """The caller that a request's headers name. Raises Unauthorized, or Unavailable where nobody can tell."""
        caller = self.known(headers)
        if caller is not None:
            return caller
        presented = presented_in(headers)
        source = next(source for source in self._sources if source.takes(presented))
        return _alive(await source.find(presented, hashlib.sha256(presented).digest()))


def presented_in(headers: dict[bytes, bytes]) -> bytes:
    """The key or token of a request. Raises Unauthorized where there is none."""
    authorization = headers.get(b"authorization")
    if authorization is not None:
        presented = authorization[7:].strip() if authorization[:7].lower() == b"bearer " else b""
    else:
        presented = headers.get(b"api-key") or headers.get(b"x-api-key") or b""
    if not presented:
        raise refused("missing_api_key")
    return presented


def refused(code: str) -> Unauthorized:
    """What a client without a good key is told."""
    return Unauthorized(_REFUSALS[code], headers=_CHALLENGE, code=code)


def bytes_of(key: str) -> bytes:
    """The digest of a key as an operator writes it: itself, or its digest."""
    if key.startswith(_DIGEST_PREFIX):
        return bytes.fromhex(key[len(_DIGEST_PREFIX) :])
    return hashlib.sha256(key.encode()).digest()


_REFUSALS = {
    refusal.code: refusal.message
    for refusal in (
        _Refusal(
            code="missing_api_key",
            message="You didn't provide an API key. Send it as 'Authorization: Bearer YOUR_KEY'.",
        ),
        _Refusal(code="invalid_api_key", message="Incorrect API key provided. Ask whoever runs this gateway for one."),
        _Refusal(code="key_expired", message="This API key has expired. Ask whoever runs this gateway for a new one."),
        _Refusal(code="key_disabled", message="This API key is disabled. Ask whoever runs this gateway why."),
        _Refusal(
            code="invalid_token",
            message="This token can't be trusted: its signature, issuer, audience or form is wrong.",
        ),
        _Refusal(
            code="token_expired",
            message="This token has expired, or does not count yet. Ask its issuer for a new one.",
        ),
    )
}


def _alive(caller: Caller) -> Caller:
    if caller.until is not None and caller.until <= time.time():
        raise refused(caller.expiry)
    return caller


def _caller(key: Key) -> Caller:
    return Caller(
        key.name,
        key.models,
        owner=key.owner,
        team=key.team,
        organisation=key.organisation,
        limit=key.limit,
        networks=networks_of(key.addresses),
        until=moment_of(key.expires) if key.expires is not None else None,
    )
