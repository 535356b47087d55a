"""Safety checks that misbehave, as a package of somebody's may."""

import asyncio
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from adapters.safety.contract import Ask, CheckType, Content, Judgement


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """How it does."""

    how: str


class Odd:
    """Never answers, answers nonsense, or raises with the text in its words."""

    def __init__(self, name: str, options: Options) -> None:
        self._how = options.how

    async def start(self) -> None:
        """Nothing is loaded."""

    async def close(self) -> None:
        """Nothing is held."""

    async def judge(self, contents: Sequence[Content], ask: Ask) -> Any:
        """Misbehave."""
        match self._how:
            case "slow":
                await asyncio.Event().wait()
            case "nonsense":
                return [Judgement(True, {"x": "much"})] * len(contents)  # type: ignore[dict-item]
        raise ValueError(contents[0].texts)


CHECK = CheckType("odd", Options, Odd)
