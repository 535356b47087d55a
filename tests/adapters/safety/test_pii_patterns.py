"""Patterns of personal data and secrets: what they find, what they leave, and that no text holds them up."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.safety.pii_patterns import CHECK, PatternOptions
from adapters.safety.pii_patterns.patterns import LABELS, find
from tests.adapters.safety.judging import judge, shown


@pytest.mark.parametrize(
    ("text", "found", "label"),
    [
        ("write to alice.b+c@mail.example.com.", "alice.b+c@mail.example.com", "EMAIL_ADDRESS"),
        ("jörg@exämple.de", "jörg@exämple.de", "EMAIL_ADDRESS"),
        ("card 4111 1111 1111 1111!", "4111 1111 1111 1111", "CREDIT_CARD"),
        ("3782-822463-10005", "3782-822463-10005", "CREDIT_CARD"),
        ("IBAN DE89 3704 0044 0532 0130 00 OK", "DE89 3704 0044 0532 0130 00", "IBAN_CODE"),
        ("GB82WEST12345698765432", "GB82WEST12345698765432", "IBAN_CODE"),
        ("my SSN is 536-90-4399.", "536-90-4399", "US_SSN"),
        ("call +49 30 1234567 now", "+49 30 1234567", "PHONE_NUMBER"),
        ("(212) 555-0123", "(212) 555-0123", "PHONE_NUMBER"),
        ("from 10.0.0.1.", "10.0.0.1", "IP_ADDRESS"),
        ("2001:db8::ff00:42:8329", "2001:db8::ff00:42:8329", "IP_ADDRESS"),
        ("sk-proj-abcdefghijklmnop123456", "sk-proj-abcdefghijklmnop123456", "SECRET_KEY"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE", "SECRET_KEY"),
        ("ghp_" + "a" * 36, "ghp_" + "a" * 36, "SECRET_KEY"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", None, "SECRET_KEY"),
    ],
)
async def test_each_form_is_found_where_it_stands(text: str, found: str | None, label: str) -> None:
    judgement = await judge(CHECK.open("p", PatternOptions()), "nothing here", text)
    assert shown(judgement, "nothing here", text) == [(found or text, label)]
    assert (judgement.flagged, judgement.scores, judgement.found) == (True, {"pii": 1.0}, frozenset({"pii"}))


@pytest.mark.parametrize(
    "text",
    [
        "card 4111 1111 1111 1112",
        "DE89 3704 0044 0532 0130 01",
        "000-12-3456",
        "12:30:45",
        "1.2.3.4.5 and 999.1.1.1",
        "std::vector a::b",
        "version 10.0.1",
        "a@b",
        "in 2024 there were 1,234,567 of 8,000,000,000",
        "0000000000000000",
        "XX12 3456 7890 1234 567",
        "DE89 3704 0044 0532",
    ],
)
async def test_what_only_looks_alike_is_left(text: str) -> None:
    judgement = await judge(CHECK.open("p", PatternOptions()), text)
    assert (judgement.flagged, judgement.spans, judgement.found) == (False, (), frozenset())


async def test_only_the_chosen_entities_are_looked_for() -> None:
    text = "a@example.com 10.0.0.1"
    judgement = await judge(CHECK.open("p", PatternOptions(entities=["IP_ADDRESS"])), text)
    assert shown(judgement, text) == [("10.0.0.1", "IP_ADDRESS")]


def test_of_two_that_overlap_the_one_that_begins_first_is_found() -> None:
    text = "10.0.0.1@example.com and card 4111 1111 1111 1111@example.com"
    assert [(text[start:end], label) for start, end, label in find(text, LABELS)] == [
        ("10.0.0.1@example.com", "EMAIL_ADDRESS"),
        ("4111 1111 1111 1111", "CREDIT_CARD"),
    ]


def test_an_entity_that_nobody_knows_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="PERSON"):
        msgspec.convert({"entities": ["PERSON"]}, PatternOptions)


async def test_long_texts_are_judged_the_same() -> None:
    text = "words " * 1_000 + "a@example.com"
    assert shown(await judge(CHECK.open("p", PatternOptions()), text), text) == [("a@example.com", "EMAIL_ADDRESS")]


@pytest.mark.parametrize(
    "unit",
    ["a", "1 ", "1-", "a.b", "DE89 ", "(", "::", "+1 ", "-----BEGIN PRIVATE KEY-----", "eyJ", "a@b.", "sk-", "-"],
)
def test_no_text_takes_longer_than_its_length(unit: str) -> None:
    began = time.process_time()
    find(unit * (100_000 // len(unit)), LABELS)
    assert time.process_time() - began < 5  # what grows with the square takes minutes


@given(st.text(alphabet="a1@. -:+4DE8sk()", max_size=60))
def test_places_are_in_order_and_within_the_text(text: str) -> None:
    at = 0
    for start, end, _ in find(text, LABELS):
        assert at <= start < end <= len(text)
        at = end
