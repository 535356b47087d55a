"""`sticky`: what belongs together goes to one target, so that its provider's prompt cache is hit.

Rendezvous hashing: each target has a rank for each key, and the highest is asked. When one leaves or rests, only its
own keys move, each to what was its second choice all along (Thaler and Ravishankar,
https://www.eecs.umich.edu/techreports/cse/96/CSE-TR-316-96.pdf).
"""

from hashlib import blake2b

from config.routing import Sticky as Settings
from gateway.call import Call
from gateway.routing.prompt import conversation_bytes, prompt_bytes, text_of
from gateway.routing.strategies.contract import Candidates

_RANK_BYTES = 8


class Sticky:
    """`settings` say what belongs together."""

    __slots__ = ("_settings",)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def order(self, call: Call, candidates: Candidates) -> Candidates:
        """By rank, the highest first."""
        if len(candidates) == 1:
            return candidates
        key = blake2b(self._key(call), digest_size=32).digest()
        return sorted(candidates, key=lambda each: _rank(key, each.standing.id), reverse=True)

    def _key(self, call: Call) -> bytes:
        by = self._settings.by
        if by == "prefix":
            return b"".join(prompt_bytes(call.body))[: self._settings.prefix_bytes]
        owner = call.caller.owner.encode()
        if by == "user":
            return owner + b"\0" + text_of(call.body, "user")
        return owner + b"\0" + (text_of(call.body, "prompt_cache_key") or conversation_bytes(call.body))


def _rank(key: bytes, target: str) -> bytes:
    return blake2b(key, digest_size=_RANK_BYTES, person=b"sticky", salt=bytes.fromhex(target)[:16]).digest()
