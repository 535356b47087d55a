"""Who calls: a key to the caller it stands for. Keys are kept as digests only and compared in constant time."""

import hashlib
import hmac
import re

from adapters.wire.body import Body
from adapters.wire.errors import Forbidden, Unauthorized
from config.access import Key
from config.limits import Limit

_DIGEST_PREFIX = "sha256:"


class Caller:
    """The identity behind a key, and the models it may ask for."""

    __slots__ = ("_allowed", "_patterns", "limit", "name", "organisation", "owner", "team")

    def __init__(
        self,
        name: str,
        models: list[str],
        *,
        owner: str | None = None,
        team: str | None = None,
        organisation: str | None = None,
        limit: Limit | None = None,
    ) -> None:
        self.name = name
        self.owner = owner or name
        """Whose caches and stored things are used."""
        self.team = team
        self.organisation = organisation
        self.limit = limit
        """What the key itself may use."""
        self._patterns = tuple(re.compile(re.escape(model).replace(r"\*", ".*"), re.DOTALL) for model in models)
        self._allowed = "*" in models

    def allows(self, model: str) -> bool:
        """Whether this caller may ask for a model by that name."""
        return self._allowed or any(pattern.fullmatch(model) for pattern in self._patterns)

    def check(self, body: Body) -> None:
        """Raise Forbidden unless every model that a request names is allowed.

        OpenRouter takes further ones in `models`: https://openrouter.ai/docs/guides/routing/model-fallbacks
        """
        if self._allowed:
            return
        if not self.allows(body.model):
            raise Forbidden(
                f"The key '{self.name}' may not use the model '{body.model}'.", param="model", code="model_not_allowed"
            )
        if "models" in body.fields:
            raise Forbidden(
                f"The key '{self.name}' is limited to some models and may not name further ones in 'models'.",
                param="models",
                code="model_not_allowed",
            )


ANYBODY = Caller("anybody", ["*"])
"""The caller of a gateway without keys, which listens on loopback only."""


class Keyring:
    """Every key the gateway knows."""

    __slots__ = ("_callers",)

    def __init__(self, keys: list[Key]) -> None:
        self._callers: dict[bytes, list[tuple[bytes, Caller]]] = {}
        for key in keys:
            digest = _digest_of(key.key)
            self._callers.setdefault(digest[:2], []).append((digest, _caller(key)))

    def identify(self, headers: dict[bytes, bytes]) -> Caller:
        """The caller that a request's headers name.

        Raises Unauthorized. A digest's first bytes choose whom to compare with: they tell nothing about a key.
        """
        if not self._callers:
            return ANYBODY
        presented = _presented(headers)
        if presented is None:
            raise Unauthorized(
                "You didn't provide an API key. Send it as 'Authorization: Bearer YOUR_KEY'.",
                headers=((b"www-authenticate", b"Bearer"),),
                code="missing_api_key",
            )
        digest = hashlib.sha256(presented).digest()
        for known, caller in self._callers.get(digest[:2], ()):
            if hmac.compare_digest(known, digest):
                return caller
        raise Unauthorized(
            "Incorrect API key provided. Ask whoever runs this gateway for one.",
            headers=((b"www-authenticate", b"Bearer"),),
        )


def _caller(key: Key) -> Caller:
    return Caller(key.name, key.models, owner=key.owner, team=key.team, organisation=key.organisation, limit=key.limit)


def _presented(headers: dict[bytes, bytes]) -> bytes | None:
    authorization = headers.get(b"authorization")
    if authorization is not None:
        scheme, _, secret = authorization.partition(b" ")
        return secret.strip() if scheme.lower() == b"bearer" and secret else None
    return headers.get(b"api-key") or headers.get(b"x-api-key")


def _digest_of(key: str) -> bytes:
    if key.startswith(_DIGEST_PREFIX):
        return bytes.fromhex(key[len(_DIGEST_PREFIX) :])
    return hashlib.sha256(key.encode()).digest()
