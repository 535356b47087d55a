"""Why an answer ended, as it says itself: looked up in its bytes, which are not parsed for that."""

import re

from gateway.call import Attempt, Call

_LAST_CHUNKS = 8
_REASONS = {"messages": b'"stop_reason"'}
_USUAL = b'"finish_reason"'
_WORD = re.compile(rb'\s*:\s*"([a-zA-Z0-9_]{1,64})"')


def finish_reason(call: Call, attempt: Attempt) -> str | None:
    """The last finish reason in the answer; None where there is none."""
    if not call.generates:
        return None
    name = _REASONS.get(call.operation, _USUAL)
    if attempt.answer:
        return _last(attempt.answer, name)
    if attempt.first and attempt.error is None:  # what broke and was continued is not what told the end
        for chunk in reversed(call.transcript[-_LAST_CHUNKS:]):
            reason = _last(chunk, name)
            if reason is not None:
                return reason
    return None


def _last(text: bytes, name: bytes) -> str | None:
    """The word behind the last such name: inside a text of JSON its quotes are escaped, so it is not found there."""
    found = text.rfind(name)
    if found < 0:
        return None
    word = _WORD.match(text, found + len(name))
    return word[1].decode() if word else None
