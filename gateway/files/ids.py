"""Names of stored things: a prefix that says what it is, and 24 characters that nobody guesses."""

import secrets
import string

_CHARACTERS = string.ascii_letters + string.digits
_LENGTH = 24


def new_id(prefix: str) -> str:
    """A name that nothing else has."""
    return prefix + "".join(secrets.choice(_CHARACTERS) for _ in range(_LENGTH))
