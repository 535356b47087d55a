"""The nearest question of a group: found, bounded, forgotten; with numpy and without."""

import pytest

from gateway.state.cache import similar
from gateway.state.cache.similar import Similar

GROUP, OTHER = b"g" * 32, b"o" * 32


@pytest.fixture(params=["numpy", "plain"], autouse=True)
def numbers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What calculates."""
    if request.param == "plain":
        monkeypatch.setattr(similar, "numpy", None)


async def test_the_nearest_is_found_with_its_cosine() -> None:
    index = Similar(100_000)
    await index.add(GROUP, [1, 0], b"x")
    await index.add(GROUP, [0, 2], b"y")
    found = await index.nearest(GROUP, [3, 4])
    assert found is not None
    assert found[0] == b"y"
    assert found[1] == pytest.approx(0.8)


async def test_groups_do_not_meet() -> None:
    index = Similar(100_000)
    await index.add(GROUP, [1, 0], b"x")
    assert await index.nearest(OTHER, [1, 0]) is None


async def test_what_is_discarded_is_gone() -> None:
    index = Similar(100_000)
    await index.add(GROUP, [1, 0], b"x")
    await index.add(GROUP, [0, 1], b"y")
    await index.discard(GROUP, b"x")
    await index.discard(GROUP, b"unknown")
    await index.discard(OTHER, b"x")
    assert await index.nearest(GROUP, [1, 0]) == (b"y", 0.0)
    await index.discard(GROUP, b"y")
    assert await index.nearest(GROUP, [1, 0]) is None
    assert index.size == 0


async def test_a_key_has_one_question() -> None:
    index = Similar(100_000)
    await index.add(GROUP, [1, 0], b"x")
    await index.add(GROUP, [0, 1], b"x")
    assert await index.nearest(GROUP, [1, 0]) == (b"x", 0.0)


async def test_vectors_of_another_length_are_of_another_model() -> None:
    index = Similar(100_000)
    await index.add(GROUP, [1, 0], b"x")
    assert await index.nearest(GROUP, [1, 0, 0]) is None
    await index.add(GROUP, [1, 0, 0], b"y")
    assert await index.nearest(GROUP, [1, 0, 0]) == (b"y", 1.0)


async def test_nothing_is_like_a_vector_without_length() -> None:
    index = Similar(100_000)
    await index.add(GROUP, [0, 0], b"x")
    assert await index.nearest(GROUP, [0, 0]) == (b"x", 0.0)


async def test_a_group_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similar, "GROUP_MOST", 3)
    index = Similar(100_000)
    for number in range(5):
        await index.add(GROUP, [1, number], b"%d" % number)
    found = await index.nearest(GROUP, [1, 0])
    assert found is not None
    assert found[0] == b"2"


async def test_all_groups_have_a_bound_and_the_oldest_leave() -> None:
    index = Similar(5_000)
    for number in range(20):
        await index.add(b"%d" % number, [1, 0], b"x")
        assert 0 < index.size <= 5_000
    assert await index.nearest(b"0", [1, 0]) is None
    assert await index.nearest(b"19", [1, 0]) == (b"x", 1.0)
    index.resize(0)
    assert index.size == 0
