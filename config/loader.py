"""From a file to a checked `Config`: read, respell, lay over shipped rows, put variables in, check, cross-check."""

import os
from collections.abc import Mapping as Options
from functools import partial
from pathlib import Path as FilePath

from msgspec import inspect, structs

from config.catalogue import overlay, with_rows
from config.check import Checker
from config.document import MAX_BYTES, parse
from config.environment import expand
from config.mistakes import ConfigError, Mistake
from config.options import UNTOLD, Offered, OptionsChecker, OptionTypes, with_options
from config.report import Report
from config.rules import check_rules
from config.schema import Config, Provider, Timeouts
from config.spelling import respell
from config.tree import Mapping, Scalar, as_mapping, is_null, with_entry
from config.vector_store_rules import check_processes

DEFAULT = """\
providers: {local: {}}
state: {records: {}}
files: {}
vector_stores: {}
safety: {checks: {rules: {type: rules}}}
"""
"""What is served without a file, to this machine only: local models, files, vector stores and moderations."""


def load(
    path: FilePath | None,
    *,
    option_types: OptionTypes,
    offered: Offered = UNTOLD,
    environ: Options[str, str] = os.environ,
    server: Options[str, str | int] | None = None,
) -> Config:
    """Read a configuration file; without a path, the embedded default.

    `option_types` has the dialects and `offered` the rest of what packages offer. `server` holds fields of the section
    of that name said on the command line, which win. Raises ConfigError with every mistake of the file, what the types
    raise Unusable for included.
    """
    told = partial(loads, option_types=option_types, offered=offered, environ=environ, server=server)
    return told(DEFAULT, "the embedded default") if path is None else told(_read(path), str(path), folder=path.parent)


def loads(
    text: str,
    name: str = "isthmus.yaml",
    *,
    option_types: OptionTypes,
    offered: Offered = UNTOLD,
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
    config = with_options(config, tree, offered, checker)
    check_rules(config, tree, report)
    check_processes(config, offered.for_one_process, report)
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
    dialects = OptionsChecker(checker, "dialect", "dialect", option_types)
    finished = {}
    for name, provider in config.providers.items():
        node = as_mapping(nodes.entries[name])
        options = dialects.checked(provider.dialect, provider.options, node, ("providers", name))
        timeouts = _timeouts(config, provider, node)
        finished[name] = structs.replace(provider, options=options, timeouts=timeouts)
    return finished


def _timeouts(config: Config, provider: Provider, node: Mapping) -> Timeouts | None:
    own = as_mapping(node.entries.get("timeouts")).entries
    if provider.timeouts is None:
        return None
    said = {name: getattr(provider.timeouts, name) for name in Timeouts.__struct_fields__ if name in own}
    return structs.replace(config.server.timeouts, **said)
