"""What llama.cpp says in a stream, and the tokens it tells of.

A model's process always streams inside itself: only a stream ends where its reader goes away, and only a stream tells
the tokens of each of several choices (a unary answer tells the first one's).
"""

from typing import Any

import msgspec
from msgspec import Struct, field


class Details(Struct):
    """Tokens that were not computed again."""

    cached_tokens: int = 0


class Usage(Struct):
    """Tokens of one choice."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: Details = field(default_factory=Details)


class Choice(Struct):
    """A piece of one choice; `delta` of a chat, `text` of a completion."""

    index: int = 0
    delta: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    logprobs: dict[str, Any] | None = None
    finish_reason: str | None = None


class Chunk(Struct):
    """One event of the stream; `usage` comes once for each choice."""

    choices: list[Choice] = field(default_factory=list)
    usage: Usage | None = None
    error: dict[str, Any] | None = None


decode = msgspec.json.Decoder(Chunk).decode


class Tally:
    """Adds the tokens of all choices up. A prompt that is answered `n` times counts once."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._prompt = self._completion = self._cached = 0

    def add(self, usage: Usage) -> None:
        """Count one choice's."""
        self._prompt += usage.prompt_tokens
        self._completion += usage.completion_tokens
        self._cached += usage.prompt_tokens_details.cached_tokens

    def total(self) -> dict[str, Any]:
        """OpenAI's `usage` object."""
        prompt = self._prompt // self._n
        return {
            "prompt_tokens": prompt,
            "completion_tokens": self._completion,
            "total_tokens": prompt + self._completion,
            "prompt_tokens_details": {"cached_tokens": self._cached // self._n},
        }
