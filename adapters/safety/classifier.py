"""The rules, and beside them a small model that knows offensive language: alt-profanity-check.

https://github.com/dimitrismistriotis/alt-profanity-check: a linear support vector machine over words, in the wheel. It
needs the extra `classifier`, which brings scikit-learn.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from msgspec import Meta, Struct, structs

from adapters.safety.contract import CATEGORIES, Ask, CheckType, CheckUnavailable, Content, Judgement
from adapters.safety.rules import RulesCheck, RulesOptions

PROFANITY: Final = "profanity"
_READ_MAX: Final = 20_000
"""Characters of a text that the model reads: it counts words, and more of them change little."""
_ADDRESSED: Final = frozenset(
    ["you", "your", "you're", "youre", "ur", "u", "yourself", "she", "he", "her", "him", "they"]
)


class ClassifierOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """The options of the classifier."""

    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """The score from which a category of the rules counts as found."""
    profanity: Annotated[float, Meta(ge=0, le=1)] = 0.8
    """The model's score from which a text counts as `profanity`, and as harassment where it is said to somebody."""


class Classifier:
    """The check."""

    def __init__(self, name: str, options: ClassifierOptions) -> None:
        self._options = options
        self._rules = RulesCheck(name, RulesOptions(options.threshold))
        self._predict: Callable[[list[str]], Any] | None = None

    async def start(self) -> None:
        """Load the model: seconds, in a thread. Raises CheckUnavailable where its library is missing."""
        await self._rules.start()
        try:
            self._predict = await asyncio.to_thread(_load)
        except ImportError:
            raise CheckUnavailable(
                "the classifier needs the extra classifier: pip install 'isthmus[classifier]'"
            ) from None

    async def close(self) -> None:
        """Let the model go."""
        self._predict = None

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        """One judgement for each content. Raises CheckUnavailable where the model is not loaded."""
        if self._predict is None:
            raise CheckUnavailable("its model is not loaded: it needs the extra classifier")
        texts = ["\n".join(content.texts)[:_READ_MAX] for content in contents]
        judged = await self._rules.judge(contents, ask)
        scores = await asyncio.to_thread(self._predict, texts)
        return [
            self._together(text, judgement, float(score))
            for text, judgement, score in zip(texts, judged, scores, strict=True)
        ]

    def _together(self, text: str, judgement: Judgement, score: float) -> Judgement:
        own = {PROFANITY: score}
        found = judgement.found
        if score >= self._options.profanity:
            found |= {PROFANITY}
            if _ADDRESSED.intersection(text.casefold().split()):
                own["harassment"] = max(judgement.scores.get("harassment", 0.0), score)
                found |= {"harassment"}
        return structs.replace(judgement, flagged=bool(found), scores={**judgement.scores, **own}, found=found)


def _load() -> Callable[[list[str]], Any]:
    from profanity_check import predict_prob

    predict: Callable[[list[str]], Any] = predict_prob
    predict(["warm"])
    return predict


CHECK = CheckType("classifier", ClassifierOptions, Classifier, (*CATEGORIES, PROFANITY))
