"""Processes that load no model, as the gateway sees them."""

import asyncio
import sys

from adapters.inference.local.process import ModelProcess
from tests.adapters.inference.local.serving import settings_with

LINE_MAX = 1_000


async def running(program: str) -> ModelProcess:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, limit=LINE_MAX
    )
    return ModelProcess(settings_with(), child)


async def test_a_line_without_bounds_does_not_hide_those_after_it() -> None:
    process = await running(f"print('x' * {10 * LINE_MAX}); print('the end')")
    await process.ended()
    assert process.lines[-1] == "the end"
    assert all(len(line) <= LINE_MAX for line in process.lines)


async def test_a_process_that_has_ended_may_be_told_to_end() -> None:
    process = await running("raise SystemExit(3)")
    await process.ended()
    await process.end()
    assert process.cause == "exit code 3"
