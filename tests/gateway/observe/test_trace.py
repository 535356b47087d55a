"""W3C trace context, in and out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.trace import Tracer

ID = b"4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = b"00f067aa0ba902b7"
PARENT = b"00-%b-%b-01" % (ID, SPAN)
ATTEMPT = b"att_00112233445566778899" + b"00000000002a"


def test_a_clients_trace_goes_on_to_the_provider_with_the_attempts_own_span() -> None:
    trace = Tracer(1).trace({b"traceparent": PARENT, b"tracestate": b"vendor=1,other=2"})
    assert trace is not None
    assert (trace.id, trace.parent, trace.sampled) == (ID, SPAN, True)
    parent, state = trace.lines(ATTEMPT).decode().splitlines()
    assert parent == f"traceparent: 00-{ID.decode()}-{trace.span_of(ATTEMPT):016x}-01"
    assert state == "tracestate: vendor=1,other=2"
    assert trace.span_of(ATTEMPT) not in (trace.span, int(SPAN, 16))


def test_without_tracing_here_it_goes_on_as_it_came() -> None:
    trace = Tracer().trace({b"traceparent": PARENT, b"tracestate": b"vendor=1"})
    assert trace is not None
    assert trace.lines(ATTEMPT) == b"traceparent: %b\r\ntracestate: vendor=1\r\n" % PARENT
    assert not trace.sampled


def test_without_tracing_here_nothing_begins() -> None:
    assert Tracer().trace({}) is None


def test_a_trace_that_begins_here_has_no_parent() -> None:
    trace = Tracer(1).trace({})
    assert trace is not None
    assert (len(trace.id), trace.parent, trace.sampled) == (32, b"", True)


@pytest.mark.parametrize(
    "said",
    [
        b"00-%b-%b-01" % (ID.upper(), SPAN),
        b"00-%b-%b-01" % (b"0" * 32, SPAN),
        b"00-%b-%b-01" % (ID, b"0" * 16),
        b"00-%b-%b-01-more" % (ID, SPAN),
        b"00-%b-%b-1" % (ID, SPAN),
        b"00-%b-%b-zz" % (ID, SPAN),
        b"ff-%b-%b-01" % (ID, SPAN),
        b"01-%b-%b-01more" % (ID, SPAN),
        b" " + PARENT,
        PARENT + b"\n",
        b"",
    ],
)
def test_what_is_no_traceparent_is_not_sent_on(said: bytes) -> None:
    assert Tracer().trace({b"traceparent": said}) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    trace = Tracer().trace({b"traceparent": b"cc-%b-%b-ff-what-comes-later" % (ID, SPAN)})
    assert trace is not None
    assert trace.lines(ATTEMPT) == b"traceparent: 00-%b-%b-03\r\n" % (ID, SPAN)


@pytest.mark.parametrize("state", [b"", b"a=\x00", b"a=1\r\nx-evil: 1", b"a=" + b"1" * 511, b"caf\xc3\xa9=1"])
def test_a_tracestate_that_is_none_is_left_out(state: bytes) -> None:
    trace = Tracer().trace({b"traceparent": PARENT, b"tracestate": state})
    assert trace is not None
    assert trace.lines(ATTEMPT) == b"traceparent: %b\r\n" % PARENT


@given(st.binary(max_size=80))
def test_whatever_is_sent_at_most_one_line_goes_out(said: bytes) -> None:
    trace = Tracer().trace({b"traceparent": said})
    assert trace is None or trace.lines(ATTEMPT).count(b"\r\n") == 1


def test_the_share_of_traces_that_begin_here_is_sampled() -> None:
    def sampled(tracer: Tracer) -> int:
        return sum(trace.sampled for _ in range(2_000) if (trace := tracer.trace({})))

    assert 350 < sampled(Tracer(0.25)) < 650
    assert sampled(Tracer(0)) == 0
    assert sampled(Tracer(1)) == 2_000


@pytest.mark.parametrize(("flags", "sampled"), [(b"00", False), (b"01", True)])
def test_a_clients_own_decision_is_kept(flags: bytes, sampled: bool) -> None:
    for share in (0, 1):
        trace = Tracer(share).trace({b"traceparent": b"00-%b-%b-%b" % (ID, SPAN, flags)})
        assert trace is not None
        assert trace.sampled is sampled
        assert trace.lines(ATTEMPT).endswith(b"-%b\r\n" % flags)


def test_attempts_have_spans_of_their_own() -> None:
    trace = Tracer(1).trace({})
    assert trace is not None
    spans = {trace.span, *(trace.span_of(b"att_%032x" % number) for number in range(100))}
    assert len(spans) == 101
