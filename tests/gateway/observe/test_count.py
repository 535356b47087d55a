"""Tokens of calls whose provider did not count them."""

from typing import Any

import pytest

from adapters.wire.tokens import count_text
from adapters.wire.usage import Usage
from gateway.call import Call
from gateway.observe.count import count, uncounted
from tests.gateway.calls import a_call, a_target

TEXT = "The quick brown fox jumps over the lazy dog."


def asked(sent: bytes = b"", **fields: Any) -> Call:
    call = a_call(**fields)
    call.target = a_target()
    call.transcript = [sent]
    return call


def estimate(call: Call) -> Usage:
    return count(uncounted(call))


async def test_the_prompts_of_each_operation_are_counted() -> None:
    tokens = count_text(TEXT, "llama")
    assert estimate(asked(prompt=TEXT)).prompt_tokens == tokens
    assert estimate(asked(prompt=[TEXT, TEXT])).prompt_tokens == 2 * tokens
    assert estimate(asked(input=[1, 2, 3])).prompt_tokens == 3
    assert estimate(asked(input=[[1, 2], [3]])).prompt_tokens == 3
    assert estimate(asked(messages=[{"role": "user", "content": TEXT}])).prompt_tokens >= tokens
    assert estimate(asked()).prompt_tokens == 0


@pytest.mark.parametrize(
    "delta",
    [
        f'{{"delta":{{"content":"{TEXT}"}}}}',
        f'{{"text":"{TEXT}"}}',
        f'{{"delta":{{"reasoning_content":"{TEXT}"}}}}',
        f'{{"delta":{{"tool_calls":[{{"function":{{"arguments":"{TEXT}"}}}}]}}}}',
    ],
)
async def test_what_was_sent_is_counted_whatever_it_is(delta: str) -> None:
    sent = f'data: {{"choices":[{delta}]}}\r\n\r\n: comment\n\ndata: [DONE]\n\n'.encode()
    counted = estimate(asked(sent))
    assert counted.completion_tokens == count_text(TEXT, "llama")
    assert counted.estimated


async def test_pieces_of_a_word_are_counted_together() -> None:
    pieces = "".join(f'data: {{"choices":[{{"text":"{char}"}}]}}\n\n' for char in TEXT)
    assert estimate(asked(pieces.encode())).completion_tokens == count_text(TEXT, "llama")


@pytest.mark.parametrize(
    "sent", [b"data: {", b"data: [1]\n\n", b'data: {"choices":[1]}\n\n', b'data: {"choices":1}\n\n']
)
async def test_what_cannot_be_read_is_no_fault(sent: bytes) -> None:
    assert estimate(asked(sent)) == Usage(estimated=True)


async def test_a_prompt_that_is_nested_deep_is_no_fault() -> None:
    deep: Any = "x"
    for _ in range(600):
        deep = {"a": [deep]} if isinstance(deep, str) else [deep]
    assert estimate(asked(messages=deep)).estimated
