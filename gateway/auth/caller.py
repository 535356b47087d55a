"""The identity behind a key or a token, and what it may do."""

import re
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from adapters.wire.body import Body
from adapters.wire.errors import Forbidden
from config.limits import Limit

Network: TypeAlias = IPv4Network | IPv6Network


class Caller:
    """Who asks, and for what it may ask."""

    __slots__ = (
        "_allowed",
        "_patterns",
        "expiry",
        "limit",
        "name",
        "networks",
        "organisation",
        "owner",
        "team",
        "until",
    )

    def __init__(
        self,
        name: str,
        models: list[str],
        *,
        owner: str | None = None,
        team: str | None = None,
        organisation: str | None = None,
        limit: Limit | None = None,
        networks: tuple[Network, ...] = (),
        until: float | None = None,
        expiry: str = "key_expired",
    ) -> None:
        self.name = name
        """Of the key, whatever secret of it was presented."""
        self.owner = owner or name
        """Whose caches and stored things are used."""
        self.team = team
        self.organisation = organisation
        self.limit = limit
        """What the key itself may use."""
        self.networks = networks
        """Where it may call from; none means anywhere."""
        self.until = until
        """When what was presented ends, in seconds since 1970."""
        self.expiry = expiry
        """The code of the refusal after that."""
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
