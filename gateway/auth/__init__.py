"""Who calls: a key or a token, to the caller it stands for."""

from gateway.auth.caller import ANYBODY, Caller
from gateway.auth.keyring import Keyring

__all__ = ["ANYBODY", "Caller", "Keyring"]
