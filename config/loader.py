"""From a file to a checked `Config`: read, respell, lay over shipped rows, put variables in, check, cross-check."""

import os
from collections.abc import Mapping as Options
from pathlib import Path as FilePath
from typing import Any, TypeAlias

from msgspec import Struct, inspect, structs, to_builtins

from config.catalogue import overlay, with_rows
from config.check import INVALID, Checker
from config.document import MAX_BYTES, parse
from config.environment import expand
from config.mistakes import ConfigError, Mistake, UnusableDialect, nearest
from config.report import Report
from config.rules import check_rules
from config.schema import Config, Provider, Timeouts
from config.spelling import respell
from config.tree import Mapping, Path, Scalar, as_mapping, is_null, with_entry

OptionTypes: TypeAlias = Options[str, type[Struct] | None]
"""The known dialects and the types of their options; None where anything goes. May raise UnusableDialect."""
DEFAULT = "providers: {local: {}}\n"
"""What is served without a file: local models, to this machine only."""


def load(
    path: FilePath | None,
    *,
    option_types: OptionTypes,
    environ: Options[str, str] = os.environ,
    server: Options[str, str | int] | None = None,
) -> Config:
    """Read a configuration file; without a path, the embedded default.

    `server` holds fields of the section of that name said on the command line, which win. Raises ConfigError with
    every mistake of the file, a dialect that `option_types` raises UnusableDialect for included.
    """
    if path is None:
        return loads(DEFAULT, "the embedded default", option_types=option_types, environ=environ, server=server)
    text = _read(path)
    return loads(text, str(path), option_types=option_types, environ=environ, server=server, folder=path.parent)


def loads(
    text: str,
    name: str = "isthmus.yaml",
    *,
    option_types: OptionTypes,
    environ: Options[str, str] = os.environ,
    server: Options[str, str | int] | None = None,
    folder: FilePath | None = None,
) -> Config:
    """The same from text. `folder` is where relative file names start: the working directory unless said."""
    report = Report(name, text)
    expected = inspect.type_info(Config)
    tree = as_mapping(respell(parse(text, report), expected, report))
    tree = with_rows(_with_server(tree, server or {}))
    report.root = tree = as_mapping(expand(tree, environ, report))
    checker = Checker(report, folder or FilePath.cwd())
    config: Config = checker.value(tree, expected)
    config = structs.replace(config, providers=_finished(config, tree, option_types, checker))
    check_rules(config, tree, report)
    report.raise_if_any()
    return config


def _read(path: FilePath) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) <= MAX_BYTES:
            return raw.decode("utf-8-sig")
        mistake = Mistake(path="", problem="the file is too large", allowed=f"{MAX_BYTES:,} bytes")
    except OSError as error:
        mistake = Mistake(path="", problem=f"it can't be read: {error.strerror}")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        mistake = Mistake(path="", problem="this is not UTF-8", line=line, column=1)
    raise ConfigError(str(path), [mistake])


def _with_server(tree: Mapping, said: Options[str, str | int]) -> Mapping:
    """What the command line says of `server`, over the file. It has no place there."""
    section = tree.entries.get("server")
    if not said or not (section is None or is_null(section) or isinstance(section, Mapping)):
        return tree
    entries = {name: Scalar(None, str(value), "text", plain=True, written=str(value)) for name, value in said.items()}
    own = Mapping(section.place if section else None, dict(entries), dict.fromkeys(entries))
    return with_entry(tree, "server", overlay(as_mapping(section), own), tree.key_places.get("server"))


def _finished(config: Config, tree: Mapping, option_types: OptionTypes, checker: Checker) -> dict[str, Provider]:
    """The providers with options of their dialect's type, and the server's timeouts where they say only some."""
    nodes = as_mapping(tree.entries.get("providers"))
    finished = {}
    for name, provider in config.providers.items():
        node = as_mapping(nodes.entries[name])
        options = _options(provider, node, option_types, checker, ("providers", name))
        timeouts = _timeouts(config, provider, node)
        finished[name] = structs.replace(provider, options=options, timeouts=timeouts)
    return finished


def _options(
    provider: Provider, node: Mapping, option_types: OptionTypes, checker: Checker, path: Path
) -> dict[str, Any]:
    if provider.dialect not in option_types:
        allowed, close = ", ".join(sorted(option_types)), nearest(provider.dialect, option_types.keys())
        checker.report.add((*path, "dialect"), "there is no such dialect", allowed=allowed, nearest=close)
        return {}
    try:
        options_type = option_types[provider.dialect]
    except UnusableDialect as fault:
        problem = f"{fault.source}: {fault.problem}; {fault.advice}"
        checker.report.add((*path, "dialect"), problem)
        return {}
    if options_type is None:
        return provider.options
    expected = inspect.type_info(options_type)
    here = (*path, "options")
    own = node.entries.get("options") or Mapping(node.place, {}, {})
    options = checker.value(respell(own, expected, checker.report, here), expected, here)
    return {} if options is INVALID else to_builtins(options)


def _timeouts(config: Config, provider: Provider, node: Mapping) -> Timeouts | None:
    own = as_mapping(node.entries.get("timeouts")).entries
    if provider.timeouts is None:
        return None
    said = {name: getattr(provider.timeouts, name) for name in Timeouts.__struct_fields__ if name in own}
    return structs.replace(config.server.timeouts, **said)
