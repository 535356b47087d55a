"""`${NAME}` and `${NAME:-default}` in values; `$${` writes `${` itself."""

import re
from collections.abc import Mapping as Environ

from msgspec.structs import replace

from config.mistakes import nearest
from config.redaction import without_defaults
from config.report import Report
from config.tree import Mapping, Node, Path, Scalar, Sequence, Unreadable

_REFERENCE = re.compile(r"\$(\$\{)|\$\{([^}]*)(\}?)")
_WAYS = "${NAME} of a variable that is set, ${NAME:-default}, or the value itself; ${ itself is written $${"
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


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


def _scalar(node: Scalar, environ: Environ[str, str], report: Report, path: Path) -> Node:
    problems: list[tuple[str, str | None]] = []
    expanded = False

    def put_in(match: re.Match[str]) -> str:
        nonlocal expanded
        if match.group(1):
            return "${"
        expanded = True
        reference = _NAME.fullmatch(match.group(2))
        if not match.group(3) or reference is None or "${" in (reference.group(2) or ""):
            problems.append(("this is not how a variable is written", None))
            return ""
        name, default = reference.groups()
        if default is not None:
            return environ.get(name) or default
        if name not in environ:
            close = nearest(name, environ.keys(), at_least=0.85)
            problems.append((f"the environment variable {name} is not set", close))
        elif not environ[name].isprintable():
            problems.append((f"the environment variable {name} holds control characters or no UTF-8", None))
        return environ.get(name, "")

    text = _REFERENCE.sub(put_in, node.text)
    for problem, close in problems:
        report.add(path, problem, place=node.place, found=without_defaults(node.written), allowed=_WAYS, nearest=close)
    if problems:
        return Unreadable(node.place)
    return replace(node, text=text, expanded=expanded)
