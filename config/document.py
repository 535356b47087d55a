"""YAML text to a tree: bounded in size and depth, and without what YAML lets through and a careful reader would not."""

import re

import yaml
from yaml.nodes import ScalarNode, SequenceNode

from config.redaction import show_text
from config.report import Report
from config.tree import Kind, Mapping, Node, Path, Place, Scalar, Sequence, Unreadable

MAX_BYTES = 1_048_576
MAX_DEPTH = 32
MAX_NODES = 50_000

_TAG = "tag:yaml.org,2002:"
_KINDS: dict[str, Kind] = {"int": "number", "float": "number", "bool": "boolean", "null": "null"}
_TEXT_TAGS = ("str", "timestamp", "value", "merge")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SMALLEST = "at least one provider, for example `providers: {openai: {}}`"


def parse(text: str, report: Report) -> Mapping:
    """Read one YAML document whose top is a mapping.

    Raises ConfigError where there is none to go on with; other mistakes are only added to the report.
    """
    if len(text) > MAX_BYTES:
        report.stop("the file is too large", Place(1, 1), allowed=f"{MAX_BYTES:,} bytes")
    root = _compose(text, report)
    if root is None or root.value == "":
        report.stop("the file is empty", Place(1, 1), allowed=_SMALLEST)
    tree = _Builder(report).node(root, ())
    if not isinstance(tree, Mapping):
        found = "a list" if isinstance(tree, Sequence) else "a single value"
        report.stop("the top of the file must be a mapping", _place(root), found=found, allowed=_SMALLEST)
    return tree


def _compose(text: str, report: Report) -> yaml.Node | None:
    if match := _UNPRINTABLE.search(text):
        place = Place(text.count("\n", 0, match.start()) + 1, match.start() - text.rfind("\n", 0, match.start()))
        report.stop(f"the character U+{ord(match.group()):04X} can't stand here", place)
    try:
        _refuse_bulk(text, report)
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        source = (text.splitlines()[place.line - 1 :] or [""])[0]
        report.stop(f"this is not YAML: {_problem(error, source)}", place)


def _refuse_bulk(text: str, report: Report) -> None:
    """Composing recurses and keeps everything, so depth and size are known before it."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or count > 2 * MAX_NODES:
            bound = f"{MAX_DEPTH} levels deep" if depth > MAX_DEPTH else f"{MAX_NODES:,} values long"
            report.stop(f"the file is more than {bound}", _place(event))


def _problem(error: yaml.MarkedYAMLError, line: str) -> str:
    """Libyaml's words, and what they mean most of the time."""
    problem = error.problem or "it can't be read"
    if error.context and error.context_mark:
        problem += f" {error.context} that begins on line {error.context_mark.line + 1}"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return f"{problem}. Indent with spaces: YAML takes no tabs there"
    if "undefined alias" in problem:
        return "an alias (`*name`) needs an anchor (`&name`) before it"
    if "another document" in problem:
        return "the file holds a second document after `---`; it must be one"
    if "${" in line:
        return f'{problem}. Inside {{ }} and [ ] a variable stands in quotes: "${{NAME}}"'
    return problem


def _place(found: yaml.Node | yaml.Event) -> Place:
    mark = found.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


class _Builder:
    """Copies PyYAML's graph into a tree, aliases written out."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.count = 0
        self.open: set[int] = set()

    def node(self, node: yaml.Node, path: Path) -> Node:
        self.count += 1
        if self.count > MAX_NODES:
            self.report.stop(f"the file holds more than {MAX_NODES:,} values, aliases written out", _place(node))
        if id(node) in self.open:
            self.report.add(path, "an alias stands inside the value it names", place=_place(node))
            return Unreadable(_place(node))
        if isinstance(node, ScalarNode):
            return self.scalar(node, path)
        if node.tag not in (_TAG + "map", _TAG + "seq"):
            return self.refuse_tag(node, path)
        self.open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                items = tuple(self.node(item, (*path, index)) for index, item in enumerate(node.value))
                return Sequence(_place(node), items)
            return self.mapping(node, path)
        finally:
            self.open.discard(id(node))

    def scalar(self, node: ScalarNode, path: Path) -> Node:
        tag = node.tag.removeprefix(_TAG)
        if tag not in _TEXT_TAGS and tag not in _KINDS:
            return self.refuse_tag(node, path)
        plain = node.style not in ("'", '"', "|", ">")
        return Scalar(_place(node), node.value, _KINDS.get(tag, "text"), plain, written=node.value)

    def mapping(self, node: yaml.Node, path: Path) -> Node:
        entries: dict[str, Node] = {}
        key_places: dict[str, Place | None] = {}
        inherited: list[yaml.Node] = []
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                inherited += value.value if isinstance(value, SequenceNode) else [value]
            elif not isinstance(key, ScalarNode) or not key.value:
                self.report.add((*path, "?"), "a name is missing or is not plain text", place=_place(key))
            elif key.value in entries:
                first = key_places[key.value]
                problem = f"this name stands twice, first on line {first.line if first else '?'}"
                self.report.add((*path, key.value), problem, place=_place(key))
            else:
                entries[key.value] = self.node(value, (*path, key.value))
                key_places[key.value] = _place(key)
        for other in inherited:
            self.inherit(entries, key_places, other, path)
        return Mapping(_place(node), entries, key_places)

    def inherit(
        self, entries: dict[str, Node], key_places: dict[str, Place | None], other: yaml.Node, path: Path
    ) -> None:
        """`<<: *anchor`: what is written here wins over what comes from there. https://yaml.org/type/merge.html"""
        base = self.node(other, (*path, "<<"))
        if isinstance(base, Mapping):
            for name, value in base.entries.items():
                entries.setdefault(name, value)
                key_places.setdefault(name, base.key_places[name])
        else:
            self.report.add((*path, "<<"), "only a mapping can be merged in", place=base.place)

    def refuse_tag(self, node: yaml.Node, path: Path) -> Node:
        found = show_text(node.tag.replace(_TAG, "!!"))
        self.report.add(path, "tags are not taken", place=_place(node), found=found)
        return Unreadable(_place(node))
