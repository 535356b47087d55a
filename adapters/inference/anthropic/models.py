"""What a model takes and what it refuses, by its name.

The API refuses what a model does not take, so a request is written for the model that it goes to. The facts:
https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking (from 4.6 on; budgets end with 4.7),
https://platform.claude.com/docs/en/about-claude/models/migration-guide (sampling),
https://platform.claude.com/docs/en/build-with-claude/structured-outputs (4.5 and Opus 4.1),
https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages (from Opus 4.8 on),
https://platform.claude.com/docs/en/about-claude/models/overview (most output tokens).
"""

import re
from functools import lru_cache
from typing import NamedTuple

_CLAUDE = re.compile(
    r"claude-(?:(?P<family>[a-z]+)-)?(?P<major>\d{1,2})(?!\d)(?:[-.](?P<minor>\d{1,2})(?!\d))?(?:-(?P<older>[a-z]+))?"
)
_NEWEST = (99, 0)
_COMMON = (4, 0)
_ALWAYS_THINKING = frozenset({"fable", "mythos"})


class Model(NamedTuple):
    """A model as far as requests depend on it."""

    family: str
    version: tuple[int, int]

    @property
    def thinks(self) -> bool:
        """Whether it can be asked to think."""
        return self.version >= (3, 7)

    @property
    def must_think(self) -> bool:
        """Whether thinking can't be turned off."""
        return self.family in _ALWAYS_THINKING

    @property
    def decides_thinking(self) -> bool:
        """Whether it takes an effort and decides itself how long to think, instead of a budget of tokens."""
        return self.version >= (4, 6)

    @property
    def hides_thoughts(self) -> bool:
        """Whether thoughts come without text unless they are asked for."""
        return self.version >= (4, 7)

    @property
    def knows_xhigh(self) -> bool:
        """Whether the effort `xhigh` exists."""
        return self.version >= (4, 7)

    @property
    def samples(self) -> bool:
        """Whether it takes `temperature`, `top_p` and `top_k`."""
        return self.version < (4, 7)

    @property
    def samples_by_one(self) -> bool:
        """Whether it takes only one of `temperature` and `top_p` at a time."""
        return self.version >= (4, 1)

    @property
    def fits_schemas(self) -> bool:
        """Whether it takes `output_config.format` and strict tools."""
        return self.version >= (4, 5) or (self.family == "opus" and self.version == (4, 1))

    @property
    def can_be_forced(self) -> bool:
        """Whether it can be made to call a tool."""
        return self.family not in _ALWAYS_THINKING or self.version < (5, 1)

    @property
    def takes_system_turns(self) -> bool:
        """Whether instructions may stand between the turns."""
        return self.version >= (4, 8)

    @property
    def max_tokens(self) -> int:
        """The bound of an answer whose client set none: the API wants one, and every model of the age gives so much."""
        if self.version < (3, 5):
            return 4_096
        return 8_192 if self.version < (3, 7) else 32_000


@lru_cache(maxsize=1_024)
def model_of(name: str) -> Model:
    """The model of a name, however a cloud writes it.

    A Claude without a version is taken for the newest; what is no Claude, on a server that speaks this dialect, for one
    that takes what most do.
    """
    match = _CLAUDE.search(name)
    if match is None:
        return Model("", _NEWEST if "claude" in name else _COMMON)
    family = match["family"] or match["older"] or ""
    return Model(family, (int(match["major"]), int(match["minor"] or 0)))
