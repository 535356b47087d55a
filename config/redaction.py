"""What of a configuration may be shown: never a key, nor what came out of the environment."""

import json
import re

import msgspec

from config.schema import Config
from config.tree import Mapping, Node, Path, Scalar, Sequence

SECRET = "<secret>"  # noqa: S105 - what is shown in a secret's stead
_SECRET_FIELDS = re.compile(r"(^|_)(key|secret|token|password|proxy|headers)$")
_VARIABLE_OR_WORD = re.compile(r"""\$\{\w+|[^\s:,{}\[\]"']+""")
_PUNCTUATION = re.compile(r"\W*")
_EXCERPT_WIDTH = 100


def show(node: Node, path: Path) -> str:
    """What was found, as a person may read it on any screen."""
    match node:
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar(kind="null"):
            return "nothing"
        case Scalar(expanded=True):
            return f"the value of {without_defaults(node.written)}"
        case Scalar() if is_secret(path):
            return SECRET
        case Scalar(kind="text"):
            return show_text(node.text)
        case Scalar():
            return node.text[:80]
    return "something unreadable"


def show_kind(node: Node) -> str:
    """What was found where a mapping or a list belongs: a key may have been written there."""
    if not isinstance(node, Scalar) or node.kind == "null":
        return show(node, ())
    return "a variable" if node.expanded else {"text": "text", "number": "a number", "boolean": "a boolean"}[node.kind]


def show_text(text: str) -> str:
    """A text in quotes, shortened, without what a URL may hide or a key pasted for its file."""
    if "-----BEGIN" in text:
        return SECRET
    text = re.sub(r"//[^/]*@", f"//{SECRET}@", text)
    text = re.sub(r"\?.*", f"?{SECRET}", text) if "://" in text else text
    return json.dumps(text if len(text) <= 80 else text[:79] + "…", ensure_ascii=False)


def without_defaults(written: str) -> str:
    """Variables by name only: what stands after `:-` or around them may be a key."""
    return " and ".join(f"{name}}}" for name in re.findall(r"\$\{\w*", written))


def show_path(path: Path) -> Path:
    """A path without what slips into a header's name when the space after its colon is missing."""
    return tuple(
        re.split(r"[:\s]", step)[0] if isinstance(step, str) and "headers" in path[:index] else step
        for index, step in enumerate(path)
    )


def is_secret(path: Path) -> bool:
    """Whether values at `path` are never shown."""
    return any(isinstance(step, str) and _SECRET_FIELDS.search(step) for step in path)


def excerpt(line: str, column: int, shown: set[str]) -> str | None:
    """A source line with a caret under `column`.

    A line may hold a key anywhere, in comments too, so only names of fields, variables and the words of `shown` stay.
    """
    visible = _FIELDS.union(*(_VARIABLE_OR_WORD.findall(text) for text in shown))
    line = line.replace("\t", " ")
    before = _masked(line[: column - 1], visible)
    after = re.sub(r"\s#.*", "", _masked(line[column - 1 :], visible))
    start = max(0, len(before) - _EXCERPT_WIDTH // 2)
    window = (before + after)[start : start + _EXCERPT_WIDTH].rstrip()
    return f"{window}\n{' ' * (len(before) - start)}^" if window else None


def _masked(text: str, visible: frozenset[str]) -> str:
    def keep(match: re.Match[str]) -> str:
        word = match.group()
        return word if word in visible or word.startswith("${") or _PUNCTUATION.fullmatch(word) else "…"

    return re.sub(r"…([:\s]+…)+", "…", _VARIABLE_OR_WORD.sub(keep, text))


def _field_names() -> frozenset[str]:
    _, components = msgspec.json.schema_components((Config,))
    return frozenset(name for component in components.values() for name in component.get("properties", ()))


_FIELDS = _field_names()
