"""What Gemini says of tokens, in OpenAI's sense.

Thoughts are no part of `candidatesTokenCount`, and what tools that the service runs feed to the model is no part of
`promptTokenCount`: https://ai.google.dev/api/generate-content#UsageMetadata
"""

from typing import TypeGuard

from adapters.inference.gemini.schema import ModalityTokens, UsageMetadata
from adapters.wire.usage import Usage

_TIERS = {"standard": "default", "flex": "flex", "priority": "priority"}


def tells_counts(told: UsageMetadata | None) -> TypeGuard[UsageMetadata]:
    """Whether there is anything to count; events before the last may tell the kind of traffic alone."""
    return told is not None and (told.prompt_token_count is not None or told.candidates_token_count is not None)


def usage_of(told: UsageMetadata | None) -> Usage | None:
    """The tokens of a call, None where nothing is told."""
    if not tells_counts(told):
        return None
    thoughts = told.thoughts_token_count or 0
    return Usage(
        prompt_tokens=(told.prompt_token_count or 0) + (told.tool_use_prompt_token_count or 0),
        completion_tokens=(told.candidates_token_count or 0) + thoughts,
        cached_tokens=told.cached_content_token_count or 0,
        reasoning_tokens=thoughts,
        prompt_audio_tokens=_audio(told.prompt_tokens_details),
        completion_audio_tokens=_audio(told.candidates_tokens_details),
    )


def tier_of(told: UsageMetadata | None) -> str | None:
    """The service tier under OpenAI's name."""
    return _TIERS.get((told.service_tier or "").lower()) if told is not None else None


def _audio(details: list[ModalityTokens] | None) -> int:
    return sum(each.token_count or 0 for each in details or () if each.modality == "AUDIO")
