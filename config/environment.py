"""`${NAME}` and `${NAME:-default}` in values; `$${` writes `${` itself."""

import re
from collections.abc import Mapping as Environ

from msgspec.structs import replace

from config.mistakes import nearest
from config.report import Report
from config.tree import Mapping, Node, Path, Scalar, Sequence, Unreadable

_REFERENCE = re.compile(r"\$(\$\{)|\$\{([^}]*)(\}?)")
_WAYS = "the value itself, ${NAME} of a variable that is set, or ${NAME:-default}; $${ writes ${"
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def expand(node: Node, environ: Environ[str, str], report: Report, path: Path = ()) -> Node:
    """Put variables in. One that is not set and has no default is a mistake, and its value becomes unreadable."""
    match node:
        case Scalar() if "${" in node.text:
            return _scalar(node, environ, report, path)
        case Sequence():
            items = (expand(item, environ, report, (*path, index)) for index, item in enumerate(node.items))
            return Sequence(node.place, tuple(items))
        case Mapping():
            entries = {name: expand(value, environ, report, (*path, name)) for name, value in node.entries.items()}
            return Mapping(node.place, entries, node.key_places)
    return node


class _Unusable(Exception):
    """A reference that gives no value."""

    def __init__(self, problem: str, found: str | None = None, close: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.found = found
        self.close = close


def _scalar(node: Scalar, environ: Environ[str, str], report: Report, path: Path) -> Node:
    try:
        text = _REFERENCE.sub(lambda match: _value(match, environ), node.text)
    except _Unusable as error:
        report.add(path, error.problem, place=node.place, found=error.found, allowed=_WAYS, nearest=error.close)
        return Unreadable(node.place)
    return replace(node, text=text, expanded="${" in node.text.replace("$${", ""))


def _value(match: re.Match[str], environ: Environ[str, str]) -> str:
    escaped, inside, end = match.groups()
    if escaped:
        return "${"
    reference = _INSIDE.fullmatch(inside)
    if not end or reference is None or "${" in inside:
        raise _Unusable("this is not how a variable is written")
    name, default = reference.groups()
    found = f"${{{name}}}"
    if name not in environ and default is None:
        close = nearest(name, environ.keys(), at_least=0.85)
        raise _Unusable(f"the environment variable {name} is not set", found, close)
    value = environ.get(name, "")
    if _UNPRINTABLE.search(value):
        raise _Unusable(f"the environment variable {name} holds control characters or is not UTF-8", found)
    return value or default or ""
