"""What a limited call's answer says of its limits, as OpenAI does: the tightest limit of requests, and of tokens.

https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from gateway.cost import dollars
from gateway.layers.limits.errors import duration
from gateway.state.limits.contract import Bucket, Lease, Measure, Refusal

Header: TypeAlias = tuple[bytes, bytes]

_UPSTREAM: Final = b"x-ratelimit-"
_RENAMED: Final = b"x-isthmus-upstream-ratelimit-"
_NAMES: Final[dict[Measure, tuple[bytes, bytes, bytes]]] = {
    measure: (
        b"x-ratelimit-limit-" + word,
        b"x-ratelimit-remaining-" + word,
        b"x-ratelimit-reset-" + word,
    )
    for measure, word in ((Measure.REQUESTS, b"requests"), (Measure.TOKENS, b"tokens"))
}


def renamed(headers: Iterable[Header]) -> list[Header]:
    """The headers of an answer, with what the provider says of its own limits under other names."""
    return [
        (_RENAMED + header[0][len(_UPSTREAM) :], header[1]) if header[0].startswith(_UPSTREAM) else header
        for header in headers
    ]


def standing(lease: Lease) -> list[Header]:
    """What is left after this call."""
    tightest: dict[Measure, tuple[int, Bucket]] = {}
    for bucket, used in zip(lease.buckets, lease.used, strict=True):
        measure = bucket.measure
        if measure in _NAMES:
            left = bucket.most - used
            known = tightest.get(measure)
            if known is None or left < known[0]:
                tightest[measure] = (left, bucket)
    headers: list[Header] = []
    for measure, (left, bucket) in tightest.items():
        headers += _told(measure, bucket, left, lease.now)
    return headers


def standing_refused(refusal: Refusal) -> tuple[Header, ...]:
    """The same of the limit that a call was refused for."""
    bucket = refusal.bucket
    if bucket.measure not in _NAMES:
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


def _told(measure: Measure, bucket: Bucket, left: int, now: int) -> tuple[Header, Header, Header]:
    names = _NAMES[measure]
    width = bucket.width
    reset = (now // width + 1 + bucket.slots) * width - now
    return (
        (names[0], b"%d" % bucket.most),
        (names[1], b"%d" % (left if left > 0 else 0)),
        (names[2], duration(reset).encode()),
    )
