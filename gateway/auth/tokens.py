"""Callers that come with a JSON Web Token of a configured issuer: checked once, then known until it expires.

https://datatracker.ietf.org/doc/html/rfc7519, https://datatracker.ietf.org/doc/html/rfc8725
"""

import re
from typing import Any

import jwt

from adapters.wire.errors import Unauthorized, Unavailable
from config.access import Issuer
from gateway.auth.caller import Caller
from gateway.auth.key_sets import AGAIN_SECONDS, ALGORITHMS, KeySet
from gateway.auth.keyring import refused
from gateway.auth.recent import Recent

_FORM = re.compile(rb"eyJ[A-Za-z0-9_-]*\.eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+")
_LEEWAY_SECONDS = 30
"""How far the issuer's clock may be from ours."""
_KNOWN_MOST = 10_000
_NAME_MOST = 256
_ALLOWED = frozenset(name for names in ALGORITHMS.values() for name in names)


class Tokens:
    """A source of callers."""

    def __init__(self, issuers: list[Issuer], before: "Tokens | None" = None) -> None:
        self._key_sets: dict[str, tuple[Issuer, KeySet]] = {}
        self._callers: Recent[Caller] = Recent(_KNOWN_MOST)
        for issuer in issuers:
            known = before.of(issuer) if before is not None else None
            self._key_sets[issuer.issuer] = (issuer, known or KeySet(issuer))

    def of(self, issuer: Issuer) -> KeySet | None:
        """The keys of an issuer whose settings are the same."""
        settings, keys = self._key_sets.get(issuer.issuer, (None, None))
        return keys if settings == issuer else None

    def known(self, digest: bytes) -> Caller | None:
        """The caller of a token that was checked before."""
        return self._callers.get(digest)

    def takes(self, presented: bytes) -> bool:
        """Whether it has the form of a signed token."""
        return _FORM.fullmatch(presented) is not None

    async def find(self, presented: bytes, digest: bytes) -> Caller:
        """The caller of a token. Raises Unauthorized; Unavailable where the issuer never told its keys."""
        token = presented.decode("ascii")
        issuer, key_set, key_id, algorithm = self._named(token)
        key = await key_set.find(key_id, algorithm)
        if key is None:
            if not key_set.fetched:
                raise Unavailable(
                    "The issuer of this token does not tell its keys, so it can't be checked. Try again.",
                    code="issuer_unavailable",
                    retry_after=AGAIN_SECONDS,
                )
            raise refused("invalid_token")
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=issuer.audience,
                issuer=issuer.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
            raise refused("token_expired") from None
        except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError):
            raise refused("invalid_token") from None
        caller = _caller(issuer, claims)
        self._callers.put(digest, caller)
        return caller

    def _named(self, token: str) -> tuple[Issuer, KeySet, str | None, str]:
        """What an unchecked token says: who issued it, with which key and algorithm. Raises Unauthorized."""
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise refused("invalid_token") from None
        named, algorithm = claims.get("iss"), header.get("alg")
        if not isinstance(named, str) or named not in self._key_sets or algorithm not in _ALLOWED:
            raise refused("invalid_token")
        issuer, key_set = self._key_sets[named]
        return issuer, key_set, header.get("kid"), algorithm


def _caller(issuer: Issuer, claims: dict[str, Any]) -> Caller:
    """The caller that claims describe. Raises Unauthorized where one that is needed is missing."""
    owner = issuer.owner_prefix + _text(claims, issuer.owner_claim, needed=True)
    return Caller(
        f"token:{owner}",  # no key has a colon in its name
        _models(issuer, claims),
        owner=owner,
        team=_text(claims, issuer.team_claim) or None,
        organisation=_text(claims, issuer.organisation_claim) or None,
        limit=issuer.limit,
        until=float(claims["exp"]) + _LEEWAY_SECONDS,
        expiry="token_expired",
    )


def _models(issuer: Issuer, claims: dict[str, Any]) -> list[str]:
    """Names of models from a list, or a text with spaces between them as scopes are written."""
    if issuer.models_claim is None or issuer.models_claim not in claims:
        return issuer.models
    said = claims[issuer.models_claim]
    models = said.split() if isinstance(said, str) else said
    if not isinstance(models, list) or not all(isinstance(model, str) for model in models):
        raise _without(issuer.models_claim)
    return models


def _text(claims: dict[str, Any], name: str | None, *, needed: bool = False) -> str:
    value = claims.get(name) if name is not None else None
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not 0 < len(value) <= _NAME_MOST or not value.isprintable():
        raise _without(name)
    return value


def _without(claim: str | None) -> Unauthorized:
    return Unauthorized(
        f"The claim '{claim}' of this token is missing or has no value that can be used.",
        headers=((b"www-authenticate", b"Bearer"),),
        code="invalid_token",
    )
