"""Which dialects there are, and the adapter of each. A module is imported when its dialect is asked for.

A dialect is shipped, or offered by an installed package through an entry point, or the path of a value in a module.
"""

import importlib
import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from adapters.inference.breaches import breach
from adapters.inference.contract import Adapter
from config.mistakes import UnusableDialect, nearest

SHIPPED = {
    "anthropic": "adapters.inference.anthropic",
    "azure": "adapters.inference.azure",
    "bedrock": "adapters.inference.bedrock",
    "cohere": "adapters.inference.cohere",
    "gemini": "adapters.inference.gemini",
    "local": "adapters.inference.local",
    "ollama": "adapters.inference.ollama",
    "openai": "adapters.inference.openai",
    "vertex": "adapters.inference.vertex",
    "watsonx": "adapters.inference.watsonx",
}
"""The modules whose `ADAPTER` each is."""

GROUP = "isthmus.adapters"
"""Entry points of this group: the name is the dialect, the value is its adapter."""

_PATH = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):[^\W\d]\w*(\.[^\W\d]\w*)*")
_SHOWN = 300


def find(dialect: str) -> Adapter:
    """The adapter of a dialect. Raises UnusableDialect, which names whose it is, what is wrong and what to do."""
    found = _look_up(dialect)
    if isinstance(found, UnusableDialect):
        raise found.with_traceback(None)
    return found


def names() -> list[str]:
    """The dialects that have a name: the shipped ones, and those of installed packages, whether they work or not."""
    return sorted({*SHIPPED, *(entry.name for entry in _installed())})


def is_known(dialect: str) -> bool:
    """Whether it is the name of a dialect, or written like the path of one."""
    return dialect in SHIPPED or _PATH.fullmatch(dialect) is not None or dialect in names()


def fault(dialect: str) -> UnusableDialect | None:
    """What is wrong with who offers a dialect: it can't be used, or it has the name of a shipped one."""
    found = _look_up(dialect)
    if isinstance(found, UnusableDialect):
        return found
    rivals = [entry for entry in _installed() if entry.name == dialect] if dialect in SHIPPED else []
    if not rivals:
        return None
    problem = "Isthmus has a dialect of this name, which is used instead"
    return UnusableDialect(dialect, _sources(rivals), problem, "give the entry point another name, or uninstall it")


def refresh() -> None:
    """Look at what is installed anew; modules that are imported stay as they are until a restart."""
    importlib.invalidate_caches()
    _installed.cache_clear()
    _look_up.cache_clear()


@cache
def _installed() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


@cache
def _look_up(dialect: str) -> Adapter | UnusableDialect:
    if module := SHIPPED.get(dialect):
        return _load(EntryPoint(dialect, f"{module}:ADAPTER", GROUP), "Isthmus")
    if _PATH.fullmatch(dialect):
        return _load(EntryPoint(dialect, dialect, GROUP), f'the module path "{dialect}"')
    offers = [entry for entry in _installed() if entry.name == dialect]
    if not offers:
        close = nearest(dialect, names())
        meant = f"did you mean {close}?" if close else "install the package that offers it"
        return UnusableDialect(dialect, "no package", "there is no such dialect", meant)
    if len(offers) > 1:
        return UnusableDialect(dialect, _sources(offers), "they have the same name", "uninstall all but one")
    return _load(offers[0], _sources(offers))


def _load(entry: EntryPoint, source: str) -> Adapter | UnusableDialect:
    if _PATH.fullmatch(entry.value) is None:
        return UnusableDialect(entry.name, source, "its value is not written module:VALUE", "repair its pyproject.toml")
    try:
        value = entry.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a package may raise anything when it is imported
        return UnusableDialect(entry.name, source, _told(error), _advice(error, entry))
    if problem := breach(value) or _misnamed(entry, value):
        advice = "see adapters/inference/contract.py and docs/adding-a-provider.md, or install another version"
        return UnusableDialect(entry.name, source, problem, advice)
    adapter: Adapter = value
    return adapter


def _misnamed(entry: EntryPoint, adapter: Adapter) -> str | None:
    by_path = entry.name == entry.value
    if by_path and adapter.name in SHIPPED:
        return f"its name, {adapter.name}, is that of a shipped dialect"
    if not by_path and adapter.name != entry.name:
        return f"its name is {adapter.name} and that of the entry point is {entry.name}"
    return None


def _advice(error: BaseException, entry: EntryPoint) -> str:
    module = entry.module
    if isinstance(error, ModuleNotFoundError) and error.name:
        missing = error.name
        if module == missing or module.startswith(f"{missing}."):
            return f"install the package that has {module}, or put its folder on PYTHONPATH"
        return f"install what has {missing}, for example with: pip install {missing.partition('.')[0]}"
    if isinstance(error, AttributeError) and entry.attr.partition(".")[0] in str(error):
        return f"name an adapter that {module} has"
    return "repair or update it; after a change of what is installed, start the gateway again"


def _sources(entries: list[EntryPoint]) -> str:
    return " and ".join(f'{_package(entry)}, entry point {entry.name} = "{entry.value}"' for entry in entries)


def _package(entry: EntryPoint) -> str:
    return f"the package {entry.dist.name} {entry.dist.version}" if entry.dist else "a package"


def _told(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:_SHOWN]}".removesuffix(": ")
