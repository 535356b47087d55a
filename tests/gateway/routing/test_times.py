"""The times to first content, and the minute of usage."""

import pytest

from gateway.routing.minute import Minute, Used
from gateway.routing.times import FirstContents


def test_a_quantile_is_that_of_the_recent_answers() -> None:
    times = FirstContents()
    for n in range(1_000):
        times.add(1.0 if n < 700 else (n - 700) / 100, 0.0)
    assert times.within(0.5) == pytest.approx(1.72, abs=0.1)
    assert times.within(0.95) == pytest.approx(2.87, abs=0.1)


def test_few_answers_are_no_ground() -> None:
    times = FirstContents()
    for _ in range(19):
        times.add(1.0, 0.0)
    assert times.within(0.95) is None


def test_the_mean_follows_and_fades() -> None:
    times = FirstContents()
    assert times.mean(0.0) is None
    times.add(1.0, 0.0)
    assert times.mean(0.0) == 1.0
    times.add(2.0, 0.0)
    assert times.mean(0.0) == pytest.approx(1.2)
    assert times.mean(10.0) == pytest.approx(0.6)


def test_a_minute_slides() -> None:
    minute = Minute()
    minute.add(600.0, 10, 100)
    assert minute.used(659.0) == (10, 100)
    assert minute.used(690.0) == (5, 50)
    assert minute.used(720.0) == (0, 0)


def test_what_all_have_counted_is_added_to_what_they_were_not_told() -> None:
    minute = Minute()
    minute.add(600.0, 3, 30)
    assert minute.take() == (3, 30)
    minute.add(600.0, 1, 10)
    minute.hear(Used(8, 80), 600.0)
    assert minute.used(600.0) == (9, 90)


def test_what_could_not_be_told_is_told_later() -> None:
    minute = Minute()
    minute.add(600.0, 3, 30)
    minute.give_back(*minute.take())
    assert minute.take() == (3, 30)


def test_what_all_had_counted_long_ago_is_forgotten() -> None:
    minute = Minute()
    minute.hear(Used(8, 80), 600.0)
    assert minute.used(660.0) == (0, 0)
