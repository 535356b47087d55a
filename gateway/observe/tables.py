"""The numbers behind the metrics: one row for each combination of labels, added up over workers.

Rows are finer than what /metrics shows: a call adds to four of them, and what each family shows is summed from them
when somebody asks. A worker's tables travel to the others, and to its successor, as MessagePack.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Struct, field

SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
    *(163.84, 327.68),
)
FIRST_TOKEN_SECONDS = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
    *(20.0, 40.0, 80.0),
)
TOKEN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
TOKENS = (1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864)
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Bounds: TypeAlias = tuple[float, ...]


class Histogram(Struct, array_like=True, gc=False):
    """How many values lie between the bounds; a value at a bound lies below it, as Prometheus has it."""

    counts: list[int]
    """One more than there are bounds."""
    sum: float = 0.0

    def observe(self, bounds: Bounds, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(bounds, value)] += 1
        self.sum += value

    def add(self, other: "Histogram") -> None:
        """Take in what another counted between the same bounds."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum


def histogram(bounds: Bounds) -> Histogram:
    """An empty one."""
    return Histogram([0] * (len(bounds) + 1))


class Answers(Struct, array_like=True, gc=False):
    """Calls that ended alike."""

    duration: Histogram = field(default_factory=lambda: histogram(SECONDS))
    first_token: Histogram = field(default_factory=lambda: histogram(FIRST_TOKEN_SECONDS))
    token: Histogram = field(default_factory=lambda: histogram(TOKEN_SECONDS))
    prompt: Histogram = field(default_factory=lambda: histogram(TOKENS))
    completion: Histogram = field(default_factory=lambda: histogram(TOKENS))

    def add(self, other: "Answers") -> None:
        """Take in another worker's."""
        self.duration.add(other.duration)
        self.first_token.add(other.first_token)
        self.token.add(other.token)
        self.prompt.add(other.prompt)
        self.completion.add(other.completion)


class Spent(Struct, array_like=True, gc=False):
    """What attempts used, whoever was answered by them."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    estimated: int = 0
    """Tokens of prompt and completion that were counted here."""
    cost: int = 0
    """Nano-dollars."""
    unpriced: int = 0
    """Attempts that used tokens whose price nobody knows."""

    def add(self, other: "Spent") -> None:
        """Take in another worker's."""
        self.prompt += other.prompt
        self.completion += other.completion
        self.cached += other.cached
        self.cache_write += other.cache_write
        self.reasoning += other.reasoning
        self.estimated += other.estimated
        self.cost += other.cost
        self.unpriced += other.unpriced


RequestKey: TypeAlias = tuple[str, str, str, int, str]
"""Operation, route, key, status, what the cache said."""
AnswerKey: TypeAlias = tuple[str, str, str, str, str]
"""Operation, route, provider, model, error."""
AttemptKey: TypeAlias = tuple[str, str, str, str, str]
"""Operation, provider, model, cause, outcome."""
SpentKey: TypeAlias = tuple[str, str, str]
"""Key, provider, model."""


class Tables(Struct, array_like=True):
    """Everything that one worker has counted, and what it holds at the moment."""

    requests: dict[RequestKey, int] = field(default_factory=dict)
    answers: dict[AnswerKey, Answers] = field(default_factory=dict)
    attempts: dict[AttemptKey, Histogram] = field(default_factory=dict)
    """Their durations."""
    spent: dict[SpentKey, Spent] = field(default_factory=dict)
    lag: Histogram = field(default_factory=lambda: histogram(LAG_SECONDS))
    events: dict[tuple[str, ...], float] = field(default_factory=dict)
    """What other rooms counted, by name and labels."""
    gauges: dict[tuple[str, ...], float] = field(default_factory=dict)
    """What they hold; nothing once the worker is gone."""
    pid: int = 0


_Key = TypeVar("_Key")
_Row = TypeVar("_Row", Answers, Spent, Histogram)


def merged(tables: Iterable[Tables], is_largest: frozenset[str], is_smallest: frozenset[str]) -> Tables:
    """All workers' tables as one. Gauges are added up, but those of these names, of which one counts for all."""
    whole = Tables()
    for each in tables:
        for request, count in each.requests.items():
            whole.requests[request] = whole.requests.get(request, 0) + count
        for event, amount in each.events.items():
            whole.events[event] = whole.events.get(event, 0.0) + amount
        for gauge, value in each.gauges.items():
            before = whole.gauges.get(gauge)
            whole.gauges[gauge] = value if before is None else _one(gauge[0], before, value, is_largest, is_smallest)
        _take_in(whole.answers, each.answers)
        _take_in(whole.attempts, each.attempts)
        _take_in(whole.spent, each.spent)
        whole.lag.add(each.lag)
    return whole


def _one(name: str, one: float, other: float, is_largest: frozenset[str], is_smallest: frozenset[str]) -> float:
    if name in is_largest:
        return max(one, other)
    return min(one, other) if name in is_smallest else one + other


def _take_in(whole: dict[_Key, _Row], part: dict[_Key, _Row]) -> None:
    """Add rows; the part is not used again, so that its rows may become the whole's."""
    for key, row in part.items():
        if (known := whole.get(key)) is None:
            whole[key] = row
        else:
            known.add(row)


_decoder = msgspec.msgpack.Decoder(Tables)


def encode(tables: Tables) -> bytes:
    """Tables to bytes."""
    return msgspec.msgpack.encode(tables)


def decode(raw: bytes) -> Tables:
    """And back. Raises msgspec.DecodeError."""
    return _decoder.decode(raw)
