"""`options`: what only one dialect, store, backend or check knows, against that one's own type."""

from collections.abc import Container
from collections.abc import Mapping as Options
from typing import Any, TypeAlias

from msgspec import Struct, inspect, structs, to_builtins

from config.check import INVALID, Checker
from config.mistakes import Unusable, nearest
from config.schema import Config
from config.spelling import respell
from config.tree import Mapping, Path, as_mapping

OptionTypes: TypeAlias = Options[str, type[Struct] | None]
"""The known names of one kind and the types of their options; None where anything goes. May raise Unusable."""


class Offered(Struct, frozen=True):
    """What there is besides dialects. The options of a kind that nobody tells of stay as they are written."""

    stores: OptionTypes | None = None
    """Of files."""
    backends: OptionTypes | None = None
    """Of vectors."""
    checks: OptionTypes | None = None
    """Of safety."""
    for_one_process: Container[str] = ()
    """The types of vector backends that only one process may have open."""


UNTOLD = Offered()


class OptionsChecker:
    """Checks options of one kind; `field` names the one of these in a section, `noun` says what it is."""

    def __init__(self, checker: Checker, field: str, noun: str, types: OptionTypes) -> None:
        self._checker = checker
        self._field = field
        self._noun = noun
        self._types = types

    def checked(self, name: str, written: dict[str, Any], node: Mapping, path: Path) -> dict[str, Any]:
        """The options of the one with this name, with their defaults; none where a mistake is reported."""
        here, report = (*path, self._field), self._checker.report
        if name not in self._types:
            allowed, close = ", ".join(sorted(self._types)), nearest(name, self._types.keys())
            report.add(here, f"there is no such {self._noun}", allowed=allowed, nearest=close)
            return {}
        try:
            options_type = self._types[name]
        except Unusable as fault:
            report.add(here, f"{fault.source}: {fault.problem}; {fault.advice}")
            return {}
        return written if options_type is None else self._read(options_type, node, (*path, "options"))

    def _read(self, options_type: type[Struct], node: Mapping, path: Path) -> dict[str, Any]:
        expected = inspect.type_info(options_type)
        own = node.entries.get("options") or Mapping(node.place, {}, {})
        options = self._checker.value(respell(own, expected, self._checker.report, path), expected, path)
        return {} if options is INVALID else to_builtins(options)


def with_options(config: Config, tree: Mapping, offered: Offered, checker: Checker) -> Config:
    """The same configuration with the options of its stores, backends and checks as their types say."""
    if config.files is not None and offered.stores is not None:
        stores = OptionsChecker(checker, "store", "store of files", offered.stores)
        node = as_mapping(tree.entries.get("files"))
        options = stores.checked(config.files.store, config.files.options, node, ("files",))
        config = structs.replace(config, files=structs.replace(config.files, options=options))
    if config.vector_stores is not None and offered.backends is not None:
        backends = OptionsChecker(checker, "type", "vector backend", offered.backends)
        each = _each(config.vector_stores.backends, tree, ("vector_stores", "backends"), backends)
        config = structs.replace(config, vector_stores=structs.replace(config.vector_stores, backends=each))
    if offered.checks is not None:
        checks = OptionsChecker(checker, "type", "safety check", offered.checks)
        each = _each(config.safety.checks, tree, ("safety", "checks"), checks)
        config = structs.replace(config, safety=structs.replace(config.safety, checks=each))
    return config


def _each(sections: Options[str, Any], tree: Mapping, path: tuple[str, str], kind: OptionsChecker) -> dict[str, Any]:
    """Sections that have a `type` and `options`, by name."""
    first, second = path
    nodes = as_mapping(as_mapping(tree.entries.get(first)).entries.get(second))
    return {
        name: structs.replace(
            section,
            options=kind.checked(section.type, section.options, as_mapping(nodes.entries[name]), (*path, name)),
        )
        for name, section in sections.items()
    }
