"""Where callers are known that the configuration does not list, by what is configured and installed."""

import logging
from typing import TYPE_CHECKING

from adapters.wire.errors import Unavailable
from config.access import Issuer
from gateway.auth.caller import Caller

if TYPE_CHECKING:
    from gateway.auth.tokens import Tokens

log = logging.getLogger("isthmus.issuers")

_MISSING = "Tokens can't be checked: what that needs is not installed (pip install 'isthmus[oidc]')."


class NoTokens:
    """Stands in for tokens that can't be checked."""

    def known(self, digest: bytes) -> Caller | None:
        """Nobody."""
        return None

    def takes(self, presented: bytes) -> bool:
        """Whether it could be a token."""
        return presented.count(b".") == 2

    async def find(self, presented: bytes, digest: bytes) -> Caller:
        """Raise Unavailable."""
        raise Unavailable(_MISSING, code="missing_dependency")


def tokens_of(issuers: list[Issuer], before: "Tokens | NoTokens | None") -> "Tokens | NoTokens | None":
    """The source of callers with tokens; one before it lends the keys that it has fetched."""
    if not issuers:
        return None
    try:
        from gateway.auth.tokens import Tokens
    except ImportError:
        log.error("%s", _MISSING)
        return NoTokens()
    return Tokens(issuers, None if isinstance(before, NoTokens) else before)
