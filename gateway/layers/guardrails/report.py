"""What guardrails did to one call, for its client and for the metrics. Never the text."""

import re
from typing import Any, Literal, TypeAlias

from adapters.wire.errors import BadRequest
from gateway.layers.guardrails.judging import Found
from gateway.observe.counters import Counters

HEADER = b"x-isthmus-guardrails"
_PLAIN = re.compile(r"[^\w./-]")
_MOST = 16
"""Entries and categories that are told: what a check calls its categories is its own affair."""

Direction: TypeAlias = Literal["input", "output"]


class ContentFiltered(BadRequest):
    """A request, or the whole of its answer, that a guardrail does not let pass.

    In the shape of Azure's: https://learn.microsoft.com/en-us/azure/ai-foundry/openai/concepts/content-filter
    """

    code = "content_filter"


class Report:
    """What was done."""

    __slots__ = ("_counters", "_done", "_route")

    def __init__(self, route: str, counters: Counters) -> None:
        self._route = route
        self._counters = counters
        self._done: dict[tuple[Direction, str, str], dict[str, None]] = {}

    def note(self, direction: Direction, check: str, action: str, categories: tuple[str, ...] = ()) -> None:
        """Something was done; `failed_open` and `failed_closed` are actions too. It counts once for a call."""
        done = self._done.get((direction, check, action))
        if done is None:
            done = self._done[direction, check, action] = {}
            self._counters.add("guardrail_actions", self._route, direction, check, action)
        done.update(dict.fromkeys(categories))

    def told(self, *directions: Direction) -> bytes:
        """What was done in these directions, fit for a header; nothing for nothing."""
        entries: list[str] = []
        for (direction, check, action), categories in self._done.items():
            if direction in directions and len(entries) < _MOST:
                names = " ".join(_PLAIN.sub("_", name) for name in list(categories)[:_MOST])
                entries.append(f"{direction}:{check}={action}" + (f"({names})" if names else ""))
        return ", ".join(entries).encode("ascii", "replace")

    def headers(self, *directions: Direction) -> list[tuple[bytes, bytes]]:
        """The header that says so, where there is something to say."""
        told = self.told(*directions)
        return [(HEADER, told)] if told else []

    def comment(self) -> bytes:
        """The same of the output, for the end of a stream, whose headers have gone: clients skip comments.

        https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
        """
        told = self.told("output")
        return b": %b: %b\n\n" % (HEADER, told) if told else b""


def refusal(param: str, found: Found) -> ContentFiltered:
    """The error for a request that is not let pass."""
    error = ContentFiltered(
        f"The request was not let pass: its content was found to be {', '.join(found.categories)}. Change it and try"
        " again.",
        param=param,
    )
    error.further = {
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": results(found.categories),
        }
    }
    return error


def results(categories: tuple[str, ...]) -> dict[str, Any]:
    """What was found, as Azure tells it of a request or of a choice."""
    return {name: {"filtered": True, "detected": True} for name in categories}
