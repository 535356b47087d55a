"""Things of one kind that Isthmus ships and packages offer: dialects, vector backends, stores of files, safety checks.

Each is shipped under a name, or offered by an installed package through an entry point, or the path of a value in a
module. A module is imported when what it has is asked for.
"""

import importlib
import re
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from config.mistakes import Unusable, nearest

_PATH = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):[^\W\d]\w*(\.[^\W\d]\w*)*")
_SHOWN = 300


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Offered = TypeVar("Offered", bound=_Named)


class Kind(Struct, frozen=True):
    """What is the same for all things of one kind."""

    group: str
    """Entry points of this group: the name is the thing's, the value is the thing."""
    value: str
    """What the thing is called in a shipped module."""
    noun: str
    """What one is called, with its article: `an adapter`."""
    unusable: type[Unusable]
    breach: Callable[[object], str | None]
    """What keeps a value from being such a thing, None where nothing does."""
    contract: str
    """Which pages an author reads."""


class Offers(Generic[Offered]):
    """The things of one kind. `shipped` has the modules of those that Isthmus brings, by name."""

    def __init__(self, kind: Kind, shipped: Mapping[str, str]) -> None:
        self.kind = kind
        self.shipped = shipped
        self._entries: tuple[EntryPoint, ...] | None = None
        self._found: dict[str, Offered | Unusable] = {}

    def find(self, name: str) -> Offered:
        """The thing of this name. Raises Unusable, which names whose it is, what is wrong and what to do."""
        found = self._look_up(name)
        if isinstance(found, Unusable):
            raise found.with_traceback(None)
        return found

    def names(self) -> list[str]:
        """Those that have a name: the shipped ones, and those of installed packages, whether they work or not."""
        return sorted({*self.shipped, *(entry.name for entry in self._installed())})

    def is_known(self, name: str) -> bool:
        """Whether it is the name of one, or written like the path of one."""
        return name in self.shipped or _PATH.fullmatch(name) is not None or name in self.names()

    def fault(self, name: str) -> Unusable | None:
        """What is wrong with who offers it: it can't be used, or it has the name of a shipped one."""
        found = self._look_up(name)
        if isinstance(found, Unusable):
            return found
        rivals = [entry for entry in self._installed() if entry.name == name] if name in self.shipped else []
        if not rivals:
            return None
        problem = f"Isthmus has a {self.kind.unusable.kind} of this name, which is used instead"
        return self._unusable(name, _sources(rivals), problem, "give the entry point another name, or uninstall it")

    def refresh(self) -> None:
        """Look at what is installed anew; modules that are imported stay as they are until a restart."""
        importlib.invalidate_caches()
        self._entries = None
        self._found.clear()

    def _installed(self) -> tuple[EntryPoint, ...]:
        if self._entries is None:
            self._entries = tuple(entry_points(group=self.kind.group))
        return self._entries

    def _look_up(self, name: str) -> Offered | Unusable:
        if name not in self._found:
            self._found[name] = self._look(name)
        return self._found[name]

    def _look(self, name: str) -> Offered | Unusable:
        if module := self.shipped.get(name):
            return self._load(EntryPoint(name, f"{module}:{self.kind.value}", self.kind.group), "Isthmus")
        if _PATH.fullmatch(name):
            return self._load(EntryPoint(name, name, self.kind.group), f'the module path "{name}"')
        offers = [entry for entry in self._installed() if entry.name == name]
        if not offers:
            close = nearest(name, self.names())
            meant = f"did you mean {close}?" if close else "install the package that offers it"
            return self._unusable(name, "no package", f"there is no such {self.kind.unusable.kind}", meant)
        if len(offers) > 1:
            return self._unusable(name, _sources(offers), "they have the same name", "uninstall all but one")
        return self._load(offers[0], _sources(offers))

    def _load(self, entry: EntryPoint, source: str) -> Offered | Unusable:
        if _PATH.fullmatch(entry.value) is None:
            unwritten = "its value is not written module:VALUE"
            return self._unusable(entry.name, source, unwritten, "repair its pyproject.toml")
        try:
            value = entry.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a package may raise anything when it is imported
            return self._unusable(entry.name, source, _told(error), self._advice(error, entry))
        if problem := self.kind.breach(value) or self._misnamed(entry, value):
            return self._unusable(entry.name, source, problem, f"see {self.kind.contract}, or install another version")
        offered: Offered = value
        return offered

    def _misnamed(self, entry: EntryPoint, offered: Offered) -> str | None:
        by_path = entry.name == entry.value
        if by_path and offered.name in self.shipped:
            return f"its name, {offered.name}, is that of a shipped {self.kind.unusable.kind}"
        if not by_path and offered.name != entry.name:
            return f"its name is {offered.name} and that of the entry point is {entry.name}"
        return None

    def _advice(self, error: BaseException, entry: EntryPoint) -> str:
        module = entry.module
        if isinstance(error, ModuleNotFoundError) and error.name:
            missing = error.name
            if module == missing or module.startswith(f"{missing}."):
                return f"install the package that has {module}, or put its folder on PYTHONPATH"
            return f"install what has {missing}, for example with: pip install {missing.partition('.')[0]}"
        if isinstance(error, AttributeError) and entry.attr.partition(".")[0] in str(error):
            return f"name {self.kind.noun} that {module} has"
        return "repair or update it; after a change of what is installed, start the gateway again"

    def _unusable(self, name: str, source: str, problem: str, advice: str) -> Unusable:
        return self.kind.unusable(name, source, problem, advice)


def _sources(entries: list[EntryPoint]) -> str:
    return " and ".join(f'{_package(entry)}, entry point {entry.name} = "{entry.value}"' for entry in entries)


def _package(entry: EntryPoint) -> str:
    return f"the package {entry.dist.name} {entry.dist.version}" if entry.dist else "a package"


def _told(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:_SHOWN]}".removesuffix(": ")
