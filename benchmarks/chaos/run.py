"""One chaos run from start to report."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos import judge
from benchmarks.chaos.faults import Faults
from benchmarks.chaos.ledger import rows_of
from benchmarks.chaos.stage import BUDGET_USD, KEYS, PROVIDERS, SPENDER, Stage
from benchmarks.chaos.traffic import Traffic
from benchmarks.chaos.upstream import Upstream

_SAMPLE_SECONDS = 1.0


@dataclass
class Report:
    """What a run showed."""

    text: str
    wrong: list[str]
    """The properties that did not hold."""


async def run(seconds: float, rate: float, seed: int, folder: Path) -> Report:
    """Traffic and faults for so long; then everything is stopped in order, and judged."""
    began = time.monotonic()
    memory: list[float] = []
    async with Upstream(PROVIDERS, seed) as upstream:
        stage = Stage(upstream, folder)
        try:
            await asyncio.to_thread(stage.__enter__)
            traffic = Traffic(stage.ports, KEYS, rate, seed)
            faults = Faults(stage, upstream, seed, lambda what: _say(began, traffic, what))
            sampling = asyncio.create_task(_sample(stage, memory))
            await asyncio.gather(traffic.run(seconds), faults.run(seconds))
            sampling.cancel()
            _say(began, traffic, "the replicas drain")
            await asyncio.to_thread(stage.stop_gateways)
            await asyncio.to_thread(stage.inherit)
            rows = rows_of(stage.postgres.run, stage.database)
        finally:
            await asyncio.to_thread(stage.__exit__)
    verdicts = judge.Verdicts()
    judge.judge_answers(traffic.outcomes, faults.kills, verdicts)
    judge.judge_ledger(rows, traffic.outcomes, upstream, verdicts)
    judge.judge_budget(rows, SPENDER, BUDGET_USD, verdicts)
    judge.judge_memory(memory, verdicts)
    return Report(_text(seconds, rate, seed, traffic, upstream, faults, verdicts), verdicts.wrong)


async def _sample(stage: Stage, memory: list[float]) -> None:
    while True:
        await asyncio.sleep(_SAMPLE_SECONDS)
        memory.append(await asyncio.to_thread(stage.memory_mb))


def _say(began: float, traffic: Traffic, what: str) -> None:
    """Show that it goes on."""
    answered, under_way = len(traffic.outcomes), len(traffic.under_way)
    print(f"{time.monotonic() - began:6.1f} s  {answered:6d} ended {under_way:4d} under way  {what}", file=sys.stderr)


def _text(
    seconds: float,
    rate: float,
    seed: int,
    traffic: Traffic,
    upstream: Upstream,
    faults: Faults,
    verdicts: judge.Verdicts,
) -> str:
    verdict = Counter[str](outcome.verdict for outcome in traffic.outcomes)
    codes = Counter(f"{outcome.status} {outcome.code}" for outcome in traffic.outcomes if outcome.code)
    cache = Counter(outcome.cache for outcome in traffic.outcomes if outcome.cache)
    played = sum((provider.played for provider in upstream.providers.values()), Counter[str]())
    sections = {
        "What held": [f"{name}: {seen}" for name, seen in verdicts.seen.items()],
        "How requests ended": _counts(verdict),
        "Errors that clients were told": _counts(codes),
        "Cache": _counts(cache),
        "What providers did": _counts(played),
        "What was injected": _counts(Counter(faults.injected)),
    }
    title = f"# Chaos run: {seconds:g} s at {rate:g} requests/s, seed {seed}\n"
    parts = [f"\n## {name}\n\n" + "\n".join(f"- {line}" for line in lines) + "\n" for name, lines in sections.items()]
    return title + "".join(parts)


def _counts(counter: Counter[str]) -> Iterable[str]:
    return [f"{name}: {count}" for name, count in counter.most_common()]
