"""What is known of each target in this worker: kept over reloads as long as the target is the same.

`Surroundings.standings` holds them. `snapshot()` tells of each target whether it rests, what is under way there, how
much may be, and who waits; /metrics has it through `gauges()`, and /health/ready what rests through `conditions()`.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator

from msgspec import Struct

from adapters.inference.contract import Target
from config.schema import Provider
from gateway.routing.concurrency import Gate
from gateway.routing.cooldown import Breaker
from gateway.routing.minute import Minute
from gateway.routing.times import FirstContents

_TOKENS_WEIGHT = 0.05
_TOKENS_GUESS = 256.0
"""Tokens of an answer, as long as none is known."""


class Gauge(Struct, frozen=True):
    """One target at a moment, in this worker."""

    provider: str
    model: str
    resting: float
    """Seconds until it may be asked again; 0 where it may."""
    in_flight: int
    """Attempts under way."""
    limit: int | None
    """As many may be under way at once; None where nothing bounds them."""
    queued: int
    """Calls that wait for a place."""


class Standing:
    """One target. `breaker` and `gate` are None where no route asks for them."""

    __slots__ = (
        "breaker",
        "completion_tokens",
        "first_contents",
        "gate",
        "id",
        "in_flight",
        "minute",
        "model",
        "provider",
        "rationed",
        "settings",
    )

    def __init__(self, provider: str, model: str, settings: Provider) -> None:
        self.provider = provider
        self.model = model
        self.settings = settings
        self.id = hashlib.sha256(f"{provider}\0{model}\0{settings.base_url}".encode()).hexdigest()[:24]
        """The same in every worker and replica."""
        self.in_flight = 0
        self.first_contents = FirstContents()
        self.minute = Minute()
        self.completion_tokens = _TOKENS_GUESS
        """Mean of its answers."""
        self.breaker: Breaker | None = None
        self.gate: Gate | None = None
        self.rationed = False
        """Whether a route goes by what is left of its requests and tokens per minute."""

    @property
    def busy(self) -> int:
        """Calls there and on their way."""
        return self.in_flight + (self.gate.waiting if self.gate is not None else 0)

    def answered(self, tokens: int) -> None:
        """An answer had so many tokens."""
        self.completion_tokens += _TOKENS_WEIGHT * (tokens - self.completion_tokens)

    def gauge(self, now: float) -> Gauge:
        """It, as numbers."""
        gate = self.gate
        return Gauge(
            self.provider,
            self.model,
            self.breaker.rests(now) if self.breaker is not None else 0.0,
            self.in_flight,
            int(gate.limit.value) if gate is not None else None,
            gate.waiting if gate is not None else 0,
        )


class Standings:
    """Those of every target that a route of the configuration names."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Standing] = {}

    def adopt(self, targets: Iterable[Target]) -> dict[tuple[str, str], Standing]:
        """The standings of these targets; those of targets that are gone are forgotten.

        A provider whose settings changed is another one.
        """
        before, self._known = self._known, {}
        for target in targets:
            key = target.provider, target.model
            known = before.get(key)
            if known is None or known.settings != target.settings:
                known = Standing(*key, target.settings)
            self._known.setdefault(key, known)
        return self._known

    def __iter__(self) -> Iterator[Standing]:
        return iter(self._known.values())

    def snapshot(self) -> list[Gauge]:
        """Every target, as numbers."""
        now = asyncio.get_running_loop().time()
        return [standing.gauge(now) for standing in self._known.values()]

    def conditions(self) -> Iterable[tuple[str, str]]:
        """The targets that rest, and for how long, for /health/ready."""
        for each in self.snapshot():
            if each.resting:
                yield f"{each.provider}/{each.model}", f"it failed and is left alone for {each.resting:.0f} s"

    def gauges(self) -> Iterable[tuple[str, tuple[str, ...], float]]:
        """The same for /metrics."""
        for each in self.snapshot():
            target = each.provider, each.model
            yield "target_resting", target, float(each.resting > 0)
            yield "target_attempts_in_flight", target, float(each.in_flight)
            yield "target_queue", target, float(each.queued)
            if each.limit is not None:
                yield "target_limit", target, float(each.limit)
