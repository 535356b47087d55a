"""Arguments of a call that come in pieces, each at a place that a JSON path names.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming-fc
"""

import itertools
import re
from typing import Any

from adapters.inference.gemini.schema import PartialArg
from adapters.wire.errors import UpstreamError

_STEP = re.compile(r"\.([^.\[\]]+)|\[(?:(\d{1,4})|'([^']*)'|\"([^\"]*)\")\]")


def merge(arguments: dict[str, Any], pieces: list[PartialArg]) -> None:
    """Put pieces where they belong; text goes on where it stopped.

    Raises UpstreamError on a path that contradicts one before.
    """
    for piece in pieces:
        steps = [_step(match) for match in _STEP.finditer(piece.json_path)]
        if not steps:
            continue
        try:
            _put(arguments, steps, _value(piece))
        except (AttributeError, TypeError):
            raise UpstreamError(
                "The provider's stream has arguments of a tool call that can't be put together."
            ) from None


def _step(match: re.Match[str]) -> str | int:
    name, place, single, double = match.groups()
    return int(place) if place is not None else name or single or double or ""


def _value(piece: PartialArg) -> Any:
    told = (piece.string_value, piece.number_value, piece.bool_value)
    value = next((each for each in told if each is not None), None)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _put(holder: Any, steps: list[str | int], value: Any) -> None:
    """Walk to the place, making what is missing on the way."""
    for step, following in itertools.pairwise(steps):
        holder = _child(holder, step, [] if isinstance(following, int) else {})
    before = _child(holder, steps[-1], None)
    holder[steps[-1]] = before + value if isinstance(before, str) and isinstance(value, str) else value


def _child(holder: Any, step: Any, fresh: Any) -> Any:
    if isinstance(holder, list):
        holder.extend([None] * (step + 1 - len(holder)))
        holder[step] = fresh if holder[step] is None else holder[step]
        return holder[step]
    return holder.setdefault(step, fresh)
