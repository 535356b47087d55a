"""Presidio in a process of its own: what it finds, and that nobody waits for it but whoever asked."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from adapters.safety.contract import SafetyCheck
from adapters.safety.pii import CHECK, PiiOptions
from adapters.safety.pii.found import judgement
from tests.adapters.safety.frames import answers
from tests.adapters.safety.judging import judge, shown

pytest.importorskip("presidio_analyzer", reason="the extra pii is not installed")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def check() -> AsyncIterator[SafetyCheck]:
    check = CHECK.open("pii", PiiOptions())
    await check.start()
    yield check
    await check.close()


async def test_people_places_and_numbers_are_found(check: SafetyCheck) -> None:
    text = "My name is Alice Johnson and I live in Berlin; mail alice@example.com, card 4111 1111 1111 1111."
    found = await judge(check, text)
    assert shown(found, text) == [
        ("Alice Johnson", "PERSON"),
        ("Berlin", "LOCATION"),
        ("alice@example.com", "EMAIL_ADDRESS"),
        ("4111 1111 1111 1111", "CREDIT_CARD"),
    ]
    assert (found.found, found.scores) == (frozenset({"pii"}), {"pii": 1.0})


async def test_harmless_texts_are_left(check: SafetyCheck) -> None:
    found = await judge(check, "Water boils at one hundred degrees.", "")
    assert (found.flagged, found.spans) == (False, ())


async def test_the_event_loop_goes_on_while_it_looks(check: SafetyCheck) -> None:
    text = "Alice Johnson lives in Berlin. " * 600
    judging = asyncio.ensure_future(judge(check, text))
    turns = 0
    while not judging.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 10
    assert len((await judging).spans) >= 600


def test_only_the_chosen_entities_are_looked_for() -> None:
    text = "Alice Johnson lives in Berlin."
    ready, found = answers("adapters.safety.pii.analyzer", {"entities": ["LOCATION"], "score": 0.4}, [text, ""])
    assert ready == {}
    assert [[text[start:end] for start, end, *_ in each] for each in found] == [["Berlin"], []]


def test_an_entity_that_nobody_knows_can_not_begin() -> None:
    (refused,) = answers("adapters.safety.pii.analyzer", {"entities": ["PERSONS"], "score": 0.4}, ["Berlin"])
    assert refused == {"fault": "it can't be opened: ValueError"}


async def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'isthmus\[pii\]'"):
        CHECK.open("pii", PiiOptions())


async def test_what_lies_over_one_another_becomes_one_named_as_the_surest() -> None:
    found = judgement([[(0, 10, "URL", 0.5), (2, 8, "EMAIL_ADDRESS", 1.0), (12, 14, "PERSON", 0.85)]])
    assert [(span.start, span.end, span.label) for span in found.spans] == [
        (0, 10, "EMAIL_ADDRESS"),
        (12, 14, "PERSON"),
    ]
