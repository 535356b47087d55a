import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.carried import Carried, carry
from adapters.wire.chat import (
    Assistant,
    FunctionCall,
    ImagePart,
    NamedChoice,
    NamedFunction,
    Tool,
    User,
    arguments_object,
    content_text,
    read_chat,
)
from adapters.wire.errors import BadRequest
from tests.adapters.inference.targets import request

ASK = {"role": "user", "content": "Hi"}


def refusal(**fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        read_chat(request(**fields))
    return caught.value


def test_every_role_is_read() -> None:
    roles: list[dict[str, Any]] = [
        {"role": "system", "content": "s"},
        {"role": "developer", "content": [{"type": "text", "text": "d"}]},
        ASK,
        {"role": "assistant", "content": None, "tool_calls": None},
        {"role": "tool", "tool_call_id": "a", "content": "t"},
        {"role": "function", "name": "f", "content": None},
    ]
    read = read_chat(request(messages=roles)).messages
    assert [type(message).__name__.lower() for message in read] == [role["role"] for role in roles]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "messages[].content[].text"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[].role"),
        ({"messages": [{"content": "x"}]}, "messages[]"),
        ({"messages": [ASK], "temperature": "hot"}, "temperature"),
        ({"messages": [ASK], "tools": [{"type": "function", "function": {}}]}, "tools[].function"),
        ({"messages": [ASK], "tool_choice": "perhaps"}, "tool_choice"),
        ({"messages": [ASK], "reasoning_effort": "heroic"}, "reasoning_effort"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": []}, "messages"),
        ({}, "messages"),
    ],
)
def test_a_wrong_type_is_refused_with_the_place_where_it_stands(fields: dict[str, Any], param: str) -> None:
    said = refusal(**fields).param or ""
    assert said.replace("[0]", "[]") == param


def test_a_null_is_the_same_as_nothing() -> None:
    read = read_chat(request(messages=[ASK], temperature=None, tools=None, stop=None))
    assert (read.temperature, read.function_tools, read.stops) == (None, [], [])


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        ({"max_tokens": 3}, 3),
        ({"max_tokens": 3, "max_completion_tokens": 4}, 4),
        ({"max_completion_tokens": 0}, 0),
        ({}, None),
    ],
)
def test_the_newer_name_of_the_bound_wins(fields: dict[str, Any], most: int | None) -> None:
    assert read_chat(request(messages=[ASK], **fields)).most_tokens == most


@pytest.mark.parametrize(("stop", "stops"), [("a", ["a"]), (["a", "b"], ["a", "b"])])
def test_stop_sequences_are_a_list(stop: Any, stops: list[str]) -> None:
    assert read_chat(request(messages=[ASK], stop=stop)).stops == stops


def test_the_older_functions_are_tools() -> None:
    read = read_chat(request(messages=[ASK], functions=[{"name": "f"}], function_call={"name": "f"}))
    assert [tool.function.name for tool in read.function_tools if tool.function] == ["f"]
    assert read.choice == NamedChoice(function=NamedFunction(name="f"))


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({"function_call": "auto"}, "auto"),
        ({"tool_choice": "required", "function_call": "none"}, "required"),
        ({}, None),
    ],
)
def test_the_newer_choice_wins(fields: dict[str, Any], choice: str | None) -> None:
    assert read_chat(request(messages=[ASK], **fields)).choice == choice


def test_fields_of_others_are_kept_apart() -> None:
    read = read_chat(request(messages=[ASK], top_k=3, stream=True, stream_options={"include_usage": True}))
    assert {name: bytes(value) for name, value in read.extra.items()} == {"top_k": b"3"}


def test_members_that_nobody_knows_are_named_with_their_place() -> None:
    messages = [
        {"role": "user", "mood": "good", "nothing": None, "content": [{"type": "text", "text": "a", "colour": 1}]},
        {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "x": 1}}]},
    ]
    read = read_chat(request(messages=messages, tools=[{"type": "function", "function": {"name": "f"}, "y": 1}]))
    assert read.unknown == [
        "messages[0].mood",
        "messages[0].content[0].colour",
        "messages[1].tool_calls[0].function.x",
        "tools[0].y",
    ]


def test_schemas_and_details_hold_what_they_like() -> None:
    parameters = {"type": "object", "properties": {"mood": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
    assert read_chat(request(messages=[ASK], tools=tools)).unknown == []


def test_what_ids_carry_is_taken_out_of_them() -> None:
    told = carry("call_1", "gemini", b"signature")
    call = {"id": told, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assistant, tool = read_chat(
        request(
            messages=[
                {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": told, "content": "x"},
            ]
        )
    ).messages
    assert isinstance(assistant, Assistant)
    assert isinstance(tool, Tool)
    assert assistant.tool_calls is not None
    assert (assistant.tool_calls[0].id, assistant.tool_calls[0].carried) == ("call_1", Carried("gemini", b"signature"))
    assert tool.tool_call_id == "call_1"


def test_a_client_can_not_say_what_an_id_carries() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f"}, "-": ["gemini", "c3RhdGU="]}
    (message,) = read_chat(request(messages=[{"role": "assistant", "tool_calls": [call]}])).messages
    assert isinstance(message, Assistant)
    assert message.tool_calls is not None
    assert message.tool_calls[0].carried is None


def test_the_text_of_parts_is_joined() -> None:
    (message,) = read_chat(
        request(messages=[{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}])
    ).messages
    assert isinstance(message, User)
    assert content_text(message.content, "messages[0].content") == "ab"


@pytest.mark.parametrize(("content", "text"), [(None, ""), ("a", "a")])
def test_plain_content_is_its_own_text(content: str | None, text: str) -> None:
    assert content_text(content, "content") == text


def test_a_refusal_is_text() -> None:
    (message,) = read_chat(
        request(messages=[{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}])
    ).messages
    assert isinstance(message, Assistant)
    assert content_text(message.content, "content") == "No."


def test_a_part_of_another_kind_is_refused_with_its_place() -> None:
    (message,) = read_chat(
        request(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.test"}}]}])
    ).messages
    assert isinstance(message, User)
    assert isinstance(message.content, list)
    assert isinstance(message.content[0], ImagePart)
    with pytest.raises(BadRequest, match="'image_url' is not supported") as caught:
        content_text(message.content, "messages[0].content")
    assert caught.value.param == "messages[0].content[0]"


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), max_size=4))
def test_arguments_are_an_object(arguments: dict[str, Any]) -> None:
    assert arguments_object(FunctionCall("f", json.dumps(arguments)), "a") == arguments


@pytest.mark.parametrize("arguments", ["", "  "])
def test_no_arguments_are_an_empty_object(arguments: str) -> None:
    assert arguments_object(FunctionCall("f", arguments), "a") == {}


@pytest.mark.parametrize("arguments", ["[1]", "{", "null", '{"a":' * 50_000])
def test_arguments_that_are_no_object_are_refused_with_their_place(arguments: str) -> None:
    with pytest.raises(BadRequest) as caught:
        arguments_object(FunctionCall("f", arguments), "messages[1].tool_calls[0].function.arguments")
    assert caught.value.param == "messages[1].tool_calls[0].function.arguments"
