"""Whether a rule's conditions hold for a call: compiled once, asked from the cheapest to the dearest."""

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from config.routing import When
from gateway.call import Call
from gateway.routing.needs import needs
from gateway.routing.prompt import prompt_bytes, value_of


class Conditions:
    """Those of one rule. `clock` gives seconds since 1970."""

    __slots__ = ("_clock", "_headers", "_hours", "_keys", "_metadata", "_needs", "tokens_over")

    def __init__(self, when: When, clock: Callable[[], float] = time.time) -> None:
        self._headers = [(name.lower().encode(), _pattern(value)) for name, value in when.headers.items()]
        self._metadata = {name: _pattern(value) for name, value in when.metadata.items()}
        self._keys = frozenset(when.keys)
        self._needs = when.needs
        self._hours = _Hours(when.hours, when.timezone) if when.hours is not None else None
        self._clock = clock
        self.tokens_over = when.tokens_over

    def hold(self, call: Call, tokens: int | None) -> bool | None:
        """Whether all of them hold; None where that hangs on the prompt's tokens, and `tokens` does not say."""
        if self._keys and call.caller.name not in self._keys:
            return False
        if self._hours is not None and not self._hours.include(self._clock()):
            return False
        if not all(_matches(pattern, call.client_headers.get(name)) for name, pattern in self._headers):
            return False
        if self._metadata and not self._described(call):
            return False
        if self._needs and not any(needs(call.body, each) for each in self._needs):
            return False
        return self._is_long(call, tokens)

    def _described(self, call: Call) -> bool:
        metadata = value_of(call.body, "metadata")
        if not isinstance(metadata, Mapping):
            return False
        for name, pattern in self._metadata.items():
            value = metadata.get(name)
            if not isinstance(value, str) or pattern.fullmatch(value) is None:
                return False
        return True

    def _is_long(self, call: Call, tokens: int | None) -> bool | None:
        if self.tokens_over is None:
            return True
        if sum(map(len, prompt_bytes(call.body))) <= self.tokens_over:
            return False  # no token is shorter than a byte
        return tokens > self.tokens_over if tokens is not None else None


class _Hours:
    """A part of the day somewhere: from the first minute on, up to and without the last; across midnight too."""

    __slots__ = ("_end", "_start", "_zone")

    def __init__(self, written: str, timezone: str) -> None:
        self._start, self._end = (datetime.strptime(each, "%H:%M").time() for each in written.split("-"))
        self._zone = ZoneInfo(timezone)

    def include(self, now: float) -> bool:
        there = datetime.fromtimestamp(now, self._zone).time()
        if self._start < self._end:
            return self._start <= there < self._end
        return there >= self._start or there < self._end


def _pattern(value: str) -> re.Pattern[str]:
    return re.compile(re.escape(value).replace(r"\*", ".*"), re.DOTALL)


def _matches(pattern: re.Pattern[str], value: bytes | None) -> bool:
    return value is not None and pattern.fullmatch(value.decode("latin-1")) is not None
