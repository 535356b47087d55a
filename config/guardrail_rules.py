"""What guardrails need of other sections."""

from config.mistakes import nearest
from config.report import Report
from config.safety import Guardrails
from config.schema import Config
from config.tree import Mapping, Path, as_mapping, names_at


def check_guardrails(config: Config, tree: Mapping, report: Report) -> None:
    """Add every mistake of the guardrails that no type can say."""
    checks = list(names_at(as_mapping(tree.entries.get("safety")), "checks"))
    for name, model in config.models.items():
        if model.guardrails is not None:
            _check(model.guardrails, checks, ("models", name, "guardrails"), report)


def _check(guardrails: Guardrails, checks: list[str], path: Path, report: Report) -> None:
    for direction, each in (("input", guardrails.input), ("output", guardrails.output)):
        for index, guardrail in enumerate(each):
            where = (*path, direction, index)
            if guardrail.check not in checks:
                close = nearest(guardrail.check, checks)
                allowed = ", ".join(checks) or "a check under safety.checks"
                report.add((*where, "check"), "there is no such check", allowed=allowed, nearest=close)
            if guardrail.parallel and guardrail.action == "redact":
                problem = "what a model has been asked already can't be redacted"
                report.add((*where, "parallel"), problem, allowed="false, or another action")
            if guardrail.parallel and direction == "output":
                report.add((*where, "parallel"), "an answer is judged before it is given", allowed="false")
