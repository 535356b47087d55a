"""What the admin API of keys takes and gives, in OpenAI's manner: times are whole seconds since 1970."""

from ipaddress import ip_network
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from adapters.wire.errors import BadRequest
from config.limits import Limit
from config.values import Name
from gateway.auth.stored import MICROSECONDS, StoredKey

Pattern = Annotated[str, Meta(min_length=1, max_length=512)]
Models = Annotated[list[Pattern], Meta(max_length=1_000)]
_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_NETWORKS = rf"^{_BYTE}(\.{_BYTE}){{3}}/(3[0-2]|[12]?[0-9])$"
Address = Annotated[
    str,
    Meta(
        max_length=64,
        description="An address, or a network as 10.0.0.0/8 or 2001:db8::/32.",
        extra_json_schema={"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}, {"pattern": _NETWORKS}]},
    ),
]
Addresses = Annotated[list[Address], Meta(max_length=1_000)]
Moment = Annotated[int, Meta(ge=0, le=253_402_300_799)]
"""Until the year 9999."""
OVERLAP_MOST = 30 * 86_400

_B = TypeVar("_B", bound=Struct)


class NewKey(Struct, forbid_unknown_fields=True, kw_only=True):
    """A key to be made."""

    name: Name
    owner: Name | None = None
    team: Name | None = None
    organisation: Name | None = None
    models: Models = field(default_factory=lambda: ["*"])
    addresses: Addresses = field(default_factory=list)
    limit: Limit | None = None
    expires_at: Moment | None = None
    disabled: bool = False


class KeyChange(Struct, forbid_unknown_fields=True, kw_only=True):
    """What of a key is to be changed: what is not named stays."""

    owner: Name | UnsetType | None = UNSET
    team: Name | UnsetType | None = UNSET
    organisation: Name | UnsetType | None = UNSET
    models: Models | UnsetType = UNSET
    addresses: Addresses | UnsetType = UNSET
    limit: Limit | UnsetType | None = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET

    def said(self) -> dict[str, Any]:
        """Fields that are named."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}


class Rotation(Struct, forbid_unknown_fields=True, kw_only=True):
    """How a key gets a new secret."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=OVERLAP_MOST)] = 0


def read(body: bytes, kind: type[_B]) -> _B:
    """A request's body. Raises BadRequest that names the field."""
    try:
        return msgspec.convert(_with_whole_numbers(msgspec.json.decode(body or b"{}")), kind)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        raise BadRequest(f"{reason}.", param=place.strip(".`") or None, code="invalid_value") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("The request's body is no JSON.", code="invalid_json") from None


def _with_whole_numbers(value: Any) -> Any:
    """The same with 60.0 as 60: to JSON both are the same integer."""
    if isinstance(value, dict):
        return {name: _with_whole_numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check_addresses(addresses: list[str] | UnsetType) -> None:
    """Raise BadRequest for what is no network."""
    for index, text in enumerate(addresses or ()):
        try:
            ip_network(text, strict=False)
        except ValueError:
            message = "This is no network: 10.0.0.0/8, 2001:db8::/32 or one address are."
            raise BadRequest(message, param=f"addresses[{index}]", code="invalid_value") from None


def shown(key: StoredKey, secret: str | None = None) -> dict[str, Any]:
    """A key as clients of the admin API see it; its secret only when it is new."""
    said = key.settings
    told = {
        "object": "key",
        "id": key.id,
        "name": key.name,
        "owner": said.owner or key.name,
        "team": said.team,
        "organisation": said.organisation,
        "models": said.models,
        "addresses": said.addresses,
        "limit": said.limit,
        "disabled": key.disabled,
        "created_at": key.created // MICROSECONDS,
        "expires_at": _seconds(key.expires),
        "secrets": [
            {
                "redacted_value": each.hint,
                "created_at": each.created // MICROSECONDS,
                "expires_at": _seconds(each.expires),
            }
            for each in key.secrets
        ],
    }
    return told if secret is None else {**told, "value": secret}


def _seconds(microseconds: int | None) -> int | None:
    return None if microseconds is None else microseconds // MICROSECONDS
