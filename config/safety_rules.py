"""What checks need of other sections."""

from config.mistakes import nearest
from config.report import Report
from config.schema import Config
from config.tree import Mapping, as_mapping, names_at


def check_safety(config: Config, tree: Mapping, report: Report) -> None:
    """Add every mistake of the checks that no type can say."""
    section = as_mapping(tree.entries.get("safety"))
    checks = as_mapping(section.entries.get("checks"))
    wanted = config.safety.moderation
    if wanted is not None and wanted not in checks.entries:
        close = nearest(wanted, checks.entries)
        allowed = ", ".join(checks.entries) or "a check under safety.checks"
        report.add(("safety", "moderation"), "there is no such check", allowed=allowed, nearest=close)
    models = names_at(tree, "models")
    for name in checks.entries:
        if name in models:
            problem = "a model has this name, and moderations that ask for it would go there"
            report.add(("safety", "checks", name), problem, place=checks.key_places[name])


def moderation_names(tree: Mapping) -> list[str]:
    """The checks, which moderations may name as their model."""
    return list(names_at(as_mapping(tree.entries.get("safety")), "checks"))
