"""What services share: names of models that misbehave, and the pieces in which the scripted model speaks."""

import base64
import hashlib
import re
from collections.abc import Iterator

from tests.upstream.dialogue import Said

KEY = "upstream-secret-0123456789"
"""What every service wants to see, as a key, a token or inside a signature."""
THOUGHT = "They ask about a city, so I look at the tools."
"""What the scripted model thinks where it is asked to."""
_ERROR = re.compile(r"error-(\d{3})")


def asked_error(model: str) -> int | None:
    """The status with which a model named `error-429` refuses."""
    match = _ERROR.search(model)
    return int(match[1]) if match else None


def halves(text: str) -> Iterator[str]:
    """A text in two pieces."""
    middle = len(text) // 2
    yield text[:middle]
    yield text[middle:]


def tokens(said: Said) -> int:
    """What an answer costs."""
    return max(1, len(said.words))


def signature(thought: str) -> str:
    """What a service seals a thought with, and wants back unchanged."""
    return base64.b64encode(hashlib.sha256(thought.encode()).digest()).decode()
