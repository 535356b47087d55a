"""What limits mean for the rest of a configuration."""

from collections.abc import Iterator
from typing import Final

from config.http_syntax import url_problem
from config.limits import Limit
from config.mistakes import nearest
from config.report import Report
from config.schema import Config
from config.tree import Mapping, Path, names_at

_MONTH_DAYS: Final = 31


def limits_anybody(config: Config, *, with_records: bool = False) -> bool:
    """Whether some call may be limited. Keys of the admin API, which come from records, may have limits too."""
    return with_records or any(True for _ in _limits(config))


def has_budgets(config: Config) -> bool:
    """Whether the price of some call has to be known."""
    return config.limits.unknown_price == "refuse" and any(limit.budgets for _, limit in _limits(config))


def limits_money(config: Config) -> bool:
    """Whether somebody in the configuration has a budget."""
    return any(limit.budgets for _, limit in _limits(config))


def check_limits(config: Config, tree: Mapping, report: Report) -> None:
    """Add the mistakes of all limits."""
    for path, limit in _limits(config):
        _check_budgets(limit, report, path)
    _check_holders(config, tree, report)
    _check_workers(config, report)
    _check_memory(config, report)
    webhook = config.limits.webhook
    if webhook is not None and (problem := url_problem(webhook, ("https",))):
        report.add(("limits", "webhook"), problem, allowed="https://host/path")


def _limits(config: Config) -> Iterator[tuple[Path, Limit]]:
    limits = config.limits
    for section in ("owners", "teams", "organisations", "models"):
        for name, limit in getattr(limits, section).items():
            yield ("limits", section, name), limit
    if limits.each_key is not None:
        yield ("limits", "each_key"), limits.each_key
    for index, key in enumerate(config.keys):
        if key.limit is not None:
            yield ("keys", index, "limit"), key.limit
    for index, issuer in enumerate(config.issuers):
        if issuer.limit is not None:
            yield ("issuers", index, "limit"), issuer.limit


def _check_budgets(limit: Limit, report: Report, path: Path) -> None:
    seen: set[str] = set()
    for index, budget in enumerate(limit.budgets):
        here = (*path, "budgets", index)
        if budget.per in seen:
            report.add((*here, "per"), "this holder already has a budget for that period", allowed="one for each")
        seen.add(budget.per)
        if budget.warn_usd is not None and budget.warn_usd >= budget.usd:
            report.add(
                (*here, "warn_usd"), "the soft end comes before the hard one", allowed=f"less than {budget.usd:g}"
            )


def _check_holders(config: Config, tree: Mapping, report: Report) -> None:
    """A limit of somebody who does not exist limits nobody, without a word."""
    limits = config.limits
    if config.issuers or config.admin is not None:
        known: dict[str, set[str]] = {}  # tokens and the admin API bring names that no file has
    else:
        known = {
            "owners": {key.owner or key.name for key in config.keys},
            "teams": {key.team for key in config.keys if key.team},
            "organisations": {key.organisation for key in config.keys if key.organisation},
        }
    if names := names_at(tree, "models"):
        known["models"] = set(names)
    for section, those in known.items():
        for name in getattr(limits, section):
            if name not in those:
                problem = "there is no such model" if section == "models" else f"no key has this {section[:-1]}"
                allowed = ", ".join(sorted(those)) or f"a key with {section[:-1]}: {name}"
                close = nearest(name, sorted(those))
                report.add(("limits", section, name), problem, allowed=allowed, nearest=close)


def _check_workers(config: Config, report: Report) -> None:
    if config.server.workers > 1 and config.state.redis is None and limits_anybody(config):
        path = next(iter(path for path, _ in _limits(config)))
        problem = f"{config.server.workers} workers can't count together without a Redis"
        report.add(path, problem, allowed="state.redis beside it, or server.workers: 1")


def _check_memory(config: Config, report: Report) -> None:
    """Money that was spent has to be known for as long as its period is."""
    records = config.state.records
    periods = {(path, budget.per) for path, limit in _limits(config) for budget in limit.budgets}
    if periods and records is None and config.state.redis is None:
        path, _ = min(periods, key=str)
        report.add(
            (*path, "budgets"), "a restart would forget what was spent", allowed="`state: {records: {}}` beside it"
        )
    elif records is not None and records.keep_days < _MONTH_DAYS and any(per == "month" for _, per in periods):
        problem = "a budget per month needs a ledger of a month"
        report.add(("state", "records", "keep_days"), problem, allowed=f"{_MONTH_DAYS} or more")
