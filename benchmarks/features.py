"""`python -m benchmarks.features`: what keys, limits, the cache and telemetry cost, beside the gateway without them."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import harness, scenarios
from benchmarks.contenders import BARE, FEATURES, REDIS, REDIS_PORT, Contender
from benchmarks.launch import Running, Stage
from benchmarks.measure import Measurement, Settings
from benchmarks.report import table


@dataclass(frozen=True)
class Bar:
    """A rate that must not be below a part of another one of the same round."""

    title: str
    ours: tuple[Contender, scenarios.Scenario]
    theirs: tuple[Contender, scenarios.Scenario]
    least: float


_MISS, _HIT = scenarios.VARIED, scenarios.UNARY
BARS = (
    Bar("everything on, misses : everything off", (FEATURES, _MISS), (BARE, _MISS), 0.7),
    Bar("hits in memory : misses", (FEATURES, _HIT), (FEATURES, _MISS), 1.5),
    Bar("hits from Redis : misses in memory", (REDIS, _HIT), (FEATURES, _MISS), 0.8),
)


def main() -> int:
    """The exit status: 1 when an answer was wrong or a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.features", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=3.0, help="a measurement, default: %(default)s")
    options = parser.parse_args()
    if not shutil.which("redis-server"):
        parser.error("this needs a redis-server")
    settings = Settings((_MISS, _HIT), options.rounds, options.seconds)
    harness.build()
    with tempfile.TemporaryDirectory(prefix="bench-") as name, Stage(Path(name)) as stage, _redis(stage, Path(name)):
        measurement = Measurement(settings, stage, Path(name))
        running = measurement.start((BARE, FEATURES, REDIS))
        measurement.rounds(running)
    print(_report(measurement, running))
    return 1 if measurement.results.faults or any(_missed(measurement, bar) for bar in BARS) else 0


@contextmanager
def _redis(stage: Stage, folder: Path) -> Iterator[None]:
    """A Redis on the core of the load generator."""
    command = ["taskset", "--cpu-list", str(stage.load_core), "redis-server", "--port", str(REDIS_PORT)]
    process = subprocess.Popen(
        [*command, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)], stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _rates(measurement: Measurement, of: tuple[Contender, scenarios.Scenario]) -> list[float]:
    contender, scenario = of
    return measurement.results.values.get(contender.name, {}).get(f"{scenario.name}.rps", [])


def _ratio(measurement: Measurement, bar: Bar) -> float:
    """The median of the rounds' ratios."""
    pairs = zip(_rates(measurement, bar.ours), _rates(measurement, bar.theirs), strict=True)
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    return ratios[len(ratios) // 2] if ratios else 0.0


def _missed(measurement: Measurement, bar: Bar) -> bool:
    return _ratio(measurement, bar) < bar.least


def _report(measurement: Measurement, running: list[Running]) -> str:
    results = measurement.results
    rates = []
    for one in running:
        cells = [f"{results.value(one.name, f'{scenario.name}.rps') or 0:,.0f}" for scenario in (_MISS, _HIT)]
        cpu = [f"{results.value(one.name, f'{scenario.name}.cpu_us') or 0:.1f}" for scenario in (_MISS, _HIT)]
        rates.append([f"{one.name}: {one.contender.title}", *cells, *cpu])
    bars = [[bar.title, f"{bar.least:.2f}", f"{_ratio(measurement, bar):.2f}"] for bar in BARS]
    head = ["", "no two alike, requests/s", "all alike, requests/s", "CPU µs, no two alike", "CPU µs, all alike"]
    return "\n\n".join([table(head, rates), table(["rate", "at least", "measured"], bars), *results.faults])


if __name__ == "__main__":
    sys.exit(main())
