"""One guardrail: has a check judge contents in time, and says what is to be done about each."""

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from adapters.safety.contract import Ask, CheckUnavailable, Content, Judgement, Span
from adapters.wire.errors import Unavailable
from config.safety import Guardrail
from gateway.auth import Caller

log = logging.getLogger("isthmus.guardrails")

_LABEL = re.compile(r"[A-Z0-9_]{1,64}")
_ANONYMOUS = "REDACTED"
_UNNAMED = ("flagged",)


class Check(Protocol):
    """A check of a configuration."""

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        """One judgement for each content. Raises CheckUnavailable."""
        ...

    def cut_off(self, why: str) -> None:
        """Hear that nobody waits for what it was asked, and why: it is as good as away."""
        ...


class Checks(Protocol):
    """The checks of a configuration."""

    def find(self, name: str) -> Check | None:
        """The check of a name; None where it can't be used."""
        ...

    def ask_for(self, caller: Caller) -> Ask:
        """How a check asks a model in the name of whoever's texts it judges."""
        ...


class GuardrailUnavailable(Unavailable):
    """What may only pass when it was judged could not be."""

    code = "guardrail_unavailable"


class Found(Struct, frozen=True):
    """What is to be done about one content."""

    action: str
    """`block`, `redact` or `annotate`."""
    categories: tuple[str, ...]
    spans: tuple[Span, ...] = ()
    """For `redact`, never none."""


class Failed(Exception):
    """A judgement could not be had, and that is no reason to refuse."""


class Guard:
    """A guardrail with its check."""

    __slots__ = ("_check", "_fault", "name", "settings")

    def __init__(self, settings: Guardrail, check: Check | None) -> None:
        self.name = settings.check
        self.settings = settings
        self._check = check
        self._fault: str | None = None
        """Why it could not be made when it was last asked; None where it could."""

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Found | None]:
        """What to do about each content; None for nothing.

        Raises GuardrailUnavailable where it can't be said and must be, Failed where it need not be.
        """
        try:
            judged = await self._judged(contents, ask)
            self._note(None)
            return [self._found(judgement) for judgement in judged]
        except _Fault as fault:
            self._note(str(fault))
        if self.settings.on_failure == "open":
            raise Failed
        raise GuardrailUnavailable(
            f"The check '{self.name}', which this model's guardrails demand, can't be made now. Try again.",
            retry_after=1,
        )

    async def _judged(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        """Raises _Fault on everything that is no judgement."""
        if self._check is None:
            raise _Fault("it could not be opened")
        bound = asyncio.timeout(self.settings.timeout)
        try:
            async with bound:
                judgements = await self._check.judge(contents, ask)
        except TimeoutError:
            why = f"it took longer than {self.settings.timeout:g} s"
            if bound.expired():
                self._check.cut_off(why)
            raise _Fault(why) from None
        except CheckUnavailable as error:
            raise _Fault(str(error)) from None
        except Exception as error:  # noqa: BLE001 - a check is anybody's code, and its words may be the text
            raise _Fault(type(error).__name__) from None
        if not isinstance(judgements, list) or len(judgements) != len(contents):
            raise _Fault("it did not judge each of the contents")
        for content, judgement in zip(contents, judgements, strict=True):
            _look_at(content, judgement)
        return judgements

    def _note(self, fault: str | None) -> None:
        """Log what goes wrong once, however many ask meanwhile."""
        if fault is not None and fault != self._fault:
            log.warning("the check %s could not be made: %s", self.name, fault)
        self._fault = fault

    def _found(self, judgement: Judgement) -> Found | None:
        settings = self.settings
        if settings.threshold is None:
            found = judgement.found
        else:
            found = frozenset(name for name, score in judgement.scores.items() if score >= settings.threshold)
        if settings.categories:
            categories = tuple(name for name in settings.categories if name in found)
        elif settings.threshold is None and judgement.flagged and not found:
            categories = _UNNAMED
        else:
            categories = tuple(sorted(found))
        if not categories:
            return None
        if settings.action != "redact":
            return Found(settings.action, categories)
        spans = tuple(span for span in judgement.spans if span.start < span.end)
        return Found("redact" if spans else "block", categories, spans)


class _Fault(Exception):
    """Why there is no judgement. Never with the text."""


def _look_at(content: Content, judgement: Judgement) -> None:
    """Raises _Fault on nonsense: nothing is cut by it."""
    if not isinstance(judgement, Judgement):
        raise _Fault("it gave something else than judgements")
    for span in judgement.spans:
        if not (0 <= span.text < len(content.texts) and 0 <= span.start <= span.end <= len(content.texts[span.text])):
            raise _Fault("it found something outside of the text")
    if not all(isinstance(score, int | float) for score in judgement.scores.values()):
        raise _Fault("it gave scores that are no numbers")


def label_of(span: Span) -> str:
    """What is said in the place of a span."""
    return span.label if _LABEL.fullmatch(span.label) else _ANONYMOUS
