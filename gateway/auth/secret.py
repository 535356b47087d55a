"""The secrets that the gateway makes: 256 random bits, and a checksum by which slips are told."""

import hashlib
import re
import secrets
import zlib

PREFIX = "sk-isthmus-"
"""What scanners of source code and logs can look for."""
_FORM = re.compile(rb"sk-isthmus-([A-Za-z0-9_-]{43})([0-9a-f]{8})")
_SHOWN = 4


def new_secret() -> str:
    """A new one: nobody will see it again."""
    random = secrets.token_urlsafe(32)
    return f"{PREFIX}{random}{_checksum(random.encode())}"


def is_whole(presented: bytes) -> bool:
    """Whether it can be one of ours; almost nothing else can."""
    parts = _FORM.fullmatch(presented)
    return parts is not None and _checksum(parts[1]) == parts[2].decode()


def digest_of(secret: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def hint_of(secret: str) -> str:
    """What a person may recognise it by: 24 of its 256 bits."""
    return f"{secret[: len(PREFIX) + _SHOWN]}…"


def _checksum(random: bytes) -> str:
    return f"{zlib.crc32(random):08x}"
