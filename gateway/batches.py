"""Embeddings of more inputs than the provider takes at once: several requests, answered as one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from adapters.wire.body import Body
from adapters.wire.embeddings import join_answers
from adapters.wire.usage import Usage
from gateway.call import Call, Reply

_AT_ONCE = 4
"""Requests of one batch under way, so that one client's batch does not take a provider's every connection."""

Attempt: TypeAlias = Callable[[Call], Awaitable[Reply]]


async def in_batches(attempt: Attempt, call: Call, parts: list[Body]) -> Reply:
    """Ask for each part and join the answers in order. The first part that fails ends the others and is raised."""
    calls = [_part_of(call, part) for part in parts]
    turns = asyncio.Semaphore(_AT_ONCE)

    async def ask(part: Call) -> Reply:
        async with turns:
            return await attempt(part)

    try:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(ask(part)) for part in calls]
    except BaseExceptionGroup as faults:
        raise faults.exceptions[0] from None
    replies = [task.result() for task in asked]
    call.usage = _sum([part.usage for part in calls])
    first = replies[0]
    body = join_answers([reply.body for reply in replies], call.usage)
    headers = [header for header in first.headers if header[0] != b"content-length"]
    return Reply(first.status, [*headers, (b"content-length", b"%d" % len(body))], body)


def _part_of(call: Call, body: Body) -> Call:
    body.on_unsupported = call.body.on_unsupported
    part = Call(call.operation, call.request_id, call.caller, body, call.client_headers, call.received)
    part.route = call.route
    part.deadline = call.deadline
    part.attempts = call.attempts
    part.on_begin = call.on_begin
    part.trace = call.trace
    return part


def _sum(usages: list[Usage | None]) -> Usage | None:
    """The tokens of all parts; nothing where a part does not tell its own."""
    if any(usage is None for usage in usages):
        return None
    return Usage(prompt_tokens=sum(usage.prompt_tokens for usage in usages if usage is not None))
