"""The time that a whole call may take: waiting, retries, backoff, the first byte and the stream."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.wire.errors import BadRequest, DeadlineExceeded
from gateway.call import Call, Handler, Reply
from gateway.routing.attempts import tell

HEADER = b"x-isthmus-timeout"
_SECONDS = re.compile(rb"[0-9]{1,5}(?:\.[0-9]{1,9})?")
_SECONDS_MAX = 86_400.0


def seconds_of(call: Call) -> float:
    """What the client or its route allows, the smaller of the two; one of them must. Raises BadRequest."""
    configured = call.route.settings.timeout if call.route is not None else None
    said = call.client_headers.get(HEADER)
    if said is None:
        return _SECONDS_MAX if configured is None else configured
    seconds = float(said) if _SECONDS.fullmatch(said) else 0.0
    if not 0 < seconds <= _SECONDS_MAX:
        raise BadRequest(
            "The header 'x-isthmus-timeout' must be a number of seconds over 0 and up to 86400.", code="invalid_header"
        )
    return seconds if configured is None else min(seconds, configured)


async def answer_before(call: Call, seconds: float, handler: Handler) -> Reply:
    """Answer a call that has so long since it came in. Raises DeadlineExceeded; nothing goes on behind it."""
    call.deadline = call.received + seconds
    try:
        async with before_deadline(call.deadline):
            return await handler(call)
    except DeadlineExceeded as error:
        for attempt in call.attempts:
            if attempt.status == 499 and attempt.error is None:
                attempt.error = error.code
        tell(error, call)
        raise


@asynccontextmanager
async def before_deadline(deadline: float) -> AsyncIterator[None]:
    """What is done in here is cancelled at that time of the loop's clock. Raises DeadlineExceeded then."""
    timer = asyncio.timeout_at(deadline)
    try:
        async with timer:
            yield
    except TimeoutError:
        if not timer.expired():
            raise
        raise DeadlineExceeded("The call was not answered within the time it was given.") from None
