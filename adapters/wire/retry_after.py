"""How long a provider asks to wait."""

import math
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

_NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
_DURATION = re.compile(rf"(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?(?:{_NUMBER}ms)?")
_UNITS = (86_400, 3_600, 60, 1, 0.001)


def retry_after(headers: Sequence[tuple[bytes, bytes]]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` in seconds or as a date after that of `date`.

    https://www.rfc-editor.org/rfc/rfc9110.html#field.retry-after
    """
    told = {name: value.decode("latin-1").strip() for name, value in headers}
    if milliseconds := _seconds(told.get(b"retry-after-ms", "")):
        return milliseconds / 1_000
    wait = told.get(b"retry-after", "")
    if (seconds := _seconds(wait)) is not None:
        return seconds
    try:
        delay = parsedate_to_datetime(wait) - parsedate_to_datetime(told.get(b"date", ""))
    except (TypeError, ValueError):
        return None
    return max(0.0, delay.total_seconds())


def limits_reset(headers: Sequence[tuple[bytes, bytes]]) -> float | None:
    """Seconds until the rate limit that a request has met is whole again, from what the provider tells of its limits.

    OpenAI writes `x-ratelimit-reset-requests: 6m0s` and the like, others a number of seconds, Anthropic
    `anthropic-ratelimit-tokens-reset` as a time, which counts after that of `date`. The limits that have nothing
    remaining count, the longest of them; where all have something left, the request met one of them and nobody says
    which: the shortest counts. https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
    https://docs.claude.com/en/api/rate-limits#response-headers
    """
    told = {name.decode("latin-1"): value.decode("latin-1").strip() for name, value in headers}
    spent: list[float] = []
    others: list[float] = []
    for name, value in told.items():
        if name.startswith("x-ratelimit-reset"):
            remaining, wait = name.replace("-reset", "-remaining", 1), _duration(value)
        elif name.startswith("anthropic-ratelimit-") and name.endswith("-reset"):
            remaining, wait = name.removesuffix("reset") + "remaining", _until(value, told.get("date", ""))
        else:
            continue
        if wait is not None:
            (spent if told.get(remaining, "0") == "0" else others).append(wait)
    return max(spent) if spent else min(others, default=None)


def _duration(text: str) -> float | None:
    """`1h2m3.5s`, `6ms`, or plain seconds."""
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        return _seconds(text)
    return sum(float(value) * unit for value, unit in zip(found.groups("0"), _UNITS, strict=True))


def _until(text: str, date: str) -> float | None:
    """Seconds to a time of RFC 3339, from that of an HTTP date."""
    try:
        delay: timedelta = datetime.fromisoformat(text) - parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    return max(0.0, delay.total_seconds())


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
