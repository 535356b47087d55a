"""Histograms between the bounds that OpenTelemetry asks for."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.otlp_metrics import coarser
from gateway.observe.tables import SECONDS, Histogram, histogram

COARSE = (0.01, 0.32, 81.92)


@given(st.lists(st.floats(0, 1_000)))
def test_fewer_bounds_count_the_same_values(values: list[float]) -> None:
    fine, coarse = histogram(SECONDS), Histogram([0] * (len(COARSE) + 1))
    for value in values:
        fine.observe(SECONDS, value)
        coarse.observe(COARSE, value)
    assert coarser(fine.counts, SECONDS, COARSE) == coarse.counts
