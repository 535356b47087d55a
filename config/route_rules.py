"""What a route's parts mean for each other and for other routes: providers, rules, strategies, concurrency."""

from typing import TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from config.catalogue import catalogue
from config.mistakes import nearest
from config.report import Report
from config.routing import Concurrency, Model, Rule
from config.schema import Config
from config.tree import Mapping, Path, as_mapping, items_at, names_at, text_at

_Seen: TypeAlias = dict[tuple[str, str], tuple[str, Concurrency]]


def check_routes(config: Config, tree: Mapping, report: Report) -> None:
    """Add every mistake of `models` that no type can say."""
    section = as_mapping(tree.entries.get("models"))
    for name, model in section.entries.items():
        for index, deployment in enumerate(items_at(model, "deployments")):
            _check_provider(as_mapping(deployment), tree, ("models", name, "deployments", index), report)
        _check_provider(as_mapping(as_mapping(model).entries.get("mirror")), tree, ("models", name, "mirror"), report)
        for index, rule in enumerate(items_at(model, "rules")):
            _check_use(text_at(rule, "use"), name, tree, ("models", name, "rules", index, "use"), report)
    seen: _Seen = {}
    for name, settings in config.models.items():
        # Lists that lost items with mistakes of their own would give wrong indices: those mistakes come first.
        entries = section.entries[name]
        if len(settings.rules) == len(items_at(entries, "rules")):
            _check_rules(settings.rules, config, ("models", name, "rules"), report)
        if len(settings.deployments) == len(items_at(entries, "deployments")):
            _check_strategy(settings, ("models", name, "deployments"), report)
            _check_alone(settings, ("models", name), report)
            _check_concurrency(settings, name, seen, report)


def _check_provider(node: Mapping, tree: Mapping, path: Path, report: Report) -> None:
    providers = names_at(tree, "providers")
    named = text_at(node, "provider")
    if named is not None and providers and named not in providers:
        close = nearest(named, [*providers, *catalogue().entries])
        allowed = ", ".join([*providers, "or a shipped one"])
        report.add((*path, "provider"), "there is no such provider", allowed=allowed, nearest=close)


def _check_use(use: str | None, name: str, tree: Mapping, path: Path, report: Report) -> None:
    others = [other for other in names_at(tree, "models") if other != name]
    if use == name:
        report.add(path, "a rule can't send calls to where they come from", allowed=", ".join(others) or None)
    elif use is not None and use not in others:
        allowed = ", ".join(others) or "another of models"
        report.add(path, "there is no such model", allowed=allowed, nearest=nearest(use, others))


def _check_rules(rules: list[Rule], config: Config, path: Path, report: Report) -> None:
    keys = [key.name for key in config.keys]
    others_may_come = bool(config.issuers) or config.state.records is not None
    for index, rule in enumerate(rules):
        where = (*path, index, "when")
        if not _is_timezone(rule.when.timezone):
            close = nearest(rule.when.timezone, sorted(available_timezones()))
            report.add((*where, "timezone"), "there is no such timezone", allowed="as Europe/Berlin", nearest=close)
        for place, key in enumerate(rule.when.keys):
            if key not in keys and not others_may_come:
                allowed = ", ".join(keys) or "the names of keys"
                report.add((*where, "keys", place), "there is no such key", allowed=allowed, nearest=nearest(key, keys))


def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _check_strategy(model: Model, path: Path, report: Report) -> None:
    if model.strategy != "usage_based":
        return
    for index, deployment in enumerate(model.deployments):
        if deployment.requests_per_minute is None and deployment.tokens_per_minute is None:
            problem = "usage_based goes by what is left of a deployment's limits, and this one has none"
            report.add((*path, index), problem, allowed="requests_per_minute, tokens_per_minute or both")


def _check_alone(model: Model, path: Path, report: Report) -> None:
    """What asks another deployment does nothing where there is none, without a word."""
    if len(model.deployments) > 1:
        return
    if model.hedge is not None:
        report.add((*path, "hedge"), "there is no second deployment to ask", allowed="another in deployments")
    if model.broken_stream == "continue":
        problem = "there is no second deployment to go on with a broken stream"
        report.add((*path, "broken_stream"), problem, allowed="another in deployments, or error")


def _check_concurrency(model: Model, name: str, seen: _Seen, report: Report) -> None:
    """A deployment that several models list is one, with one limit."""
    for index, deployment in enumerate(model.deployments):
        if deployment.concurrency is None:
            continue
        target = deployment.provider, deployment.model
        first, concurrency = seen.setdefault(target, (name, deployment.concurrency))
        if concurrency != deployment.concurrency:
            path = ("models", name, "deployments", index, "concurrency")
            report.add(path, f"models.{first} gives the same deployment another one", allowed="the same, or none here")
