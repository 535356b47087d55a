"""What a client says to one dialect alone: the members of the field that is named after it."""

from collections.abc import Collection

import msgspec
from msgspec import Raw

from adapters.wire.body import Body, decode_field
from adapters.wire.errors import BadRequest

_members = msgspec.json.Decoder(dict[str, Raw] | None)


def vendor_extras(body: Body, own: str, reserved: Collection[str]) -> dict[str, Raw]:
    """The members that are merged into the encoded request, where they win.

    Raises BadRequest on anything but an object, and on a member of `reserved` in any spelling: which model is asked,
    what it is told and who pays was judged before, and some services read names whatever their case.
    """
    extras = decode_field(body.fields, own, _members) or {}
    for name in extras:
        if name.casefold() in reserved:
            raise BadRequest(
                f"'{own}.{name}' can't be set: the gateway sets it from the request and its configuration.",
                param=f"{own}.{name}",
                code="reserved_parameter",
            )
    return extras
