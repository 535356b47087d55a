import json
from typing import Any

import pytest
from msgspec import Raw

from adapters.inference.local.messages import render, with_instruction
from adapters.wire.errors import BadRequest

CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}


def rendered(messages: Any, knows_tools: bool = False) -> list[Any]:
    told = render({"messages": Raw(json.dumps(messages).encode())}, knows_tools)
    return [json.loads(bytes(one)) if isinstance(one, Raw) else one for one in told]


def test_ordinary_messages_stay_byte_for_byte() -> None:
    written = b'{"role": "user",  "content":"\\u0048i", "extra": 1}'
    assert [bytes(one) for one in render({"messages": Raw(b"[" + written + b"]")}, False)] == [written]  # type: ignore[arg-type]


def test_calls_and_results_of_the_history_are_put_into_words() -> None:
    assert rendered(
        [
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "sunny"}]},
        ]
    ) == [
        {"role": "assistant", "content": 'I call get_weather({"city":"Oslo"}).'},
        {"role": "user", "content": "The result of get_weather is: sunny"},
    ]


def test_a_template_that_knows_tools_gets_them_as_they_are() -> None:
    history = [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    assert rendered(history, knows_tools=True) == history


def test_a_developer_is_a_system() -> None:
    assert rendered([{"role": "developer", "content": "Be brief."}]) == [{"role": "system", "content": "Be brief."}]


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        (None, "array"),
        ([], "at least one message"),
        ({}, "array"),
        ([{"role": "user"}], r"messages\[0\].content"),
        ([{"role": "wizard", "content": "x"}], "wizard"),
        (
            [{"role": "user", "content": "x"}, {"role": "user", "content": [{"type": "image_url"}]}],
            r"\[1\].content\[0\]",
        ),
    ],
)
def test_messages_that_can_not_be_shown_are_refused_by_name(messages: Any, said: str) -> None:
    with pytest.raises(BadRequest, match=said) as caught:
        rendered(messages)
    assert caught.value.param == "messages"


def test_missing_messages_are_refused() -> None:
    with pytest.raises(BadRequest, match="at least one message"):
        render({}, False)


@pytest.mark.parametrize(
    ("messages", "first"),
    [
        ([{"role": "user", "content": "Hi"}], "Call it."),
        ([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}], "Be brief.\n\nCall it."),
        ([{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}], "Be brief.\n\nCall it."),
    ],
)
def test_an_instruction_joins_the_system_message(messages: Any, first: str) -> None:
    told = with_instruction(render({"messages": Raw(json.dumps(messages).encode())}, False), "Call it.")
    assert told[0] == {"role": "system", "content": first}
    assert len(told) == 2
