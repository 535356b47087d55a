"""What stands in for the gateway's models: answers by a script, and keeps what it was asked."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from adapters.safety.contract import CheckUnavailable, Content, Judgement
from adapters.safety.registry import open_check
from config.safety import Check
from config.schema import Operation


class Models:
    """Answers questions of checks."""

    def __init__(self, answer: Callable[[Any], Any] | None = None) -> None:
        self.asked: list[Any] = []
        self.operations: list[Operation] = []
        self.most_at_once = 0
        self._now = 0
        self._answer = answer

    async def ask(self, operation: Operation, body: bytes) -> bytes:
        """One question."""
        if self._answer is None:
            raise CheckUnavailable("no model is asked here")
        self.operations.append(operation)
        asked = msgspec.json.decode(body)
        self.asked.append(asked)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        await asyncio.sleep(0)
        self._now -= 1
        return msgspec.json.encode(self._answer(asked))


def chat(says: str | None) -> Any:
    """A chat completion that says this."""
    message = {"role": "assistant", "content": says}
    return {"id": "c", "object": "chat.completion", "choices": [{"index": 0, "message": message}]}


async def judge(type: str, contents: Sequence[Content | str], models: Models | None = None, **options: Any) -> Any:
    """The judgements of a check with these options; texts are contents of their own."""
    check = open_check("checked", Check(type=type, options=options))
    await check.start()
    asked = [Content((each,)) if isinstance(each, str) else each for each in contents]
    judged: list[Judgement] = await check.judge(asked, (models or Models()).ask)
    await check.close()
    return judged
