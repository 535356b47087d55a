"""What was tried, as clients are told it: in the header `x-isthmus-attempts` and in the error when all failed.

The header is a list of RFC 9651 (https://www.rfc-editor.org/rfc/rfc9651): a string for each attempt, with parameters.
"""

import re
from typing import Any

from adapters.wire.errors import GatewayError
from gateway.call import Attempt, Call

HEADER = b"x-isthmus-attempts"
_ITEMS_MAX = 16
_NAME_MAX = 96
_UNSAFE = re.compile(r'[^ -~]|["\\]')
_NO_TOKEN = re.compile(r"[^A-Za-z0-9_.:/*-]")


def are_worth_telling(attempts: list[Attempt]) -> bool:
    """Whether an answer was not just the first attempt's."""
    return len(attempts) > 1 or (len(attempts) == 1 and attempts[0].cause != "first")


def attempts_header(attempts: list[Attempt]) -> tuple[bytes, bytes]:
    """The header: `"lab/llama";cause=first;status=503;error=overloaded;ms=120`, and so on."""
    items = [_item(attempt) for attempt in attempts[:_ITEMS_MAX]]
    if (more := len(attempts) - _ITEMS_MAX) > 0:
        items.append(f'"";more={more}')
    return HEADER, ", ".join(items).encode()


def tell(error: GatewayError, call: Call) -> None:
    """Say in an error what was tried: in its header, and where there was more than one attempt in its body too."""
    attempts = call.attempts
    if not attempts or any(name == HEADER for name, _ in error.headers):
        return
    error.headers = (*error.headers, attempts_header(attempts))
    if len(attempts) > 1:
        tried = ", ".join(f"{_name(each)} ({each.error or each.status})" for each in attempts[:_ITEMS_MAX])
        told = error.message if error.message.endswith((".", "!", "?")) else f"{error.message}."
        error.message = f"{told} Tried: {tried}."
        error.further = {"attempts": [_told(attempt) for attempt in attempts[:_ITEMS_MAX]]} | (error.further or {})


def _item(attempt: Attempt) -> str:
    parts = [f'"{_name(attempt)}"', f"cause={attempt.cause}"]
    if attempt.status:
        parts.append(f"status={attempt.status}")
    if attempt.error is not None:
        parts.append(f"error={_token(attempt.error)}")
    parts.append(f"ms={attempt.milliseconds}")
    return ";".join(parts)


def _name(attempt: Attempt) -> str:
    target = attempt.target
    return _UNSAFE.sub("?", f"{target.provider}/{target.model}"[:_NAME_MAX])


def _token(code: str) -> str:
    """A provider's code as a token, which begins with a letter."""
    token = _NO_TOKEN.sub("_", code[:_NAME_MAX])
    return token if token[:1].isalpha() else f"*{token}"


def _told(attempt: Attempt) -> dict[str, Any]:
    return {
        "provider": attempt.target.provider,
        "model": attempt.target.model[:_NAME_MAX],
        "cause": attempt.cause,
        "status": attempt.status or None,
        "code": attempt.error,
        "milliseconds": attempt.milliseconds,
    }
