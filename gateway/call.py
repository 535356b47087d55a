"""The onion's words: a *call* goes in, a *reply* comes out, a *handler* answers, a *layer* is a handler around one."""

import itertools
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from adapters.inference.contract import StreamDecoder, Target
from adapters.wire.body import Body
from adapters.wire.errors import GatewayError
from adapters.wire.usage import Usage
from config.schema import Operation

if TYPE_CHECKING:
    from config.facts import Prices
    from gateway.auth import Caller
    from gateway.observe.trace import Trace
    from gateway.route import Route
    from gateway.upstream.pool import Response


Cause: TypeAlias = Literal[
    "first",
    "retry",
    "fallback",
    "hedge",
    "continuation",
    "mirror",
    "refresh",
    "similarity",
    "ingestion",
    "search",
    "check",
]
"""Why an attempt was made."""

_GENERATING = frozenset({"chat", "completions", "messages"})


class Attempt:
    """One try to have a call answered by one target."""

    __slots__ = (
        "answer",
        "began",
        "cause",
        "dropped",
        "ended",
        "error",
        "first",
        "id",
        "retry_after",
        "status",
        "target",
        "usage",
    )

    def __init__(self, id: bytes, target: Target, cause: Cause, began: float) -> None:
        self.id = id
        """Of this attempt alone, whatever ids clients send."""
        self.target = target
        self.cause = cause
        self.began = began
        """On the loop's clock, as the other times."""
        self.first = 0.0
        """When the answer, or its first content, was there; 0 before."""
        self.ended = 0.0
        """0 while it is under way."""
        self.status = 0
        """What the target answered; 0 for nothing, 499 where the client or the gateway ended it."""
        self.error: str | None = None
        """The code of what went wrong."""
        self.retry_after: float | None = None
        """Seconds after which the target says it may be asked again."""
        self.usage: Usage | None = None
        """None where nothing was told, or where the target did no work."""
        self.answer = b""
        """Its body, where it came whole."""
        self.dropped: tuple[str, ...] = ()
        """Parameters that it was not asked with, as in `x-isthmus-dropped`."""

    @property
    def milliseconds(self) -> int:
        """How long it took, a stream to its first content as long as it is under way."""
        return round(((self.ended or self.first or self.began) - self.began) * 1_000)

    def fail(self, fault: BaseException, now: float) -> None:
        """It ends without an answer."""
        self.ended = now
        if isinstance(fault, GatewayError):
            self.error = fault.code or fault.type
            self.retry_after = fault.retry_after
        else:
            self.status = 499


class Call:
    """One client request in flight, from the door to the final accounting."""

    __slots__ = (
        "attempts",
        "body",
        "cache",
        "caller",
        "cause",
        "client_headers",
        "deadline",
        "ended",
        "error",
        "fingerprint",
        "is_limited",
        "is_whole",
        "on_begin",
        "on_close",
        "operation",
        "received",
        "request_id",
        "route",
        "status",
        "target",
        "told",
        "trace",
        "transcript",
        "usage",
        "usage_wanted",
    )

    def __init__(
        self,
        operation: Operation,
        request_id: bytes,
        caller: "Caller",
        body: Body,
        client_headers: dict[bytes, bytes],
        received: float,
    ) -> None:
        self.operation: Operation = operation
        self.request_id = request_id
        self.caller = caller
        self.body = body
        self.client_headers = client_headers
        self.received = received
        """When the request came in, on the loop's clock."""
        self.ended = 0.0
        """When its answer had left; 0 before."""
        self.trace: Trace | None = None
        """The trace that it is part of; None where nobody traces."""
        self.target: Target | None = None
        """The target of the last attempt."""
        self.route: Route | None = None
        """Set before any layer that depends on it."""
        self.deadline: float | None = None
        """When the call must be over, on the loop's clock; None for never."""
        self.attempts: list[Attempt] = []
        """In the order in which they began. None where the cache answered."""
        self.cause: Cause = "first"
        """Why the first of them is made: calls that the gateway makes of itself have causes of their own."""
        self.cache: str | None = None
        """hit, miss, stale, bypass or joined; None where the route caches nothing."""
        self.fingerprint: bytes | None = None
        """What it asks, as a digest; None until somebody wants to know: see fingerprint.py."""
        self.usage: Usage | None = None
        """What the client was told, or would have been."""
        self.status = 0
        """What the client was told; 499 where it left before."""
        self.error: str | None = None
        """The code of what went wrong. Not the exception: its traceback would point back here."""
        self.is_limited = False
        """Whether the gateway tells limits of its own: what a provider tells of its limits has other names then."""
        self.told: Sequence[tuple[bytes, bytes]] = ()
        """Headers that its answer has besides, whatever that is: a reply or an error."""
        self.transcript: list[bytes] = []
        """What a stream has sent, kept until its usage is known and bounded by the relay."""
        self.is_whole = False
        """Whether that is all of a stream, which came to its proper end."""
        self.on_begin: Callable[[Call, Attempt], None] | None = None
        """Told of every attempt before its target is; a call made for another one has the same."""
        self.on_close: list[Callable[[Call], None]] = []
        self.usage_wanted: list[Callable[[Usage], None]] | None = None
        """Those who wait for its usage to be counted, once it is over: see observe/estimates.py."""

    def begin(self, target: Target, cause: Cause, now: float) -> Attempt:
        """A new attempt."""
        self.target = target
        attempt = Attempt(new_attempt_id(), target, self.cause if cause == "first" else cause, now)
        self.attempts.append(attempt)
        if self.on_begin is not None:
            self.on_begin(self, attempt)
        return attempt

    def twin(self, body: Body | None = None) -> "Call":
        """The same request as a call of its own: for attempts beside it, which must not write into it."""
        twin = Call(self.operation, self.request_id, self.caller, body or self.body, self.client_headers, self.received)
        twin.route = self.route
        twin.deadline = self.deadline
        twin.trace = self.trace
        twin.on_begin = self.on_begin
        twin.cause = self.cause
        twin.is_limited = self.is_limited
        return twin

    def prices_of(self, target: Target) -> "Prices | None":
        """What the tokens of one of its targets cost; None where nobody knows."""
        facts = self.route.facts_of(target) if self.route is not None else None
        return facts.prices if facts is not None else None

    @property
    def generates(self) -> bool:
        """Whether the answer is text that a model writes: it may be a stream, and its tokens can be counted."""
        return self.operation in _GENERATING

    def close(self) -> None:
        """The answer has left, or the client has: settle and record, whoever asked to, in reverse order."""
        while self.on_close:
            self.on_close.pop()(self)


Leave: TypeAlias = Callable[[Target, Attempt | None], None]
"""Gives back the place that an attempt has had at its target."""
GoOn: TypeAlias = Callable[["Call", GatewayError], Awaitable["Stream | None"]]
"""Has a broken stream continued elsewhere: gives what follows, or None where nobody can."""


class Stream:
    """An answer under way: what came first, and where the rest comes from."""

    __slots__ = ("attempt", "before", "decoder", "error_frame", "first", "go_on", "leave", "response")

    def __init__(
        self,
        first: bytes,
        decoder: StreamDecoder,
        response: "Response",
        error_frame: Callable[[GatewayError], bytes],
        attempt: Attempt | None = None,
    ) -> None:
        self.attempt = attempt
        """The attempt that it ends; None where it does not come from a target."""
        self.first = first
        self.decoder = decoder
        self.response = response
        self.error_frame = error_frame
        """How the client is told of a fault from here on."""
        self.leave: Leave | None = None
        self.before: Usage | None = None
        """Of the streams that it continues."""
        self.go_on: GoOn | None = None
        """None where a broken stream ends with an error event."""

    def end(self, now: float, error: str | None = None, *, cancelled: bool = False) -> None:
        """It is over, and so is its attempt. Whoever reads a stream calls this in every case; again does no harm."""
        self.response.close()
        attempt = self.attempt
        if attempt is None or attempt.ended:
            return
        attempt.ended = now
        attempt.usage = self.decoder.usage or attempt.usage
        attempt.error = error
        if cancelled:
            attempt.status = 499
        if self.leave is not None:
            self.leave(attempt.target, attempt)


class Reply:
    """The answer to a call: whole, or a stream."""

    __slots__ = ("body", "headers", "status", "stream")

    def __init__(
        self, status: int, headers: list[tuple[bytes, bytes]], body: bytes = b"", stream: Stream | None = None
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.stream = stream


Handler: TypeAlias = Callable[[Call], Awaitable[Reply]]


_REQUEST_ID_MAX = 128
_REQUEST_ID_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/+=")
_process_id = secrets.token_hex(10).encode()
_count = itertools.count()


def request_id_of(headers: dict[bytes, bytes]) -> bytes:
    """The client's own id where it is a harmless word, else a new one."""
    given = headers.get(b"x-request-id")
    if given and len(given) <= _REQUEST_ID_MAX and _REQUEST_ID_BYTES.issuperset(given):
        return given
    return new_request_id()


def new_request_id() -> bytes:
    """An id for a request whose client gave none: random for each process, counted within it."""
    return b"req_%b%012x" % (_process_id, next(_count))


ATTEMPT_NUMBER_AT: Final = 24
"""Where the number in an attempt's id begins; what stands before it is the process."""


def new_attempt_id() -> bytes:
    """An id that no other attempt has, in any process: 36 bytes. In one process, later ones are larger."""
    return b"att_%b%012x" % (_process_id, next(_count))
