"""The shipped providers: rows of `providers.yaml`, laid under what the operator says of a provider."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path as FilePath

from msgspec.structs import replace

from config.document import parse
from config.report import Report
from config.tree import Mapping, Node, Place, Scalar, Sequence, as_mapping, is_null, items_at, text_at, with_entry

ROWS = FilePath(__file__).with_name("providers.yaml")


@cache
def catalogue() -> Mapping:
    """The shipped rows by name, variables not yet put in."""
    text = ROWS.read_text(encoding="utf-8")
    report = Report(ROWS.name, text)
    rows = parse(text, report)
    report.raise_if_any()
    return rows


def with_rows(tree: Mapping) -> Mapping:
    """The shipped rows under the providers. A row that only a deployment names is a provider, too.

    What comes from a row takes the place of the provider's name, because that is where the operator can change it.
    """
    section = tree.entries.get("providers")
    if section is not None and not isinstance(section, Mapping) and not is_null(section):
        return tree
    named = as_mapping(section)
    entries, places = dict(named.entries), dict(named.key_places)
    for deployed in _deployed(tree):
        if deployed.text in catalogue().entries and deployed.text not in entries:
            entries[deployed.text] = Mapping(deployed.place, {}, {})
            places[deployed.text] = deployed.place
    entries = {name: _over_row(name, own, places[name]) for name, own in entries.items()}
    providers = Mapping(named.place or tree.place, entries, places)
    return with_entry(tree, "providers", providers, tree.key_places.get("providers", tree.place))


def overlay(base: Mapping, own: Mapping) -> Mapping:
    """`own` over `base`: mappings join name by name, other values replace, null takes the base's value away."""
    entries, places = dict(base.entries), dict(base.key_places)
    for name, value in own.entries.items():
        under = entries.pop(name, None)
        places[name] = own.key_places[name]
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            entries[name] = overlay(under, value)
        elif under is None or not is_null(value):
            entries[name] = value
    return Mapping(own.place, entries, places)


def _over_row(name: str, own: Node, place: Place | None) -> Node:
    if not isinstance(own, Mapping) and not is_null(own):
        return own
    row = catalogue().entries.get(text_at(own, "extends") or name)
    return overlay(as_mapping(_moved(row, place)), as_mapping(own)) if row else as_mapping(own)


def _moved(node: Node, place: Place | None) -> Node:
    match node:
        case Mapping():
            entries = {name: _moved(value, place) for name, value in node.entries.items()}
            return Mapping(place, entries, dict.fromkeys(entries, place))
        case Sequence():
            return Sequence(place, tuple(_moved(item, place) for item in node.items))
    return replace(node, place=place)


def _deployed(tree: Mapping) -> Iterator[Scalar]:
    """The provider of every deployment, and of every shadow."""
    for model in as_mapping(tree.entries.get("models")).entries.values():
        for deployment in (*items_at(model, "deployments"), as_mapping(model).entries.get("mirror")):
            provider = as_mapping(deployment).entries.get("provider")
            if isinstance(provider, Scalar):
                yield provider
