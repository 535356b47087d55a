"""The figures that a run yields, and the table of their values by contender."""

from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One row of the report."""

    key: str
    title: str
    digits: int = 0
    compared: bool = True
    """Whether the ratio to the baseline is worth showing."""


FIGURES = (
    Figure("unary.rps", "unary requests/s"),
    Figure("unary.cpu_us", "CPU per unary request, µs", 1),
    Figure("unary.busy", "core busy meanwhile, %", compared=False),
    Figure("unary.p99_ms", "unary latency at that rate, p99, ms", 2),
    Figure("stream.rps", "streams/s (20 chunks)"),
    Figure("stream.cpu_us", "CPU per stream, µs", 1),
    Figure("paced.delay_p50_ms", "chunk delay, 500 paced streams, p50, ms", 2),
    Figure("paced.delay_p99_ms", "chunk delay, 500 paced streams, p99, ms", 2),
    Figure("paced.busy", "core busy meanwhile, %", compared=False),
    Figure("quiet.added_p50_us", "latency added at low load, p50, µs"),
    Figure("quiet.added_p99_us", "latency added at low load, p99, µs"),
    Figure("embeddings.rps", "embeddings/s (17 kB)"),
    Figure("embeddings.cpu_us", "CPU per embedding, µs", 1),
    Figure("prompt.rps", "100 kB prompts/s"),
    Figure("prompt.cpu_us", "CPU per 100 kB prompt, µs", 1),
    Figure("memory.idle_mb", "idle memory, MB (PSS)", 1, compared=False),
    Figure("memory.most_mb", "most memory in the soak, MB (PSS)", 1, compared=False),
    Figure("memory.after_mb", "memory at rest after the soak, MB (PSS)", 1, compared=False),
    Figure("memory.grown_mb", "growth over the soak, MB", 1, compared=False),
    Figure("memory.late_mb", "growth over its last half, MB", 1, compared=False),
    Figure("soak.left", "cancelled streams left open upstream", compared=False),
    Figure("start.ms", "start to first answer, ms", compared=False),
    Figure("import.ms", "import time, ms", compared=False),
    Figure("install.packages", "packages of a core install", compared=False),
    Figure("install.mb", "size of a core install, MB", 1, compared=False),
)


@dataclass
class Results:
    """What was measured: for every contender and figure one value a round, in the order of the rounds."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """Contender to the reason why it, or a part of it, is missing."""
    faults: list[str] = field(default_factory=list)
    """Answers that were not what they should be, in words."""
    soak_memory: dict[str, list[float]] = field(default_factory=dict)
    """MB after each part of the soak, the first one before it."""

    def add(self, contender: str, figure: str, value: float) -> None:
        self.values.setdefault(contender, {}).setdefault(figure, []).append(value)

    def value(self, contender: str, figure: str) -> float | None:
        """The median of the rounds."""
        rounds = self.values.get(contender, {}).get(figure)
        return median(rounds) if rounds else None

    def ratio(self, contender: str, figure: str, other: str) -> float | None:
        """The median of each round's ratio to the other in that same round: what slowed both cancels out."""
        ours = self.values.get(contender, {}).get(figure, [])
        theirs = self.values.get(other, {}).get(figure, [])
        ratios = [our / their for our, their in zip(ours, theirs, strict=False) if their > 0]
        return median(ratios) if ratios else None
