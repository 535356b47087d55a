"""A tree against the types of `schema.py`: values where it fits, a mistake with place and advice where it does not.

Driven by `msgspec.inspect`, so a new field of the schema is checked without a line here.
"""

import re
from pathlib import Path as FilePath
from typing import Any, Final

from msgspec import NODEFAULT, inspect

from config.constraints import allows, describe
from config.files import readable
from config.mistakes import nearest
from config.redaction import show, show_kind
from config.report import Report
from config.tree import Mapping, Node, Path, Place, Scalar, Sequence, Unreadable, is_null

INVALID: Final = object()
"""In a value's stead: its mistake is reported."""

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]+)*)")
"""Only decimal: YAML 1.1 takes 010 for eight and 1:30 for ninety."""
_NUMBER = re.compile(r"[-+]?([0-9]+(_[0-9]+)*(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_LONGEST_NUMBER = 40


class Checker:
    """Reads trees; `folder` is where relative file names start."""

    def __init__(self, report: Report, folder: FilePath) -> None:
        self.report = report
        self.folder = folder

    def value(self, node: Node, expected: inspect.Type, path: Path = ()) -> Any:
        """The value of `node` as `expected`, or INVALID with its mistake reported.

        Mappings and lists keep their good parts, so that what remains can be checked further.
        """
        match expected:
            case _ if isinstance(node, Unreadable):
                return INVALID
            case inspect.Metadata(extra={"file": True}):
                return self.file(node, expected, path)
            case inspect.Metadata(type=inspect.StrType() | inspect.IntType() | inspect.FloatType()):
                return self.scalar(node, expected.type, path, expected)
            case inspect.Metadata():
                return self.value(node, expected.type, path)
            case inspect.UnionType():
                return self.optional(node, expected, path)
            case inspect.StructType():
                return self.struct(node, expected, path)
            case inspect.DictType():
                return self.dict(node, expected, path)
            case inspect.ListType():
                return self.list(node, expected, path)
            case inspect.AnyType():
                return plain(node)
        return self.scalar(node, expected, path, expected)

    def optional(self, node: Node, expected: inspect.UnionType, path: Path) -> Any:
        """One type or nothing. An empty variable is nothing: `${LAB_KEY:-}`."""
        others = [each for each in expected.types if not isinstance(each, inspect.NoneType)]
        if len(others) != 1:
            raise TypeError(f"{path}: a field holds one type or nothing, not {describe(expected)}")
        if is_null(node) or (isinstance(node, Scalar) and node.expanded and not node.text):
            return None
        return self.value(node, others[0], path)

    def struct(self, node: Node, expected: inspect.StructType, path: Path) -> Any:
        if is_null(node) and not any(field.required for field in expected.fields):
            return expected.cls()
        if not isinstance(node, Mapping):
            return self.refuse(node, expected, path, show_kind(node))
        values = {}
        complete = True
        for field in expected.fields:
            here = (*path, field.encode_name)
            value = INVALID
            if field.encode_name in node.entries:
                value = self.value(node.entries[field.encode_name], field.type, here)
            elif field.required:
                allowed = describe(field.type)
                self.report.add(here, "this field is missing", place=node.place, allowed=allowed)
            if value is not INVALID:
                values[field.name] = value
            elif field.default is NODEFAULT and field.default_factory is NODEFAULT:
                complete = False
        return self.build(expected, values, node, path) if complete else INVALID

    def build(self, expected: inspect.StructType, values: Any, node: Node, path: Path) -> Any:
        """Make the Struct; its `__post_init__` may say what its fields mean for each other."""
        try:
            return expected.cls(**values)
        except ValueError as error:
            self.report.add(path, str(error), place=node.place)
            return INVALID

    def dict(self, node: Node, expected: inspect.DictType, path: Path) -> Any:
        if is_null(node):
            return {}
        if not isinstance(node, Mapping):
            return self.refuse(node, expected, path, show_kind(node))
        values = {}
        for name, value in node.entries.items():
            here = (*path, name)
            self.name(name, node.key_places[name], expected.key_type, here)
            values[name] = self.value(value, expected.value_type, here)
        return {name: value for name, value in values.items() if value is not INVALID}

    def name(self, name: str, place: Place | None, expected: inspect.Type, path: Path) -> None:
        inner = expected.type if isinstance(expected, inspect.Metadata) else expected
        if not allows(name, inner):
            problem = "this can't be a name here"
            self.report.add(path, problem, place=place, found=name[:80], allowed=describe(expected))

    def list(self, node: Node, expected: inspect.ListType, path: Path) -> Any:
        if is_null(node) and not expected.min_length:
            return []
        if not isinstance(node, Sequence):
            return self.refuse(node, expected, path, show_kind(node))
        if len(node.items) < (expected.min_length or 0):
            return self.refuse(node, expected, path, f"a list of {len(node.items)}")
        values = [self.value(item, expected.item_type, (*path, index)) for index, item in enumerate(node.items)]
        return [value for value in values if value is not INVALID]

    def scalar(self, node: Node, expected: inspect.Type, path: Path, described: inspect.Type) -> Any:
        """`described` is the type that knows the words for what is allowed."""
        value = _scalar_value(node, expected) if isinstance(node, Scalar) else INVALID
        if value is INVALID or not allows(value, expected):
            return self.refuse(node, expected, path, show(node, path), described)
        return value

    def file(self, node: Node, expected: inspect.Metadata, path: Path) -> Any:
        name = self.scalar(node, expected.type, path, expected)
        if name is INVALID:
            return INVALID
        file = readable(name, self.folder)
        if file is None:
            problem = "there is no such file, or it can't be read"
            self.report.add(path, problem, place=node.place, found=show(node, path), allowed=describe(expected))
        return INVALID if file is None else file

    def refuse(
        self, node: Node, expected: inspect.Type, path: Path, found: str, described: inspect.Type | None = None
    ) -> Any:
        """Report what does not fit; the value is INVALID."""
        close = None
        if isinstance(expected, inspect.LiteralType) and isinstance(node, Scalar):
            close = nearest(node.text, [str(value) for value in expected.values])
        problem, allowed = _problem(node, expected), describe(described or expected)
        self.report.add(path, problem, place=node.place, found=found, allowed=allowed, nearest=close)
        return INVALID


def plain(node: Node) -> Any:
    """A tree as lists, dicts and scalars, where nothing says what it should be."""
    match node:
        case Mapping():
            return {name: plain(value) for name, value in node.entries.items()}
        case Sequence():
            return [plain(item) for item in node.items]
        case Scalar(kind="null") | Unreadable():
            return None
        case Scalar(kind="boolean"):
            return _BOOLEANS.get(node.text.lower(), node.text)
        case Scalar(kind="number"):
            number = _number(node, _INTEGER, int)
            number = _number(node, _NUMBER, float) if number is INVALID else number
            return node.text if number is INVALID else number
    return node.text


def _scalar_value(node: Scalar, expected: inspect.Type) -> Any:
    match expected:
        case inspect.BoolType():
            return _BOOLEANS.get(node.text.lower(), INVALID) if node.plain or node.expanded else INVALID
        case inspect.IntType():
            return _number(node, _INTEGER, int)
        case inspect.FloatType():
            return _number(node, _NUMBER, float)
        case inspect.StrType() | inspect.LiteralType():
            return node.text if node.kind == "text" else INVALID
    raise TypeError(f"the loader can't read {type(expected).__name__}")


def _number(node: Scalar, form: re.Pattern[str], convert: type[int] | type[float]) -> Any:
    text = node.text.strip()
    unquoted = node.plain or node.expanded
    return convert(text) if unquoted and len(text) <= _LONGEST_NUMBER and form.fullmatch(text) else INVALID


def _problem(node: Node, expected: inspect.Type) -> str:
    if not isinstance(node, Scalar) or isinstance(expected, inspect.StructType | inspect.DictType | inspect.ListType):
        return "not allowed here"
    is_text = isinstance(expected, inspect.StrType | inspect.LiteralType)
    if is_text and node.kind in ("number", "boolean"):
        return f"YAML takes this for a {node.kind}: put it in quotes to make it text"
    quoted = not node.plain and not node.expanded
    if quoted and not is_text and (_NUMBER.fullmatch(node.text) or node.text.lower() in _BOOLEANS):
        return "the quotes make this text: leave them away"
    return "not allowed here"
