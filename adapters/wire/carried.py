"""What a service needs back on the next turn, carried where every client brings it back: in the ids of tool calls.

Thinking and thought signatures have no field in OpenAI's format, and a client that knows only that format loses every
other. The id of a tool call is the one thing that comes back as it was given, and a call is when services insist on
their signatures. So the id holds them, and the gateway keeps nothing between requests.
"""

import base64
import binascii
import re
import zlib
from typing import NamedTuple

MARK = "__carried__"
_CARRIED = re.compile(rf"(.*?){MARK}([a-z]+)__([A-Za-z0-9_-]*)", re.DOTALL)
_STATE_MAX = 1_048_576
"""Bytes: an id is a client's word, and a short one may unpack to much."""


class Carried(NamedTuple):
    """State of a dialect's own, opaque to all others."""

    dialect: str
    state: bytes


def carry(call_id: str, dialect: str, state: bytes) -> str:
    """An id that brings `state` back to the dialect, of letters, digits, hyphens and underscores."""
    packed = base64.urlsafe_b64encode(zlib.compress(state, 9)).rstrip(b"=").decode()
    return f"{call_id}{MARK}{dialect}__{packed}"


def split(call_id: str) -> tuple[str, Carried | None]:
    """The service's own id, and what it carries; what can't be read any more is left out."""
    if MARK not in call_id:
        return call_id, None
    match = _CARRIED.fullmatch(call_id)
    if match is None:
        return call_id.partition(MARK)[0], None
    plain, dialect, packed = match.groups()
    unpacker = zlib.decompressobj()
    try:
        state = unpacker.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)), _STATE_MAX)
    except (binascii.Error, ValueError, zlib.error):
        return plain, None
    return plain, Carried(dialect, state) if unpacker.eof else None
