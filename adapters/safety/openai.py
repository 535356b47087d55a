"""The moderation of a provider, through a model of the gateway: for guardrails, and under another name."""

from collections.abc import Sequence

from msgspec import Struct

from adapters.safety.asking import in_parallel
from adapters.safety.contract import CATEGORIES, Ask, CheckType, CheckUnavailable, Content, Judgement
from adapters.wire.moderation import read_answer, write_request

_TOGETHER = 32
"""Texts that are asked about in one request."""


class OpenAIOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """The options."""

    model: str
    """The model of this gateway that answers moderations: a route, or `provider/model`."""


class OpenAIModeration:
    """The check."""

    def __init__(self, name: str, options: OpenAIOptions) -> None:
        self._model = options.model

    async def start(self) -> None:
        """Nothing is loaded: the model is a provider's."""

    async def close(self) -> None:
        """Nothing is held."""

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        """One judgement for each content. Raises CheckUnavailable and what the model raises."""

        async def one(batch: Sequence[Content]) -> list[Judgement]:
            raw = await ask("moderations", write_request(self._model, batch))
            try:
                judged = read_answer(raw)
            except ValueError:
                judged = []
            if len(judged) != len(batch):
                raise CheckUnavailable(f"the answer of the model {self._model} is no moderation")
            return judged

        return [each for batch in await in_parallel(one, _batches(contents)) for each in batch]


def _batches(contents: Sequence[Content]) -> list[Sequence[Content]]:
    """Contents that may be asked about together, in their order: single texts, and not too many."""
    batches: list[list[Content]] = []
    for content in contents:
        last = batches[-1] if batches else []
        if last and len(last) < _TOGETHER and _is_text(last[-1]) and _is_text(content):
            last.append(content)
        else:
            batches.append([content])
    return list(batches)


def _is_text(content: Content) -> bool:
    return len(content.texts) == 1 and not content.images


CHECK = CheckType("openai", OpenAIOptions, OpenAIModeration, CATEGORIES, judges_images=True)
