"""What is searched, and what is asked: both without the network, and the same wherever numpy is.

A document is the docstring of one function or class of numpy; a function that has two names is there once. A question
is a line of questions.tsv: what somebody might ask who does not know the name, and the names of the functions that
answer it, as numpy's own reference has them. They were written before anything was measured.
"""

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from msgspec import Struct

QUESTIONS = Path(__file__).with_name("questions.tsv")
_SHORTEST = 200
"""Characters: what is shorter says nothing but a name."""
_PLACES = {"": np, "linalg.": np.linalg, "fft.": np.fft, "random.": np.random}


class Question(Struct, frozen=True):
    """What is asked, and which documents answer it."""

    text: str
    answers: frozenset[str]


def documents() -> dict[str, str]:
    """Texts by their names."""
    by_text: dict[str, list[str]] = {}
    for prefix, module in _PLACES.items():
        for name, text in _docstrings(module):
            by_text.setdefault(text, []).append(prefix + name)
    return {min(names): text for text, names in by_text.items()}


def questions(known: Mapping[str, str]) -> list[Question]:
    """Those that a document answers; an answer that this numpy does not have is left out."""
    lines = (line.split("\t") for line in QUESTIONS.read_text().splitlines())
    asked = [Question(text, frozenset(answers.split()) & known.keys()) for text, answers in lines]
    return [question for question in asked if question.answers]


def _docstrings(module: object) -> Iterator[tuple[str, str]]:
    for name in dir(module):
        value = getattr(module, name)
        text = inspect.getdoc(value) or ""
        is_error = isinstance(value, type) and issubclass(value, BaseException)
        if not name.startswith("_") and callable(value) and not is_error and len(text) >= _SHORTEST:
            yield name, text
