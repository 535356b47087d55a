"""A row of the ledger, in the three pieces in which it comes to be known: JSON that the database itself reads.

The journal holds the pieces as they are, and a batch of rows is put together from them without decoding anything.
"""

from typing import Final

import msgspec

from adapters.wire.usage import Usage
from gateway.call import Attempt, Call
from gateway.ledger.finish import finish_reason
from gateway.state.records.contract import Records, Value

BEGUN = (
    *("request_id", "began", "key_name", "owner", "team", "organisation", "model", "route", "provider"),
    *("provider_model", "operation", "stream", "cause", "opens"),
)
"""Columns that are known when an attempt begins. `opens` is 1 for the first attempt of a client's request."""
ENDED = ("cache", "status", "error", "finish_reason", "latency", "first_token")
"""Columns that are known when it has ended. Times are microseconds."""
USED = (
    *("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens", "cache_write_tokens"),
    *("prompt_audio_tokens", "completion_audio_tokens", "searches", "estimated", "cost", "price_version"),
)
"""Columns of its tokens and their cost in nano-dollars; all NULL where nobody knows."""
COLUMNS = ("attempt_id", *BEGUN, *ENDED, *USED)

NUMBERS = frozenset(
    {
        *("began", "stream", "opens", "status", "latency", "first_token", "searches", "estimated", "cost"),
        *(name for name in USED if name.endswith("_tokens")),
    }
)
UNKNOWN_USE: Final = b"[" + b",".join([b"null"] * len(USED)) + b"]"
_LOST: Final = b'[null,0,"worker_lost",null,null,null]'
_SIDE = frozenset({"mirror", "refresh", "similarity", "ingestion", "search", "check"})
NAME_MAX = 256
_WORD_MAX = 128
_MICROSECONDS = 1_000_000

_encode = msgspec.json.Encoder().encode


def begun(call: Call, attempt: Attempt, now: int) -> bytes:
    """What is known when an attempt begins; `now` is in microseconds since 1970."""
    target = attempt.target
    cause = attempt.cause
    opens = len(call.attempts) == 1 and cause not in _SIDE
    return _begun(call, now, target.provider, target.model, cause, int(opens))


def answered(call: Call, now: int) -> bytes:
    """The same of a call that was answered without an attempt."""
    return _begun(call, now, None, None, "check" if call.cache is None else "cache", 1)


def _begun(call: Call, now: int, provider: str | None, model: str | None, cause: str, opens: int) -> bytes:
    caller = call.caller
    return _encode(
        (
            call.request_id.decode("latin-1"),
            now,
            caller.name,
            caller.owner,
            caller.team,
            caller.organisation,
            call.body.model[:NAME_MAX],
            call.route.name[:NAME_MAX] if call.route is not None else None,
            provider,
            model,
            call.operation,
            int(call.body.stream),
            cause,
            opens,
        )
    )


def ended(call: Call, attempt: Attempt) -> bytes:
    """What is known when it has ended."""
    return _encode(_end(call, attempt))


def ended_and_used(call: Call, attempt: Attempt, usage: Usage, cost: int | None, price_version: str | None) -> bytes:
    """`ended` and `used` at once, because nearly every attempt ends so."""
    return _encode(_end(call, attempt) + _use(usage, cost, price_version))


def ended_without_attempt(call: Call, seconds: float) -> bytes:
    """What is known of a call that was answered without one."""
    return _encode((call.cache, call.status, call.error, None, int(seconds * _MICROSECONDS), None))


def used(usage: Usage, cost: int | None, price_version: str | None) -> bytes:
    """Tokens and their cost."""
    return _encode(_use(usage, cost, price_version))


def _end(call: Call, attempt: Attempt) -> tuple[Value, ...]:
    began, first = attempt.began, attempt.first
    return (
        call.cache,
        attempt.status,
        attempt.error and attempt.error[:_WORD_MAX],
        finish_reason(call, attempt),
        int((attempt.ended - began) * _MICROSECONDS),
        int((first - began) * _MICROSECONDS) if first else None,
    )


def _use(usage: Usage, cost: int | None, price_version: str | None) -> tuple[Value, ...]:
    return (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cached_tokens,
        usage.reasoning_tokens,
        usage.cache_write_tokens,
        usage.prompt_audio_tokens,
        usage.completion_audio_tokens,
        usage.searches,
        int(usage.estimated),
        cost,
        price_version,
    )


def joined(begun: bytes, ended: bytes, used: bytes) -> bytes:
    """A whole row."""
    return b"%b,%b,%b" % (begun[:-1], ended[1:-1], used[1:])


def lost(begun: bytes) -> bytes:
    """The row of an attempt whose worker was gone before its end."""
    return joined(begun, _LOST, UNKNOWN_USE)


def batch(rows: dict[bytes, bytes]) -> str:
    """Rows by attempt as one JSON object, which is what INSERT takes.

    PostgreSQL's texts hold no NUL: https://www.postgresql.org/docs/current/datatype-json.html
    """
    text = b"{%b}" % b",".join([b'"%b":%b' % row for row in rows.items()])
    return text.replace(b"\\u0000", b"\\ufffd").decode()


def _expression(index: int, name: str) -> str:
    return f"CAST(value ->> {index} AS {'BIGINT' if name in NUMBERS else 'TEXT'})"


_INSERT = (
    f"INSERT INTO attempts ({', '.join(COLUMNS)}) "  # noqa: S608 - of the names above
    f"SELECT key, {', '.join(_expression(index, name) for index, name in enumerate(COLUMNS[1:]))} "
    "FROM {}($1) WHERE TRUE ON CONFLICT (attempt_id) DO NOTHING"
)


async def insert(records: Records, rows: dict[bytes, bytes]) -> int:
    """Write rows by attempt, in one transaction; one that is there already stays as it is.

    Give how many were not there. Raises RecordsUnavailable.
    """
    return await records.execute(_INSERT.format(records.json_each), batch(rows))
