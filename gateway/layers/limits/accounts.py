"""Whose limits a call is counted against: its key's, owner's, team's, organisation's, and those of its model."""

from collections.abc import Iterator
from typing import Final

from config.limits import CallLimits, Limit
from gateway.auth import Caller
from gateway.cost import nano_dollars
from gateway.layers.limits.headers import Told
from gateway.state.limits.contract import Bucket, Kind, Measure

_KNOWN_MAX: Final = 4_096
_MINUTE: Final = (1_000, 60)
"""Milliseconds of a slot, and slots."""
_DAY: Final = (600_000, 144)
_WINDOWS: Final = (
    ("requests_per_minute", Measure.REQUESTS, _MINUTE),
    ("requests_per_day", Measure.REQUESTS, _DAY),
    ("tokens_per_minute", Measure.TOKENS, _MINUTE),
    ("tokens_per_day", Measure.TOKENS, _DAY),
)


class Account:
    """The buckets of one caller and model."""

    __slots__ = ("buckets", "counts_tokens", "groups", "spends", "warns")

    def __init__(self, buckets: tuple[Bucket, ...]) -> None:
        self.buckets = buckets
        measures = {bucket.measure for bucket in buckets}
        self.spends = Measure.MONEY in measures
        self.counts_tokens = Measure.TOKENS in measures
        told = [
            [Told(index, bucket) for index, bucket in enumerate(buckets) if bucket.measure is measure]
            for measure in (Measure.REQUESTS, Measure.TOKENS)
        ]
        self.groups = tuple(group for group in told if group)
        """The limits of requests, and those of tokens."""
        self.warns = tuple(index for index, bucket in enumerate(buckets) if bucket.warn)
        """Where a soft end is."""


class Accounts:
    """Finds accounts. Callers are new after a reload, or when their key has changed."""

    def __init__(self, limits: CallLimits) -> None:
        self._limits = limits
        self._known: dict[tuple[Caller, str], Account | None] = {}

    def find(self, caller: Caller, model: str) -> Account | None:
        """The account of a call; None where nothing limits it."""
        who = (caller, model if model in self._limits.models else "")
        known = self._known
        if who in known:
            return known[who]
        if len(known) >= _KNOWN_MAX:
            known.clear()
        buckets = tuple(bucket for holder, name, limit in self._held(*who) for bucket in _buckets(holder, name, limit))
        account = known[who] = Account(buckets) if buckets else None
        return account

    def _held(self, caller: Caller, model: str) -> Iterator[tuple[Kind, str, Limit]]:
        limits = self._limits
        held: tuple[tuple[Kind, str | None, Limit | None], ...] = (
            ("key", caller.name, caller.limit or limits.each_key),
            ("owner", caller.owner, limits.owners.get(caller.owner)),
            ("team", caller.team, limits.teams.get(caller.team or "")),
            ("organisation", caller.organisation, limits.organisations.get(caller.organisation or "")),
            ("model", model, limits.models.get(model)),
        )
        for holder, name, limit in held:
            if limit is not None and name is not None:
                yield holder, name, limit


def _buckets(holder: Kind, name: str, limit: Limit) -> Iterator[Bucket]:
    who = f"{holder} '{name}'"
    for title, measure, (width, slots) in _WINDOWS:
        if (most := getattr(limit, title)) is not None:
            yield Bucket(f"{holder}:{name}:{title}", measure, most, width=width, slots=slots, holder=who, title=title)
    if limit.parallel_requests is not None:
        title = "parallel_requests"
        yield Bucket(f"{holder}:{name}:{title}", Measure.PARALLEL, limit.parallel_requests, holder=who, title=title)
    for budget in limit.budgets:
        yield Bucket(
            f"{holder}:{name}:usd_per_{budget.per}",
            Measure.MONEY,
            nano_dollars(budget.usd),
            per=budget.per,
            warn=nano_dollars(budget.warn_usd or 0),
            holder=who,
            title=f"budget per {budget.per}" if budget.per != "total" else "total budget",
            kind=holder,
            holder_name=name,
        )
