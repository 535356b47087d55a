"""W3C trace context: whose trace a call is part of, and what goes on to providers.

https://www.w3.org/TR/trace-context/
"""

import random
import re

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE = b"0" * 32
_NO_SPAN = b"0" * 16
_FIRST_VERSION = b"00"
_NEVER_A_VERSION = b"ff"
_STATE = re.compile(rb"[\x20-\x7e\t]{1,512}")
"""Longer ones may be dropped whole: section 3.3.1.5 asks for no more than 512 characters to be kept."""
_SAMPLED = 0x01
_RANDOM = 0x02
"""Level 2: the trace id's last seven bytes are random."""
_COUNTED_DIGITS = 12
_SPAN_MASK = (1 << 64) - 1
_ID_MASK = (1 << 128) - 1
_RATIO_MASK = (1 << 56) - 1


class Trace:
    """One call's place in a trace. Spans of its attempts have ids that follow from the call's own."""

    __slots__ = ("flags", "id", "parent", "span", "state")

    def __init__(self, id: bytes, parent: bytes, flags: int, state: bytes | None, span: int) -> None:
        self.id = id
        """32 hexadecimal digits."""
        self.parent = parent
        """The client's span, 16 digits; empty where the trace begins here."""
        self.flags = flags
        self.state = state
        """What others along the trace wrote; passed on as it is."""
        self.span = span
        """The call's own span; 0 where the gateway makes none and passes the client's on."""

    @property
    def sampled(self) -> bool:
        """Whether its spans are exported."""
        return bool(self.flags & _SAMPLED and self.span)

    def span_of(self, attempt: bytes) -> int:
        """The span of an attempt, from the part of its id that is counted."""
        return (self.span + int(attempt[-_COUNTED_DIGITS:], 16) + 1) & _SPAN_MASK or 1

    def lines(self, attempt: bytes) -> bytes:
        """The headers that go out with the attempt of this id."""
        parent = self.parent
        if self.span:
            parent = b"%016x" % (self.span_of(attempt) if self.flags & _SAMPLED else self.span)
        lines = b"traceparent: 00-%b-%b-%02x\r\n" % (self.id, parent, self.flags)
        return lines if self.state is None else b"%btracestate: %b\r\n" % (lines, self.state)


class Tracer:
    """Makes the traces of calls; `share` of those that begin here are sampled. None makes no spans of its own."""

    __slots__ = ("_below", "_owns_spans", "_random")

    def __init__(self, share: float | None = None) -> None:
        self._owns_spans = share is not None
        self._below = round((share or 0) * (_RATIO_MASK + 1))
        self._random = random.Random().getrandbits  # noqa: S311 - ids are no secrets; each process seeds its own

    def trace(self, headers: dict[bytes, bytes]) -> Trace | None:
        """The trace that a request's headers name; else a new one, or none where nobody traces here."""
        said = headers.get(b"traceparent")
        trace = _read(said, headers.get(b"tracestate")) if said is not None else None
        if not self._owns_spans:
            return trace
        if trace is None:
            number = self._random(192)
            flags = _RANDOM | _SAMPLED if (number & _RATIO_MASK) < self._below else _RANDOM
            return Trace(b"%032x" % (number & _ID_MASK or 1), b"", flags, None, number >> 128 or 1)
        trace.span = self._random(64) or 1
        return trace


def _read(said: bytes, state: bytes | None) -> Trace | None:
    """Read a `traceparent` strictly; a later version may have more fields behind ours."""
    match = _TRACEPARENT.fullmatch(said)
    if match is None:
        return None
    version, trace, parent, flags, more = match.groups()
    if version == _NEVER_A_VERSION or (version == _FIRST_VERSION and more) or trace == _NO_TRACE or parent == _NO_SPAN:
        return None
    if state is not None and not _STATE.fullmatch(state):
        state = None
    return Trace(trace, parent, int(flags, 16) & (_SAMPLED | _RANDOM), state, 0)
