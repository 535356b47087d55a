"""The public keys of one issuer of tokens: fetched when first needed, kept, renewed in the background.

https://datatracker.ietf.org/doc/html/rfc7517, https://openid.net/specs/openid-connect-discovery-1_0.html
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

import jwt
import msgspec

from config.access import Issuer
from gateway.upstream.fetch import NotFetched, fetch_document

log = logging.getLogger("isthmus.issuers")

AGAIN_SECONDS = 10.0
"""Whatever happens, an issuer is asked no more often than this."""
_KEYS_MOST = 100
_RSA_BITS_LEAST = 2_048
_DISCOVERY = "/.well-known/openid-configuration"
ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA",),
    "Ed448": ("EdDSA",),
}
"""What a key of a type or curve may sign with: none that a shared secret could sign with."""


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


class _Discovered(msgspec.Struct):
    issuer: str
    jwks_uri: str


_key_set = msgspec.json.Decoder(_KeySet)
_discovered = msgspec.json.Decoder(_Discovered)


class Key:
    """A public key, and the algorithms it may be used with."""

    __slots__ = ("algorithms", "key")

    def __init__(self, key: Any, algorithms: tuple[str, ...]) -> None:
        self.key = key
        self.algorithms = algorithms


class KeySet:
    """The keys of an issuer. Where it can't be asked, the last ones go on."""

    def __init__(self, issuer: Issuer, fetch: Callable[[str], Awaitable[bytes]] = fetch_document) -> None:
        self.fetched = False
        """Whether there ever were keys."""
        self._issuer = issuer
        self._fetch = fetch
        self._keys: dict[str | None, Key] = {}
        self._fresh_until = 0.0
        self._asked_at = -math.inf
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> Key | None:
        """The key that a token names; one that is unknown has them fetched anew, for all who wait together.

        A token that names none means the only key for its algorithm.
        """
        key = self._known(key_id, algorithm)
        now = time.monotonic()
        if key is not None:
            if now >= self._fresh_until:
                self._renew(now)
            return key
        fetching = self._renew(now)
        if fetching is None:
            return None
        await asyncio.shield(fetching)
        return self._known(key_id, algorithm)

    def _known(self, key_id: str | None, algorithm: str) -> Key | None:
        if key_id is not None:
            key = self._keys.get(key_id)
            return key if key is not None and algorithm in key.algorithms else None
        fitting = [key for key in self._keys.values() if algorithm in key.algorithms]
        return fitting[0] if len(fitting) == 1 else None

    def _renew(self, now: float) -> asyncio.Task[None] | None:
        """The fetching under way, or a new one; None where the last one was too short ago."""
        if self._fetching is None or self._fetching.done():
            if now < self._asked_at + AGAIN_SECONDS:
                return None
            self._asked_at = now
            self._fetching = asyncio.get_running_loop().create_task(self._fetch_keys())
        return self._fetching

    async def _fetch_keys(self) -> None:
        name = self._issuer.issuer
        try:
            keys = _read(await self._fetch(await self._place()))
        except (NotFetched, msgspec.DecodeError) as error:
            reason = str(error) if isinstance(error, NotFetched) else "the answer is no document of the right form"
            log.warning("the keys of the issuer %s can't be fetched: %s", name, reason)
            return
        if not keys:
            log.warning("the issuer %s has no key that tokens can be checked with", name)
            return
        self._keys = keys
        self.fetched = True
        self._fresh_until = time.monotonic() + self._issuer.refresh_seconds

    async def _place(self) -> str:
        """Where the keys are. Raises NotFetched and DecodeError."""
        if self._issuer.jwks_url is not None:
            return self._issuer.jwks_url
        found = _discovered.decode(await self._fetch(self._issuer.issuer.rstrip("/") + _DISCOVERY))
        if found.issuer != self._issuer.issuer:
            raise NotFetched("what it says of itself names another issuer")
        return found.jwks_uri


def _read(document: bytes) -> dict[str | None, Key]:
    """The keys of a set that are for signatures, public and strong enough, by their names. Raises DecodeError."""
    keys: dict[str | None, Key] = {}
    for number, said in enumerate(_key_set.decode(document).keys[:_KEYS_MOST]):
        key = _key(said)
        if key is not None:
            name = said.get("kid")
            keys[name if isinstance(name, str) else f"\0{number}"] = key
    return keys


def _key(said: dict[str, Any]) -> Key | None:
    algorithms = ALGORITHMS.get("RSA" if said.get("kty") == "RSA" else str(said.get("crv")), ())
    if "alg" in said:
        algorithms = tuple(name for name in algorithms if name == said["alg"])
    if not algorithms or said.get("use", "sig") != "sig":
        return None
    public = {name: value for name, value in said.items() if name in ("kty", "n", "e", "crv", "x", "y")}
    try:
        key = jwt.PyJWK(public, algorithms[0]).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return Key(key, algorithms) if getattr(key, "key_size", _RSA_BITS_LEAST) >= _bits_least(said) else None


def _bits_least(said: dict[str, Any]) -> int:
    return _RSA_BITS_LEAST if said.get("kty") == "RSA" else 0
