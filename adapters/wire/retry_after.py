"""How long a provider asks to wait."""

import math
from collections.abc import Sequence
from email.utils import parsedate_to_datetime


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


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
