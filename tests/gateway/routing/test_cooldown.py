"""The breaker of one target, on a clock of the test's own."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from config.routing import Cooldown
from gateway.call import Attempt
from gateway.routing.cooldown import Breaker, succeeded
from tests.gateway.calls import a_target

TARGET = a_target()


def ended(
    status: int = 200, error: str | None = None, *, began: float = 0.0, retry_after: float | None = None
) -> Attempt:
    attempt = Attempt(b"att_1", TARGET, "first", began)
    attempt.status, attempt.error, attempt.retry_after = status, error, retry_after
    return attempt


def down(began: float = 0.0, retry_after: float | None = None, status: int = 503) -> Attempt:
    return ended(status, "server_error", began=began, retry_after=retry_after)


@pytest.mark.parametrize(
    ("attempt", "says"),
    [
        (ended(), True),
        (ended(500, "server_error"), False),
        (ended(529, "overloaded_error"), False),
        (ended(429, "rate_limit_exceeded"), False),
        (ended(408, "request_timeout"), False),
        (ended(0, "upstream_unreachable"), False),
        (ended(0, "upstream_timeout"), False),
        (ended(200, "upstream_error"), False),
        (ended(400, "invalid_value"), None),
        (ended(401, "invalid_api_key"), None),
        (ended(499), None),
        (ended(499, "upstream_error"), None),
        (ended(0, "overloaded"), None),
        (ended(200, "content_filter"), None),
    ],
)
def test_what_counts_as_failure(attempt: Attempt, says: bool | None) -> None:
    assert succeeded(attempt) is says


def test_failures_in_a_row_open_it() -> None:
    breaker = Breaker(Cooldown(failures=3, seconds=15))
    assert [breaker.record(down(), 1.0) for _ in range(3)] == [None, None, "opened"]
    assert breaker.rests(1.0) == 15


def test_a_success_between_begins_the_row_anew() -> None:
    breaker = Breaker(Cooldown(failures=2))
    for attempt in (down(), ended(), down(), ended(), down()):
        assert breaker.record(attempt, 1.0) is None


def test_the_error_rate_of_half_a_minute_opens_it() -> None:
    breaker = Breaker(Cooldown(failures=1_000, error_rate=0.5, calls=10))
    changes = [breaker.record(down() if n % 2 else ended(), float(n)) for n in range(10)]
    assert changes == [None] * 9 + ["opened"]


def test_what_is_older_than_half_a_minute_no_longer_counts() -> None:
    breaker = Breaker(Cooldown(failures=1_000, error_rate=0.5, calls=10))
    for n in range(9):
        assert breaker.record(down(), float(n)) is None
    assert breaker.record(down(), 38.5) is None


@pytest.mark.parametrize("status", [429, 503])
def test_it_rests_as_long_as_the_provider_asks(status: int) -> None:
    breaker = Breaker(Cooldown())
    assert breaker.record(down(retry_after=40, status=status), 1.0) == "opened"
    assert breaker.rests(1.0) == 40


def test_retry_after_of_other_faults_counts_as_one_failure() -> None:
    breaker = Breaker(Cooldown())
    assert breaker.record(down(retry_after=40, status=500), 1.0) is None


def test_a_longer_rest_asked_for_while_it_rests_counts() -> None:
    breaker = Breaker(Cooldown())
    breaker.record(down(retry_after=10, status=429), 0.0)
    assert breaker.record(down(retry_after=30, status=429), 1.0) == "opened"
    assert breaker.rests(1.0) == 30


def test_after_the_rest_it_may_be_probed_and_no_more_than_once() -> None:
    breaker = Breaker(Cooldown(failures=1, seconds=15))
    breaker.record(down(), 0.0)
    assert breaker.rests(14.0) == 1
    assert breaker.rests(15.0) == 0
    breaker.probe(15.0)
    assert breaker.rests(16.0) > 0


def test_a_probe_that_is_lost_makes_room_for_another() -> None:
    breaker = Breaker(Cooldown(failures=1, seconds=15))
    breaker.record(down(), 0.0)
    breaker.probe(15.0)
    assert breaker.rests(76.0) == 0


def test_as_many_successes_as_probes_close_it() -> None:
    breaker = Breaker(Cooldown(failures=1, seconds=15, probes=2))
    breaker.record(down(), 0.0)
    assert breaker.record(ended(began=16.0), 17.0) is None
    assert breaker.record(ended(began=16.0), 17.0) == "closed"
    assert breaker.rests(17.0) == 0


def test_the_rest_doubles_with_each_probe_that_fails_up_to_five_minutes() -> None:
    breaker = Breaker(Cooldown(failures=1, seconds=15))
    now, rests = 0.0, []
    for _ in range(7):
        breaker.record(down(began=now), now)
        rests.append(breaker.rests(now))
        now += rests[-1]
    assert rests == [15, 30, 60, 120, 240, 300, 300]


def test_after_closing_it_rests_briefly_again() -> None:
    breaker = Breaker(Cooldown(failures=1, seconds=15))
    breaker.record(down(), 0.0)
    breaker.record(down(began=15.0), 15.0)
    breaker.record(ended(began=45.0), 46.0)
    breaker.record(down(began=47.0), 47.0)
    assert breaker.rests(47.0) == 15


def test_answers_to_calls_from_before_it_opened_decide_nothing() -> None:
    breaker = Breaker(Cooldown(failures=1, seconds=15))
    breaker.record(down(), 0.0)
    assert breaker.record(ended(began=-1.0), 16.0) is None
    assert breaker.until is not None


def test_what_another_worker_found_counts_here() -> None:
    breaker = Breaker(Cooldown())
    breaker.hear(20.0, 2)
    assert breaker.rests(0.0) == 20
    breaker.record(down(began=20.0), 20.0)
    assert breaker.rests(20.0) == 60


def _outcome(says: bool | None, began: float) -> Attempt:
    if says is None:
        return ended(400, "invalid_value", began=began)
    return ended(began=began) if says else down(began=began)


class Life(RuleBasedStateMachine):
    """A breaker under any sequence of outcomes and times."""

    now = 100.0

    @initialize(failures=st.integers(1, 4), seconds=st.floats(1, 100), probes=st.integers(1, 3))
    def begin(self, failures: int, seconds: float, probes: int) -> None:
        self.settings = Cooldown(failures=failures, seconds=seconds, probes=probes, error_rate=1.0, calls=1_000_000)
        self.breaker = Breaker(self.settings)
        self.in_row = 0
        self.under_way = 0

    @rule(seconds=st.floats(0.01, 120))
    def wait(self, seconds: float) -> None:
        """Probes are kept shorter than what would be taken for lost."""
        if not self.under_way:
            self.now += seconds

    @precondition(lambda self: self.breaker.until is None)
    @rule(well=st.booleans())
    def answer(self, well: bool) -> None:
        change = self.breaker.record(ended(began=self.now) if well else down(began=self.now), self.now)
        self.in_row = 0 if well else self.in_row + 1
        assert change == ("opened" if self.in_row == self.settings.failures else None)
        if change:
            assert self.breaker.rests(self.now) == pytest.approx(self.settings.seconds)
            self.in_row = 0

    @precondition(lambda self: self.breaker.until is not None and not self.breaker.rests(self.now))
    @rule()
    def probe(self) -> None:
        self.breaker.probe(self.now)
        self.under_way += 1

    @precondition(lambda self: self.under_way)
    @rule(says=st.sampled_from([True, False, None]))
    def probe_ends(self, says: bool | None) -> None:
        before = self.breaker.openings
        attempt = _outcome(says, self.now)
        change = self.breaker.record(attempt, self.now)
        self.under_way -= 1
        if says is False:
            assert change == "opened"
            assert self.breaker.openings == before + 1
            expected = min(300.0, self.settings.seconds * 2**before)
            assert self.breaker.rests(self.now) == pytest.approx(expected)
        if change is not None:
            self.under_way = 0

    @rule(status=st.sampled_from([200, 503]))
    def late_answer(self, status: int) -> None:
        """To a call from long ago; while it is open such answers change nothing."""
        if self.breaker.until is not None:
            until = self.breaker.until
            error = None if status == 200 else "server_error"
            assert self.breaker.record(ended(status, error, began=0.0), self.now) is None
            assert self.breaker.until == until

    @invariant()
    def no_more_probes_than_allowed(self) -> None:
        if hasattr(self, "settings"):
            assert self.under_way <= self.settings.probes

    @invariant()
    def it_rests_no_longer_than_five_minutes(self) -> None:
        if hasattr(self, "settings"):
            assert 0 <= self.breaker.rests(self.now) <= 300


Life.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase
