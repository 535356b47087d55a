"""What the commands share: reading the configuration and telling what is wrong with it."""

import logging
import sys
from argparse import Namespace
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from adapters.files.registry import STORES
from adapters.inference.registry import DIALECTS
from adapters.offers import Offers
from adapters.safety.registry import CHECKS
from adapters.vector_io.registry import BACKENDS
from config.loader import load
from config.mistakes import ConfigError, Unusable
from config.options import Offered
from config.schema import Config

log = logging.getLogger("isthmus.configuration")

Said: TypeAlias = dict[str, str | int]
"""Settings of `server` that go before those of the file."""
LISTENING = ("host", "port", "workers")
"""Those that the command line may say."""

_DEFAULT_FILE = Path("isthmus.yaml")


def file_of(arguments: Namespace) -> Path | None:
    """The configuration file that the command line means, None for the embedded default."""
    given: Path | None = arguments.config
    if given is None and _DEFAULT_FILE.exists():
        return _DEFAULT_FILE
    return given


def read(path: Path | None, server: Said | None = None, *, strict: bool = False) -> Config:
    """Read a configuration; `server` holds what the command line says of that section.

    Raises ConfigError, where it is `strict` also for a dialect, store, backend or check that can't be used.
    """
    for offers in (DIALECTS, STORES, BACKENDS, CHECKS):
        offers.refresh()
    stores, backends, checks = (_OptionTypes(offers, strict) for offers in (STORES, BACKENDS, CHECKS))
    offered = Offered(stores, backends, checks, for_one_process=_ForOneProcess())
    return load(path, option_types=_OptionTypes(DIALECTS, strict), offered=offered, server=server)


def reread(path: Path | None, said: Said, running: Said) -> tuple[Config, Config]:
    """Read it again while the gateway runs: what is served from now on, and what a restart would serve.

    They differ in what can't change: `running` is where it listens, and `said` what the command line says of that. What
    is served has to be right for the place where it is. Raises ConfigError.
    """
    config = wanted = read(path, said)
    if any(getattr(wanted.server, name) != value for name, value in running.items()):
        config = read(path, running)
    log_faults(config)
    return config, wanted


def log_faults(config: Config) -> None:
    """Name what is wrong with who offers what is configured, a line each: the gateway serves without them."""
    for offers, noun, users in _used(config):
        for name in dict.fromkeys(users.values()):
            if fault := offers.fault(name):
                log.error("%s (%s: %s)", fault, noun, ", ".join(user for user, used in users.items() if used == name))


def _used(config: Config) -> Iterator[tuple[Offers[Any], str, dict[str, str]]]:
    """What is offered, the words for those who use it, and what each of these uses."""
    yield DIALECTS, "providers", {name: provider.dialect for name, provider in config.providers.items()}
    if config.files is not None:
        yield STORES, "section", {"files": config.files.store}
    if config.vector_stores is not None:
        yield BACKENDS, "backends", {name: each.type for name, each in config.vector_stores.backends.items()}
    yield CHECKS, "checks", {name: check.type for name, check in config.safety.checks.items()}


class _OptionTypes(Mapping[str, type[Struct] | None]):
    """The types of the options of everything of one kind; each is found, and imported, when somebody asks for it."""

    def __init__(self, offers: Offers[Any], strict: bool) -> None:
        self._offers = offers
        self._strict = strict

    def __getitem__(self, name: str) -> type[Struct] | None:
        if self._strict and (fault := self._offers.fault(name)):
            raise fault
        try:
            options: type[Struct] = self._offers.find(name).options
        except Unusable:
            return None
        return options

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._offers.is_known(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._offers.names())

    def __len__(self) -> int:
        return len(self._offers.names())


def complain(error: ConfigError) -> int:
    """Say what is wrong; give the exit code."""
    print(error, file=sys.stderr)
    return 2


class _ForOneProcess(Container[str]):
    """The types of vector backends that only one process may have open, looked at when asked for."""

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and BACKENDS.find(name).one_process
        except Unusable:
            return False  # what is wrong with it is told elsewhere
