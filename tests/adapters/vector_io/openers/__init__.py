"""The backends that the suite runs on: each module of this package has an `OPENER`."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct, field

from adapters.vector_io.contract import VectorBackend
from adapters.vector_io.registry import BACKENDS, open_backend
from config.vector_stores import Backend


class Place(Struct, frozen=True):
    """Where a backend keeps its stores: a folder, or a server that runs."""

    def settings(self) -> tuple[Backend, Path]:
        """What opens a backend there: what a configuration says of it, and the folder that it is given."""
        raise NotImplementedError

    def open(self) -> VectorBackend:
        """A backend over what is kept there, which is not started yet."""
        return open_backend("test", *self.settings())

    async def look(self) -> None:
        """What `isthmus check --reach` does."""
        settings, folder = self.settings()
        kind = BACKENDS.find(settings.type)
        assert kind.look is not None
        await kind.look("test", msgspec.convert(settings.options, kind.options), folder)

    def away(self) -> AbstractContextManager[None] | None:
        """While entered, it does not answer; None where it is a part of this process."""
        raise NotImplementedError


class Opener(Struct, frozen=True):
    """A kind of backend and how to have one."""

    name: str
    """Its type, and what sets it apart from others of the type."""
    place: Callable[[Path], AbstractContextManager[Place]]
    """A place of its own for each folder, or one for all: a server that is slow to start is kept by its module."""
    words_tolerance: float = 0.001
    """By how much a score by words may differ from the reference, as a part of it."""
    one_process: bool = False
    twin: bool = False
    """Another one runs by the same code: only its being away is tried on this one."""
    embedded: bool = False
    """Whether what it keeps is in a folder of this machine, and survives the death of the process."""


class Folder(Place, frozen=True):
    """The place of an embedded backend."""

    type: str
    folder: Path
    options: dict[str, Any] = field(default_factory=dict)

    def settings(self) -> tuple[Backend, Path]:
        return Backend(type=self.type, options=self.options), self.folder

    def away(self) -> None:
        return None


def embedded(type: str, *, one_process: bool = False, words_tolerance: float = 0.001, **options: Any) -> Opener:
    """A backend that keeps its stores in a folder."""
    return Opener(
        type,
        lambda folder: nullcontext(Folder(type, folder, options)),
        words_tolerance=words_tolerance,
        one_process=one_process,
        embedded=True,
    )


class Server(Protocol):
    """A server that tests start and stop."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


class Served(Place, frozen=True):
    """The place of a backend behind a server."""

    type: str
    server: Server
    options: dict[str, Any]

    def settings(self) -> tuple[Backend, Path]:
        return Backend(type=self.type, options=self.options), Path()

    @contextmanager
    def away(self) -> Iterator[None]:
        self.server.stop()
        try:
            yield
        finally:
            self.server.start()


def openers() -> list[Opener]:
    """Those of all modules."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}").OPENER for name in names]
