"""What a limited call's answer says of its limits, as OpenAI does: the tightest limit of requests, and of tokens.

https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from gateway.cost import dollars
from gateway.layers.limits.errors import duration
from gateway.limit_headers import Header
from gateway.state.limits.contract import Bucket, Lease, Measure, Refusal

_SECOND: Final = 1_000
_NAMES: Final = tuple(
    (b"x-ratelimit-limit-" + word, b"x-ratelimit-remaining-" + word, b"x-ratelimit-reset-" + word)
    for word in (b"requests", b"tokens")
)
"""By measure."""


class Told:
    """A limit of requests or tokens, and what headers say of it."""

    __slots__ = ("bucket", "index", "most", "remaining", "reset", "reset_name")

    def __init__(self, index: int, bucket: Bucket) -> None:
        names = _NAMES[bucket.measure]
        self.index = index
        """Of the bucket in its account."""
        self.bucket = bucket
        self.most: Header = (names[0], b"%d" % bucket.most)
        self.remaining = names[1]
        self.reset_name = names[2]
        seconds = bucket.slots + 1
        self.reset: Header | None = (names[2], _written(seconds)) if bucket.width == _SECOND else None
        """Always the same, rounded up, where the slots are seconds."""


def standing(lease: Lease, groups: Sequence[Sequence[Told]]) -> list[Header]:
    """What is left after this call of the tightest of each group of limits."""
    used = lease.used
    headers: list[Header] = []
    for group in groups:
        told = group[0] if len(group) == 1 else min(group, key=lambda each: each.bucket.most - used[each.index])
        left = told.bucket.most - used[told.index]
        headers += (
            told.most,
            (told.remaining, b"%d" % left if left > 0 else b"0"),
            told.reset or (told.reset_name, _written(_seconds_to_reset(told.bucket, lease.now))),
        )
    return headers


def _seconds_to_reset(bucket: Bucket, now: int) -> int:
    """Until what was used at this moment no longer counts, rounded up."""
    milliseconds = (now // bucket.width + 1 + bucket.slots) * bucket.width - now
    return -(-milliseconds // 1_000)


def standing_refused(refusal: Refusal) -> tuple[Header, ...]:
    """The same of the limit that a call was refused for."""
    bucket = refusal.bucket
    if bucket.measure > Measure.TOKENS:
        return ()
    names = _NAMES[bucket.measure]
    reset = bucket.width * (bucket.slots + 1) if refusal.used else 0
    left = max(0, bucket.most - refusal.used)
    return ((names[0], b"%d" % bucket.most), (names[1], b"%d" % left), (names[2], duration(reset).encode()))


def warning(buckets: Sequence[Bucket], spent: Sequence[int], indices: Iterable[int]) -> str:
    """What to say of budgets past their soft end; empty where none is."""
    return "; ".join(
        f"{buckets[index].title} of {buckets[index].holder}: {dollars(spent[index])} of"
        f" {dollars(buckets[index].most)} USD spent"
        for index in indices
        if spent[index] >= buckets[index].warn
    )


def printable(text: str) -> bytes:
    """Fit for a header: names of owners may be anything."""
    return bytes(byte if 32 <= byte < 127 else 63 for byte in text.encode())


@lru_cache(maxsize=4_096)
def _written(seconds: int) -> bytes:
    return duration(seconds * 1_000).encode()
