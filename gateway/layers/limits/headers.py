"""What a limited call's answer says of its limits, as OpenAI does: the tightest limit of requests, and of tokens.

https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from gateway.cost import dollars
from gateway.layers.limits.errors import duration
from gateway.state.limits.contract import Bucket, Lease, Measure, Refusal

Header: TypeAlias = tuple[bytes, bytes]

_UPSTREAM: Final = b"x-ratelimit-"
_RENAMED: Final = b"x-isthmus-upstream-ratelimit-"
_NAMES: Final = tuple(
    (b"x-ratelimit-limit-" + word, b"x-ratelimit-remaining-" + word, b"x-ratelimit-reset-" + word)
    for word in (b"requests", b"tokens")
)
"""By measure."""


def renamed(headers: Sequence[Header]) -> list[Header]:
    """The headers of an answer, with what the provider says of its own limits under other names."""
    return [
        (_RENAMED + header[0][len(_UPSTREAM) :], header[1]) if header[0].startswith(_UPSTREAM) else header
        for header in headers
    ]


def standing(lease: Lease, groups: Sequence[Sequence[int]]) -> list[Header]:
    """What is left after this call. `groups` are the indices of the lease's buckets by measure."""
    buckets, used, now = lease.buckets, lease.used, lease.now
    headers: list[Header] = []
    for names, group in zip(_NAMES, groups, strict=True):
        if not group:
            continue
        tightest = group[0] if len(group) == 1 else min(group, key=lambda index: buckets[index].most - used[index])
        bucket = buckets[tightest]
        left = bucket.most - used[tightest]
        width = bucket.width
        reset = (now // width + 1 + bucket.slots) * width - now
        headers.append((names[0], _number(bucket.most)))
        headers.append((names[1], b"%d" % left if left > 0 else b"0"))
        headers.append((names[2], _written(-(-reset // 1_000))))
    return headers


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
def _number(value: int) -> bytes:
    return b"%d" % value


@lru_cache(maxsize=4_096)
def _written(seconds: int) -> bytes:
    return duration(seconds * 1_000).encode()
