"""Who may use the gateway, as an operator writes it."""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from config.limits import Limit
from config.values import Name, Seconds, shown


class Key(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key that clients of the gateway may use. Only its SHA-256 is kept once the file is read."""

    name: Name
    """What logs and metrics call its holder."""
    key: Annotated[str, Meta(min_length=8, max_length=512)]
    """The key itself, or `sha256:` and the 64 hex digits of its digest."""
    models: list[str] = field(default_factory=lambda: ["*"])
    """Names it may ask for; `*` stands for any run of characters (`openai/*`)."""
    owner: Name | None = None
    """Who it belongs to: caches and stored things are theirs. The key's own name where nothing is said."""
    team: Name | None = None
    """The owner's team."""
    organisation: Name | None = None
    """The team's organisation."""
    addresses: list[str] = field(default_factory=list)
    """Networks it may be used from, as 10.0.0.0/8; none means anywhere."""
    expires: str | None = None
    """When it ends, as 2027-01-31, which is the beginning of that day in UTC, or 2027-01-31T18:00:00Z."""
    limit: Limit | None = None
    """What it may use."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, ("key",))

    def __repr__(self) -> str:
        return f"Key({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class Admin(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The admin API (`/admin`): keys and usage. Without this section there is none."""

    key: Annotated[str, Meta(min_length=16, max_length=512)]
    """Its own credential, or `sha256:` and the 64 hex digits of its digest; no key of a client opens it."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, ("key",))

    def __repr__(self) -> str:
        return "Admin(key='<secret>')"


class Issuer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Callers that come with a JSON Web Token of this issuer instead of a key."""

    issuer: str
    """The token's `iss`."""
    audience: str
    """What its `aud` must hold."""
    jwks_url: str | None = None
    """Where its keys are; without it, what `issuer`/.well-known/openid-configuration says."""
    refresh_seconds: Seconds = 600
    """How long its keys are kept; a token with an unknown one has them fetched anew, at most every 10 s."""
    owner_claim: str = "sub"
    """The claim that names the owner."""
    owner_prefix: Annotated[str, Meta(max_length=64)] = ""
    """Put before the owner, so that those of two issuers, or of keys, stay apart."""
    team_claim: str | None = None
    """The claim that names the team."""
    organisation_claim: str | None = None
    """The claim that names the organisation."""
    models_claim: str | None = None
    """The claim that lists the models it may ask for; without it, `models` counts."""
    models: list[str] = field(default_factory=lambda: ["*"])
    """Models for tokens that do not list their own."""
    limit: Limit | None = None
    """What each owner may use."""
