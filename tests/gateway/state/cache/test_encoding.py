"""Answers as bytes: what comes back is what went in, or nothing."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.usage import Usage
from gateway.state.cache.contract import Entry
from gateway.state.cache.encoding import decode, encode

KEY = bytes(range(32))
MOST = 100_000
ENTRY = Entry(1.5, b'{"a":1}' * 300, ((b"x-isthmus-model", b"m"),), Usage(1, 2), True, True, ((5, 0.5),))

entries = st.builds(
    Entry,
    st.floats(0, 2e9),
    st.binary(max_size=3_000) | st.binary(max_size=30).map(lambda part: part * 100),
    st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8)), max_size=3).map(tuple),
    st.none() | st.builds(Usage, st.integers(0, 2**40), st.integers(0, 2**40)),
    st.booleans(),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 9_999), st.floats(0, 100)), max_size=3).map(tuple),
)


@given(entries)
def test_what_comes_back_is_what_went_in(entry: Entry) -> None:
    assert decode(KEY, encode(KEY, entry), MOST) == entry


@given(st.integers(0, 2_000), st.integers(0, 255))
def test_a_byte_that_changed_makes_it_nothing(place: int, byte: int) -> None:
    stored = bytearray(encode(KEY, ENTRY))
    place %= len(stored)
    changed = stored[place] != byte
    stored[place] = byte
    assert (decode(KEY, bytes(stored), MOST) is None) is changed


@given(st.integers(0, 2_000))
def test_a_part_of_it_is_nothing(end: int) -> None:
    stored = encode(KEY, ENTRY)
    assert decode(KEY, stored[: end % len(stored)], MOST) is None


@given(st.binary(max_size=200))
def test_any_other_bytes_are_nothing(stored: bytes) -> None:
    assert decode(KEY, stored, MOST) is None
    assert decode(KEY, b"I1p" + stored, MOST) is None


def test_what_stands_under_another_key_is_nothing() -> None:
    assert decode(KEY[::-1], encode(KEY, ENTRY), MOST) is None


def test_what_another_version_wrote_is_nothing() -> None:
    assert decode(KEY, b"I2" + encode(KEY, ENTRY)[2:], MOST) is None


def test_what_unpacks_to_more_than_the_bound_is_nothing() -> None:
    stored = encode(KEY, Entry(1.5, b"x" * MOST, (), None))
    assert len(stored) < 1_000
    assert decode(KEY, stored, MOST) is None


@pytest.mark.parametrize(
    ("body", "pays"), [(b"abc" * 1_000, True), (random.Random(1).randbytes(3_000), False), (b"abc", False)]
)
def test_it_is_compressed_where_that_pays(body: bytes, pays: bool) -> None:
    assert (len(encode(KEY, Entry(1.5, body, (), None))) < len(body)) is pays
