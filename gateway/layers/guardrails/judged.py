"""Texts that belong together while they are judged, by one guardrail after the other."""

from collections.abc import Sequence

from adapters.safety.contract import Ask, Content
from gateway.layers.guardrails.judging import Failed, Found, Guard, GuardrailUnavailable, label_of
from gateway.layers.guardrails.report import Direction, Report
from gateway.layers.guardrails.text import Text, View


class Judged:
    """What a request asks, or one choice of an answer: the whole, or what has come of it."""

    __slots__ = ("_images", "_question", "_shown", "_starts", "texts")

    def __init__(
        self,
        texts: Sequence[Text],
        starts: Sequence[int] = (),
        images: tuple[str, ...] = (),
        question: str | None = None,
    ) -> None:
        self.texts = texts
        self._starts = starts or [0] * len(texts)
        self._images = images
        self._question = question
        """None for what is one itself."""
        self._shown: list[View] = []

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to judge."""
        return not self.texts and not self._images

    def content(self) -> Content:
        """What a check is shown now: without what was marked before."""
        self._shown = [text.view(start) for text, start in zip(self.texts, self._starts, strict=True)]
        texts = tuple(view.shown for view in self._shown)
        if self._question is None:
            return Content(texts, self._images)
        return Content(texts, self._images, "assistant", self._question)

    def mark(self, found: Found) -> None:
        """What a check found in what it was shown last is not to be said."""
        for span in found.spans:
            start, end = self._shown[span.text].back(span.start, span.end)
            self.texts[span.text].mark(start, end, label_of(span))


async def judge(
    guards: Sequence[Guard], direction: Direction, judged: Sequence[Judged], ask: Ask, report: Report
) -> dict[int, Found]:
    """Have these judged; give those that are not let pass. What is to be redacted is marked.

    Raises GuardrailUnavailable.
    """
    blocked: dict[int, Found] = {}
    for guard in guards:
        left = [index for index, each in enumerate(judged) if index not in blocked and not each.is_empty]
        if not left:
            break
        try:
            findings = await guard.judge([judged[index].content() for index in left], ask)
        except Failed:
            report.note(direction, guard.name, "failed_open")
            continue
        except GuardrailUnavailable:
            report.note(direction, guard.name, "failed_closed")
            raise
        for index, found in zip(left, findings, strict=True):
            if found is None:
                continue
            report.note(direction, guard.name, found.action, found.categories)
            if found.action == "block":
                blocked[index] = found
            elif found.action == "redact":
                judged[index].mark(found)
    return blocked
