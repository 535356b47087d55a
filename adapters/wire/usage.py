"""Tokens of one call, by class."""

from msgspec import Struct


class Usage(Struct, frozen=True):
    """What a call used, in tokens. Cached tokens are part of the prompt's, reasoning tokens of the completion's."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    """Counted by the gateway, because the provider did not say."""
