"""What was found in the texts of one content, as a judgement."""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from adapters.safety.contract import Judgement, Span

CATEGORY: Final = "pii"

Found: TypeAlias = tuple[int, int, str, float]
"""Where it starts and ends, what it is, and how sure that is."""


def judgement(found: Sequence[Sequence[Found]]) -> Judgement:
    """What was found in each text of a content."""
    spans = tuple(span for place, each in enumerate(found) for span in _apart(place, each))
    score = max((each[3] for texts in found for each in texts), default=0.0)
    kinds = frozenset({CATEGORY}) if spans else frozenset()
    return Judgement(bool(spans), {CATEGORY: float(score)}, kinds, spans=spans)


def _apart(place: int, found: Iterable[Found]) -> list[Span]:
    """Places in order, none over another: what overlaps becomes one, named as the surest, then the longest of them."""
    spans: list[Span] = []
    surest = (0.0, 0)
    for start, end, label, score in sorted(found):
        sure = (score, end - start)
        last = spans[-1] if spans else None
        if last is not None and start < last.end:
            named = label if sure > surest else last.label
            spans[-1] = Span(place, last.start, max(end, last.end), named)
            surest = max(sure, surest)
        else:
            spans.append(Span(place, start, end, label))
            surest = sure
    return spans
