"""Asking models of the gateway about many contents at once, a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from adapters.safety.contract import Ask, CheckUnavailable

AT_ONCE = 8
"""Questions of one judgement that are under way at the same time."""

Asked = TypeVar("Asked")
Said = TypeVar("Said")


class _Message(Struct):
    content: str | None = None


class _Choice(Struct):
    message: _Message


class _Answer(Struct):
    choices: list[_Choice]


_answer = msgspec.json.Decoder(_Answer)


async def in_parallel(ask: Callable[[Asked], Awaitable[Said]], each: Iterable[Asked]) -> list[Said]:
    """The answers to all questions, in their order. The first fault ends the others."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(asked: Asked) -> Said:
        async with places:
            return await ask(asked)

    tasks: list[asyncio.Task[Said]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(one(asked)) for asked in each]
    except BaseExceptionGroup as faults:
        raise faults.exceptions[0] from faults.exceptions[0].__cause__
    return [task.result() for task in tasks]


async def ask_chat(ask: Ask, model: str, messages: list[dict[str, Any]], tokens: int) -> str:
    """What a chat model says to messages, without chance. Raises CheckUnavailable where it says nothing."""
    asked = {"model": model, "messages": messages, "temperature": 0, "max_tokens": tokens}
    raw = await ask("chat", msgspec.json.encode(asked))
    try:
        answer = _answer.decode(raw)
    except ValueError:
        raise CheckUnavailable(f"the answer of the model {model} is no chat completion") from None
    said = answer.choices[0].message.content if answer.choices else None
    if said is None:
        raise CheckUnavailable(f"the model {model} said nothing")
    return said
