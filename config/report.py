"""Collects the mistakes of one file."""

from typing import NoReturn

from config.mistakes import ConfigError, Mistake, path_text
from config.redaction import excerpt, show, show_path
from config.tree import Node, Path, Place, Scalar, locate, node_at


class Report:
    """Collects mistakes. A path is reported once: what follows from a mistake is not one more."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.root: Node | None = None
        """The tree in which paths are looked up for their places."""
        self._lines = text.splitlines()
        self._mistakes: dict[Path, Mistake] = {}

    def add(
        self,
        path: Path,
        problem: str,
        *,
        place: Place | None = None,
        found: str | None = None,
        allowed: str | None = None,
        nearest: str | None = None,
    ) -> None:
        """Take a mistake. `found` must be safe to show; without it, what stands at `path` is shown."""
        if path in self._mistakes:
            return
        node = node_at(self.root, path)
        if found is None and isinstance(node, Scalar):
            found = show(node, path)
        place = place or locate(self.root, path)
        shown = show_path(path)
        self._mistakes[path] = Mistake(
            path=path_text(shown),
            problem=problem,
            line=place and place.line,
            column=place and place.column,
            found=found,
            allowed=allowed,
            nearest=nearest,
            excerpt=place and self._excerpt(place, {*map(str, shown), found or ""}),
        )

    def stop(self, problem: str, place: Place, *, found: str | None = None, allowed: str | None = None) -> NoReturn:
        """Raise ConfigError with what was added and a mistake that nothing can be read behind."""
        self.add((), problem, place=place, found=found, allowed=allowed)
        raise self._error()

    def raise_if_any(self) -> None:
        """Raise ConfigError if something was added."""
        if self._mistakes:
            raise self._error()

    def _error(self) -> ConfigError:
        in_order = sorted(self._mistakes.values(), key=lambda each: (each.line or 0, each.column or 0))
        return ConfigError(self.name, in_order)

    def _excerpt(self, place: Place, shown: set[str]) -> str | None:
        if place.line > len(self._lines):
            return None
        return excerpt(self._lines[place.line - 1], place.column, shown)
