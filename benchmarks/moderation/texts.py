"""The labelled texts. Every second one of a section is held out: nobody looked at those when rules were written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

FOLDER: Final = Path(__file__).parent / "texts"
_ALSO: Final = {
    "hate": {"harassment", "harassment/threatening"},
    "hate/threatening": {"harassment", "harassment/threatening"},
    "illicit/violent": {"violence", "harassment/threatening", "harassment"},
    "self-harm": {"violence"},
    "self-harm/instructions": {"self-harm/intent", "harassment"},
    "sexual/minors": {"illicit"},
}
"""What may be said of a text of one category and is neither right nor wrong."""


class Text(Struct, frozen=True):
    """A text and what is right to say of it."""

    text: str
    labels: frozenset[str]
    undecided: frozenset[str]
    """Categories in which it counts neither way."""
    held_out: bool


def read_texts() -> Iterator[Text]:
    """All of them."""
    for path in sorted(FOLDER.glob("*.txt")):
        labels: frozenset[str] = frozenset()
        place = 0
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("["):
                sign, *names = line.strip("[]").split()
                labels = frozenset(names) if sign == "+" else frozenset()
                place = 0
            elif line and not line.startswith("#"):
                undecided = frozenset(other for label in labels for other in _ALSO.get(label, ())) - labels
                yield Text(line, labels, undecided, held_out=place % 2 == 1)
                place += 1
