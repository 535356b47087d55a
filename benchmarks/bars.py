"""The bars that the gateway has to clear, as data, and whether it does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.figures import Results


@dataclass(frozen=True)
class Bar:
    """A bound on one figure, either on its value or on its ratio to another contender's in the same run."""

    title: str
    figure: str
    sense: Literal["≥", "≤", ">"]
    bound: float
    relative_to: str | None = None
    """The contender whose value is 1; nothing for an absolute bound."""


@dataclass(frozen=True)
class Verdict:
    """A bar and what was measured; nothing was where a contender or a scenario is missing."""

    bar: Bar
    measured: float | None

    @property
    def holds(self) -> bool | None:
        if self.measured is None:
            return None
        match self.bar.sense:
            case "≥":
                return self.measured >= self.bar.bound
            case "≤":
                return self.measured <= self.bar.bound
            case ">":
                return self.measured > self.bar.bound


BARS = (
    Bar("unary requests/s, × nginx", "unary.rps", "≥", 0.35, "nginx"),
    Bar("unary requests/s, × vllm-router", "unary.rps", ">", 1.0, "vllm-router"),
    Bar("unary requests/s, × SMG", "unary.rps", ">", 1.0, "smg"),
    Bar("CPU per unary request, × nginx", "unary.cpu_us", "≤", 5.5, "nginx"),
    Bar("streams/s, × nginx", "stream.rps", "≥", 0.42, "nginx"),
    Bar("chunk delay of 500 paced streams, p99, × nginx", "paced.delay_p99_ms", "≤", 4.0, "nginx"),
    Bar("latency added at low load, p50, × nginx", "quiet.added_p50_us", "≤", 2.0, "nginx"),
    Bar("idle memory, MB", "memory.idle_mb", "≤", 80),
    Bar("growth over 100,000 requests and 10,000 cancelled streams, MB", "memory.grown_mb", "≤", 30),
    Bar("growth over the last half of them (flat), MB", "memory.late_mb", "≤", 2),
    Bar("start to first answer, ms", "start.ms", "≤", 1_000),
    Bar("packages of a core install", "install.packages", "≤", 35),
    Bar("size of a core install, MB", "install.mb", "≤", 90),
)


def judge(results: Results, contender: str) -> Iterator[Verdict]:
    """Holds one contender's results against all bars."""
    for bar in BARS:
        if bar.relative_to is None:
            yield Verdict(bar, results.value(contender, bar.figure))
        else:
            yield Verdict(bar, results.ratio(contender, bar.figure, bar.relative_to))
