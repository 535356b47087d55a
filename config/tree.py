"""What a configuration file is between text and types: a tree in which everything knows its place."""

from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct

Path: TypeAlias = tuple[str | int, ...]
"""The way to a part: names and indices from 0."""


Kind: TypeAlias = Literal["text", "number", "boolean", "null"]


class Place(NamedTuple):
    """Line and column, both from 1."""

    line: int
    column: int


class Scalar(Struct, frozen=True):
    """One value: its text, and what YAML 1.1 takes it for."""

    place: Place | None
    text: str
    kind: Kind
    plain: bool
    """Without quotes, so that its text may be a number or a boolean."""
    expanded: bool = False
    """Whether a part of it came from the environment."""
    written: str = ""
    """Before variables were put in."""


class Sequence(Struct, frozen=True):
    """A list."""

    place: Place | None
    items: "tuple[Node, ...]"


class Mapping(Struct, frozen=True):
    """Names and values, and where each name stands."""

    place: Place | None
    entries: "dict[str, Node]"
    key_places: dict[str, Place | None]


class Unreadable(Struct, frozen=True):
    """A part whose mistake is already reported."""

    place: Place | None


Node: TypeAlias = Scalar | Sequence | Mapping | Unreadable


def with_entry(mapping: Mapping, name: str, value: Node, place: Place | None) -> Mapping:
    """The same mapping with one entry new or changed."""
    return Mapping(mapping.place, {**mapping.entries, name: value}, {**mapping.key_places, name: place})


def as_mapping(node: Node | None) -> Mapping:
    """The node itself where it is a mapping, an empty one elsewhere."""
    return node if isinstance(node, Mapping) else Mapping(node.place if node else None, {}, {})


def is_null(node: Node | None) -> bool:
    """Whether it is written and empty, `null` or `~`."""
    return isinstance(node, Scalar) and node.kind == "null"


def names_at(tree: Mapping, section: str) -> list[str]:
    """The names in a section that is a mapping."""
    return list(as_mapping(tree.entries.get(section)).entries)


def items_at(node: Node | None, name: str) -> tuple[Node, ...]:
    """The items of a list in a mapping; none where there is no such list."""
    items = as_mapping(node).entries.get(name)
    return items.items if isinstance(items, Sequence) else ()


def text_at(node: Node | None, name: str) -> str | None:
    """A text in a mapping, where there is one."""
    scalar = as_mapping(node).entries.get(name)
    return scalar.text if isinstance(scalar, Scalar) and (scalar.kind == "text" or scalar.expanded) else None


def node_at(root: Node | None, path: Path) -> Node | None:
    """What stands at `path`, if anything does."""
    node = root
    for step in path:
        if isinstance(node, Mapping):
            node = node.entries.get(str(step))
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


def locate(root: Node | None, path: Path) -> Place | None:
    """The place of the value at `path`, or of the nearest thing around it that the file has."""
    if node := node_at(root, path):
        return node.place
    for length in range(len(path) - 1, -1, -1):
        node = node_at(root, path[:length])
        if isinstance(node, Mapping) and path[length] in node.entries:
            return node.key_places[str(path[length])]
    return root.place if root else None
