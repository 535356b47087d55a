"""What ApplyGuardrail found, in OpenAI's categories and in places of the text.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from adapters.safety.contract import Judgement, Span

_CATEGORIES = {
    "INSULTS": "harassment",
    "HATE": "hate",
    "SEXUAL": "sexual",
    "VIOLENCE": "violence",
    "MISCONDUCT": "illicit",
    "PROMPT_ATTACK": "prompt_injection",
}
_CONFIDENCES = {"NONE": 0.0, "LOW": 0.4, "MEDIUM": 0.7, "HIGH": 0.95}
PII = "pii"
INTERVENED = "guardrail"
CATEGORIES = (*_CATEGORIES.values(), PII, "denied_topic", "profanity", "custom_word", "ungrounded", INTERVENED)
_LABEL = re.compile(r"[^A-Z0-9_]+")


class _Hit(NamedTuple):
    category: str
    score: float
    counts: bool
    """The guardrail would have blocked or masked for it."""
    note: str


def judgement(texts: Sequence[str], answers: Sequence[dict[str, Any]]) -> Judgement:
    """What the answers to all parts of a content say of it."""
    assessments = [each for answer in answers for each in answer.get("assessments", ())]
    hits = [hit for assessment in assessments for hit in _hits(assessment)]
    scores: dict[str, float] = {}
    for hit in hits:
        scores[hit.category] = max(hit.score, scores.get(hit.category, 0.0))
    found = frozenset(hit.category for hit in hits if hit.counts)
    flagged = any(answer.get("action") == "GUARDRAIL_INTERVENED" for answer in answers)
    if flagged and not found:
        found, scores[INTERVENED] = frozenset({INTERVENED}), 1.0
    # Masking the personal data would let pass what else was found.
    spans = tuple(_spans(texts, assessments)) if found == {PII} else ()
    return Judgement(flagged, scores, found, spans=spans, notes=tuple(dict.fromkeys(hit.note for hit in hits)))


def _hits(assessment: dict[str, Any]) -> Iterator[_Hit]:
    for each in _of(assessment, "contentPolicy", "filters"):
        kind = str(each.get("type"))
        score = _CONFIDENCES.get(str(each.get("confidence")), 1.0)
        yield _Hit(_CATEGORIES.get(kind, kind.lower()), score, _counts(each), f"content filter {kind}")
    for each in _of(assessment, "topicPolicy", "topics"):
        yield _Hit("denied_topic", 1.0, _counts(each), f"topic {each.get('name')}")
    for each in _of(assessment, "wordPolicy", "managedWordLists"):
        yield _Hit("profanity", 1.0, _counts(each), "list of profane words")
    for each in _of(assessment, "wordPolicy", "customWords"):
        yield _Hit("custom_word", 1.0, _counts(each), "list of own words")
    for each in _personal(assessment):
        yield _Hit(PII, 1.0, _counts(each), f"sensitive information {_label(each)}")
    for each in _of(assessment, "contextualGroundingPolicy", "filters"):
        told = each.get("score")
        doubt = 1.0 - told if isinstance(told, int | float) else 1.0
        yield _Hit("ungrounded", doubt, _counts(each), f"contextual grounding {each.get('type')}")


def _spans(texts: Sequence[str], assessments: Sequence[dict[str, Any]]) -> Iterator[Span]:
    """Where the matches stand: the service tells what it found, and not where."""
    matches = {
        str(each["match"]): _label(each)
        for assessment in assessments
        for each in _personal(assessment)
        if each.get("match") and _counts(each)
    }
    if not matches:
        return
    longest_first = sorted(matches, key=len, reverse=True)
    form = re.compile("|".join(map(re.escape, longest_first)))
    for place, text in enumerate(texts):
        for match in form.finditer(text):
            yield Span(place, match.start(), match.end(), matches[match[0]])


def _personal(assessment: dict[str, Any]) -> list[dict[str, Any]]:
    section = "sensitiveInformationPolicy"
    return [*_of(assessment, section, "piiEntities"), *_of(assessment, section, "regexes")]


def _of(assessment: dict[str, Any], section: str, name: str) -> list[dict[str, Any]]:
    return (assessment.get(section) or {}).get(name) or []


def _counts(each: dict[str, Any]) -> bool:
    return each.get("action") in ("BLOCKED", "ANONYMIZED")


def _label(each: dict[str, Any]) -> str:
    return _LABEL.sub("_", str(each.get("type") or each.get("name") or "REGEX").upper())[:64]
