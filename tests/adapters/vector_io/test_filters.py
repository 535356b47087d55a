"""A filter means on every backend what `filters.holds` says."""

import random
from collections.abc import AsyncIterator
from typing import get_args

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.vector_io.contract import VectorBackend
from adapters.vector_io.filters import Attribute, Comparison, Compound, Filter, holds
from tests.adapters.vector_io.samples import DIMENSIONS, chunk, ids, packed

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = packed([1.0] * DIMENSIONS)
KEYS = ["a", "A", "key with ' \" \\ $.[0]% \x00", "ключ 🦜"]
TEXTS = [
    "", " ", "a", "A", "b", "aa", "1", "1.0", "true", "null", "é", "e\u0301", "\uffff", "\U0001f99c", "中", "\x00",
    "a\x00", "'", "' OR 1=1 --", '"', "\\", "%", "_", "*", "${a}", "z" * 512,
]  # fmt: skip
NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.1, 0.30000000000000004, 1e-300, 1e300, -1e300, 2.0**53, 2.0**53 - 1, 1_700_000_000.0]
VALUES: list[Attribute] = [*TEXTS, *NUMBERS, True, False]
COMPARISONS = [name for name in get_args(Comparison.__annotations__["type"]) if name not in ("in", "nin")]


def described(count: int) -> dict[str, dict[str, Attribute]]:
    """The attributes of some files: each value under the first key, then mixtures."""
    source = random.Random(5)
    each: list[dict[str, Attribute]] = [{}, *({KEYS[0]: value} for value in VALUES)]
    while len(each) < count:
        each.append({key: source.choice(VALUES) for key in source.sample(KEYS, source.randint(1, len(KEYS)))})
    return {f"c{at}": attributes for at, attributes in enumerate(each)}


FILES = described(120)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def described_store(backend: VectorBackend) -> AsyncIterator[str]:
    await backend.create("vs_filters", DIMENSIONS)
    chunks = [chunk(its, file_id=f"file-{its}", attributes=attributes) for its, attributes in FILES.items()]
    await backend.write("vs_filters", chunks)
    yield "vs_filters"
    await backend.drop("vs_filters")


def values() -> st.SearchStrategy[Attribute]:
    anything = st.text(max_size=8) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
    return st.sampled_from(VALUES) | anything


def comparisons() -> st.SearchStrategy[Filter]:
    keys = st.sampled_from([*KEYS, "missing"])
    single = st.builds(Comparison, st.sampled_from(COMPARISONS), keys, values())
    several = st.builds(Comparison, st.sampled_from(["in", "nin"]), keys, st.lists(values(), max_size=6).map(tuple))
    return single | several


def filters() -> st.SearchStrategy[Filter]:
    def compound(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
        return st.builds(Compound, st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=4).map(tuple))

    return st.recursive(comparisons(), compound, max_leaves=8)


async def _found(backend: VectorBackend, store: str, filter: Filter) -> set[str]:
    return {*ids(await backend.nearest(store, QUESTION, 200, filter))}


def _expected(filter: Filter) -> set[str]:
    return {its for its, attributes in FILES.items() if holds(filter, attributes)}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(filter=filters())
async def test_any_filter_finds_what_it_holds_for(backend: VectorBackend, described_store: str, filter: Filter) -> None:
    assert await _found(backend, described_store, filter) == _expected(filter)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(filter=filters())
async def test_filters_mean_the_same_in_a_search_by_words(
    backend: VectorBackend, described_store: str, filter: Filter
) -> None:
    hits = await backend.matching(described_store, "some words", 200, filter)
    assert {*ids(hits)} == _expected(filter)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:20])
async def test_every_comparison_with_every_value(
    backend: VectorBackend, described_store: str, value: Attribute
) -> None:
    wanted: list[Filter] = [Comparison(each, KEYS[0], value) for each in COMPARISONS]
    wanted += [Comparison("in", KEYS[0], (value,)), Comparison("nin", KEYS[0], (value, "a", 1.0))]
    for each in wanted:
        assert await _found(backend, described_store, each) == _expected(each), each


@pytest.mark.parametrize("type", ["in", "nin"])
async def test_a_list_may_be_long_or_empty(backend: VectorBackend, described_store: str, type: str) -> None:
    long = tuple(f"value {at}" for at in range(500))
    for value in ((), long, (*long, "a", True, 0.1)):
        wanted = Comparison(type, KEYS[0], value)  # type: ignore[arg-type]
        assert await _found(backend, described_store, wanted) == _expected(wanted)


@pytest.mark.parametrize("type", ["and", "or"])
async def test_all_of_nothing_is_everything_and_any_of_nothing_is_nothing(
    backend: VectorBackend, described_store: str, type: str
) -> None:
    nothing = Compound(type, ())  # type: ignore[arg-type]
    for wanted in (nothing, Compound("and", (nothing, Comparison("eq", KEYS[0], "a")))):
        assert await _found(backend, described_store, wanted) == _expected(wanted)


async def test_filters_may_be_deep_and_wide(backend: VectorBackend, described_store: str) -> None:
    deep: Filter = Comparison("eq", KEYS[0], "a")
    for _ in range(8):
        deep = Compound("or", (Compound("and", (deep, Comparison("ne", KEYS[0], "b"))), Comparison("gt", KEYS[0], 1.0)))
    assert await _found(backend, described_store, deep) == _expected(deep)
    wide = Compound("or", tuple(Comparison("eq", KEYS[0], value) for value in VALUES))
    assert await _found(backend, described_store, wide) == _expected(wide)


async def test_whole_numbers_are_numbers(backend: VectorBackend, store: str) -> None:
    await backend.write(store, [chunk("c", attributes={"n": 5})])
    for value in (5, 5.0):
        assert ids(await backend.nearest(store, QUESTION, 10, Comparison("eq", "n", value))) == ["c"]
        assert ids(await backend.nearest(store, QUESTION, 10, Comparison("gte", "n", value))) == ["c"]
