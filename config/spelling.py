"""Names of fields that do not exist: reported, and read on as the one that was probably meant.

So that one slip of the keyboard is one mistake, not also a missing field and everything that hangs on it.
"""

from collections.abc import Iterable

from msgspec import inspect

from config.mistakes import nearest
from config.report import Report
from config.tree import Mapping, Node, Path, Place, Sequence

_LONGEST_SHOWN = 32


def respell(node: Node, expected: inspect.Type, report: Report, path: Path = ()) -> Node:
    """The tree with every misspelled field renamed where its right name is free."""
    match node, _container(expected):
        case Mapping(), inspect.StructType() as struct:
            return _fields(node, struct, report, path)
        case Mapping(), inspect.DictType() as names:
            entries = {
                name: respell(value, names.value_type, report, (*path, name)) for name, value in node.entries.items()
            }
            return Mapping(node.place, entries, node.key_places)
        case Sequence(), inspect.ListType() as items:
            return Sequence(
                node.place,
                tuple(respell(item, items.item_type, report, (*path, index)) for index, item in enumerate(node.items)),
            )
    return node


def _fields(node: Mapping, struct: inspect.StructType, report: Report, path: Path) -> Mapping:
    known = {field.encode_name: field.type for field in struct.fields}
    entries: dict[str, Node] = {}
    places = dict(node.key_places)
    for name, value in node.entries.items():
        meant: str | None = name
        if name not in known:
            meant = _meant(name, known, node)
            _report_unknown(name, meant, known, report, path, places[name])
            if meant in node.entries or meant in entries:
                continue
        if meant is not None:
            places[meant] = places[name]
            entries[meant] = respell(value, known[meant], report, (*path, meant))
    return Mapping(node.place, entries, places)


def _meant(name: str, known: Iterable[str], node: Mapping) -> str | None:
    """The nearest field; of equally near ones the one that is not there."""
    return nearest(name.partition(":")[0], sorted(known, key=lambda field: field in node.entries))


def _report_unknown(
    name: str, meant: str | None, known: Iterable[str], report: Report, path: Path, place: Place | None
) -> None:
    """Report a name. A key may have slipped into it: `{api_key:sk-…}`."""
    field, colon, _ = name.partition(":")
    shown = field if len(field) <= _LONGEST_SHOWN else field[:8] + "…"
    problem = "a colon needs a space after it" if colon else "there is no such field"
    allowed = ", ".join(known) or "nothing: it has no fields"
    report.add((*path, shown), problem, place=place, found=shown, allowed=allowed, nearest=meant)


def _container(expected: inspect.Type) -> inspect.Type:
    """What can hold names or items in a type: `Tls | None` is `Tls`."""
    while isinstance(expected, inspect.Metadata):
        expected = expected.type
    if isinstance(expected, inspect.UnionType):
        others = [each for each in expected.types if not isinstance(each, inspect.NoneType)]
        return _container(others[0]) if len(others) == 1 else expected
    return expected
