"""One number over several workers."""

from gateway.state.in_flight import InFlight


def test_each_worker_counts_its_own_and_sees_the_sum() -> None:
    parent = InFlight(workers=3)
    first = InFlight(parent.fileno(), worker=1, workers=3)
    second = InFlight(parent.fileno(), worker=2, workers=3)
    first.add()
    first.add()
    second.add()
    assert first.total() == second.total() == parent.total() == 3
    first.remove()
    assert second.total() == 2


def test_a_worker_that_died_is_forgotten() -> None:
    parent = InFlight(workers=2)
    worker = InFlight(parent.fileno(), worker=1, workers=2)
    worker.add()
    parent.add()
    parent.forget(1)
    assert parent.total() == 1


def test_a_worker_that_comes_back_begins_at_nothing() -> None:
    parent = InFlight(workers=2)
    InFlight(parent.fileno(), worker=1, workers=2).add()
    InFlight(parent.fileno(), worker=1, workers=2)
    assert parent.total() == 0
