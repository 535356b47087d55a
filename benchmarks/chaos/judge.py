"""Whether a chaos run was good: what clients saw, what the upstream was asked, what the ledger says."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.chaos.client import Outcome
from benchmarks.chaos.upstream import Upstream

_KILL_SECONDS = 1.0
"""A connection that breaks within so long of a worker's death died with it."""
_GROWTH_MB = 30.0
_SHOWN = 3


@dataclass
class Row:
    """An attempt as the ledger has it."""

    id: str
    request_id: str
    owner: str
    provider: str | None
    status: int
    error: str | None
    cause: str
    cache: str | None
    nano_dollars: int | None


@dataclass
class Verdicts:
    """What was looked at, and what is wrong."""

    seen: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def check(self, name: str, faults: Sequence[object], good: str) -> None:
        """Note one property: what breaks it, or what to say where nothing does."""
        shown = "; ".join(str(fault) for fault in faults[:_SHOWN])
        self.seen[name] = f"BROKEN {len(faults)} times, as by {shown}" if faults else good
        if faults:
            self.wrong.append(name)


def judge_answers(outcomes: Sequence[Outcome], kills: Sequence[float], verdicts: Verdicts) -> None:
    """No wrong answer, nobody else's answer, no silent cut, no request without an end."""
    by_verdict = defaultdict(list)
    for outcome in outcomes:
        by_verdict[outcome.verdict].append(outcome)
    verdicts.check("no wrong answer", by_verdict["wrong"], f"{len(by_verdict['right'])} right answers")
    verdicts.check("no request without an end", by_verdict["hung"], f"{len(outcomes)} requests ended in time")
    verdicts.check("no silent cut", by_verdict["cut"], f"{len(by_verdict['broken'])} broken streams said so")
    orphans = [lost for lost in by_verdict["lost"] if not _died_with_a_worker(lost, kills)]
    verdicts.check("no lost connection but a killed worker's", orphans, f"{len(by_verdict['lost'])} died with workers")
    verdicts.check("no answer of another owner", _shared(outcomes), "every answer went to one owner only")


def _died_with_a_worker(outcome: Outcome, kills: Iterable[float]) -> bool:
    return any(outcome.began - _KILL_SECONDS <= kill <= outcome.ended + _KILL_SECONDS for kill in kills)


def _shared(outcomes: Iterable[Outcome]) -> list[str]:
    owners = defaultdict(set)
    for outcome in outcomes:
        if outcome.serial:
            owners[outcome.serial].add(outcome.ask.owner)
    return [f"answer {serial} went to {sorted(whom)}" for serial, whom in owners.items() if len(whom) > 1]


def judge_ledger(rows: Sequence[Row], outcomes: Sequence[Outcome], upstream: Upstream, verdicts: Verdicts) -> None:
    """No row lost, none doubled: by attempt id, by what the upstream was asked, by what clients were given."""
    ids = Counter(row.id for row in rows)
    verdicts.check("no doubled row", [each for each, count in ids.items() if count > 1], f"{len(rows)} rows")
    ended = {outcome.ask.id: f"{outcome.verdict} after {outcome.ended - outcome.began:.1f} s" for outcome in outcomes}
    attempts = Counter((row.provider, row.request_id) for row in rows if row.provider)
    known = defaultdict(list)
    for row in rows:
        known[row.request_id].append(f"{row.provider} {row.cause} {row.status} {row.error} {row.cache}")
    missing = [
        f"{name} was asked {asked} times for {request} ({ended.get(request)}), the ledger has {known[request]}"
        for name, provider in upstream.providers.items()
        for request, asked in provider.asked.items()
        if 2 * attempts[name, request] < asked  # a kept connection that breaks at once lets its request go again
    ]
    total = sum(sum(provider.asked.values()) for provider in upstream.providers.values())
    verdicts.check("no lost row", missing, f"all {total} requests that reached a provider are there")
    unknown = [outcome.ask.id for outcome in outcomes if outcome.verdict == "right" and outcome.ask.id not in known]
    verdicts.check("every answer has a row", unknown, "also those of the cache and of shared calls")


def judge_budget(rows: Iterable[Row], owner: str, usd: float, verdicts: Verdicts) -> None:
    """A hard budget holds."""
    spent = sum(row.nano_dollars or 0 for row in rows if row.owner == owner) / 1e9
    over = [f"{owner} spent {spent:.4f} of {usd:.4f} USD"] if spent > usd else []
    verdicts.check("no budget overspent", over, f"{owner} spent {spent:.4f} of {usd:.4f} USD")


def judge_memory(samples: Sequence[float], verdicts: Verdicts) -> None:
    """Memory is flat: the last quarter holds no more than the second one did, but for a little."""
    quarter = max(1, len(samples) // 4)
    early, late = max(samples[quarter : 2 * quarter], default=0.0), max(samples[-quarter:], default=0.0)
    grown = [f"{early:.0f} MB grew to {late:.0f} MB"] if late > early + _GROWTH_MB else []
    verdicts.check("memory is flat", grown, f"{early:.0f} MB in the second quarter, {late:.0f} MB in the last")
