"""Messages requests as a service of OpenAI's format gets them."""

import json
from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from adapters.inference.registry import SHIPPED, find
from adapters.messages.request import FIELDS
from adapters.wire.body import parse
from adapters.wire.errors import BadRequest, UnsupportedParameter
from tests.adapters.inference.targets import target
from tests.adapters.messages.asking import HELLO, PLAIN, TRANSLATED, dropped, request, sent, sent_messages

_SDK = TypeAdapter(CompletionCreateParamsNonStreaming)
_PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
_PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
_HINT = {"cache_control": {"type": "ephemeral"}}
_TOOL = {"name": "f", "input_schema": {"type": "object"}}


def without_messages(**fields: Any) -> dict[str, Any]:
    """The fields besides those that every request has."""
    base = ("model", "messages", "max_completion_tokens", "tools")
    return {name: value for name, value in sent(**fields).items() if name not in base}


@pytest.mark.parametrize(
    ("asked", "becomes"),
    [
        ({}, {}),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"stream": False, "stream_options": {"include_usage": False}}, {"stream": False}),
        ({"mcp_servers": []}, {}),
        ({"temperature": 0.5, "top_p": 0.9, "top_k": 5}, {"temperature": 0.5, "top_p": 0.9, "top_k": 5}),
        ({"temperature": None, "seed": 3}, {"seed": 3}),
        ({"stop_sequences": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"stop_sequences": []}, {}),
        ({"metadata": {"user_id": "u"}}, {"user": "u"}),
        ({"metadata": {}}, {}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"service_tier": "auto"}, {}),
        ({"thinking": {"type": "enabled", "budget_tokens": 1_024}}, {"reasoning_effort": "low"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 4_096}}, {"reasoning_effort": "medium"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 31_999}}, {"reasoning_effort": "high"}),
        ({"thinking": {"type": "disabled"}}, {"reasoning_effort": "none"}),
        ({"thinking": {"type": "adaptive"}}, {}),
        ({"thinking": {"type": "between_tools"}}, {}),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, {"reasoning_effort": "max"}),
        ({"output_config": {}}, {}),
        ({"tools": [_TOOL], "tool_choice": {"type": "auto"}}, {"tool_choice": "auto"}),
        ({"tools": [_TOOL], "tool_choice": {"type": "any"}}, {"tool_choice": "required"}),
        ({"tools": [_TOOL], "tool_choice": {"type": "none"}}, {"tool_choice": "none"}),
        (
            {"tools": [_TOOL], "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}},
            {"tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": False},
        ),
        ({"tools": [], "tool_choice": {"type": "auto"}}, {}),
    ],
)
def test_fields(asked: dict[str, Any], becomes: dict[str, Any]) -> None:
    assert without_messages(**asked) == becomes


@pytest.mark.parametrize("place", ["output_config", "output_format"])
def test_a_schema_for_the_answer(place: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    form = {"type": "json_schema", "schema": schema}
    told = sent(**{place: {"format": form} if place == "output_config" else form})
    assert told["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "response", "schema": schema, "strict": True},
    }


def test_the_bound_of_the_answer() -> None:
    assert sent(max_tokens=7)["max_completion_tokens"] == 7


def test_a_users_name_that_openai_would_not_take_is_hashed() -> None:
    one, other = sent(metadata={"user_id": "a" * 65})["user"], sent(metadata={"user_id": "b" * 65})["user"]
    assert len(one) == len(other) == 64
    assert one != other


def test_tools() -> None:
    told = sent(
        tools=[
            {
                "type": "custom",
                "name": "f",
                "description": "d",
                "input_schema": {"type": "object"},
                "strict": True,
                **_HINT,
            },
            {"name": "g"},
        ]
    )
    assert told["tools"] == [
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
        },
        {"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}},
    ]


@pytest.mark.parametrize("system", ["a\n\nb", [{"type": "text", "text": "a"}, {"type": "text", "text": "b", **_HINT}]])
def test_instructions(system: Any) -> None:
    assert sent(system=system)["messages"][0] == {"role": "system", "content": "a\n\nb"}


def test_instructions_between_the_turns_stay_there() -> None:
    turns = [*HELLO, {"role": "system", "content": "Be brief."}]
    assert sent(messages=turns)["messages"] == turns


# Blocks


def test_texts_are_one() -> None:
    blocks = ({"type": "text", "text": "a"}, {"type": "text", "text": "b"})
    assert sent_messages(*blocks) == [{"role": "user", "content": "a\n\nb"}]
    assert sent_messages(*blocks, role="assistant") == [{"role": "assistant", "content": "ab"}]


def test_nothing_said_is_an_empty_text() -> None:
    assert sent_messages() == [{"role": "user", "content": ""}]
    assert sent_messages(role="assistant") == [{"role": "assistant", "content": ""}]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (_PNG, _PNG_PART),
        (
            {"type": "image", "source": {"type": "url", "url": "https://a.test/b.png"}, **_HINT},
            {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}},
        ),
        (
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"}},
            {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AA"}},
        ),
        (
            {"type": "document", "title": "t.pdf", "source": {"type": "url", "url": "https://a.test/t"}},
            {"type": "file", "file": {"file_url": "https://a.test/t", "filename": "t.pdf"}},
        ),
        (
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
            {"type": "file", "file": {"file_id": "file_1"}},
        ),
    ],
)
def test_images_and_documents(block: Any, part: Any) -> None:
    assert sent_messages({"type": "text", "text": "a"}, block)[0]["content"] == [{"type": "text", "text": "a"}, part]


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (
            {
                "type": "document",
                "title": "t",
                "context": "c",
                "source": {"type": "text", "media_type": "text/plain", "data": "d"},
            },
            "t\n\nc\n\nd",
        ),
        ({"type": "document", "title": "t", "source": {"type": "content", "content": "d"}}, "t\n\nd"),
        (
            {
                "type": "search_result",
                "source": "https://a.test",
                "title": "t",
                "content": [{"type": "text", "text": "d"}],
                "citations": {"enabled": False},
            },
            "t\n\nhttps://a.test\n\nd",
        ),
    ],
)
def test_documents_of_text_become_text(block: Any, text: str) -> None:
    assert sent_messages(block)[0]["content"] == text


def test_a_document_of_blocks_with_images() -> None:
    content = [{"type": "text", "text": "a"}, _PNG]
    block = {"type": "document", "context": "c", "source": {"type": "content", "content": content}}
    parts = sent_messages(block)[0]["content"]
    assert parts == [{"type": "text", "text": "c"}, {"type": "text", "text": "a"}, _PNG_PART]


def test_an_empty_document_of_blocks_is_nothing() -> None:
    block = {"type": "document", "source": {"type": "content", "content": []}}
    assert sent_messages(block) == [{"role": "user", "content": ""}]


def test_what_a_pdf_is_about_stands_before_it() -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": "AA"}
    parts = sent_messages({"type": "document", "context": "c", "source": source})[0]["content"]
    assert parts[0] == {"type": "text", "text": "c"}


def test_calls_of_tools() -> None:
    call = {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1.0}, "caller": {"type": "direct"}}
    (message,) = sent_messages({"type": "text", "text": "a"}, call, role="assistant")
    assert message == {
        "role": "assistant",
        "content": "a",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1.0}'}}],
    }


def test_a_call_without_words_has_no_content() -> None:
    (message,) = sent_messages({"type": "tool_use", "id": "c1", "name": "f", "input": {}}, role="assistant")
    assert message["content"] is None


def test_results_come_before_what_the_user_says_of_them() -> None:
    results = [
        {"type": "tool_result", "tool_use_id": "c1", "content": "one"},
        {"type": "tool_result", "tool_use_id": "c2", "content": [{"type": "text", "text": "two"}], "is_error": True},
        {"type": "tool_result", "tool_use_id": "c3"},
    ]
    assert sent_messages({"type": "text", "text": "What now?"}, *results) == [
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "Error:\n\ntwo"},
        {"role": "tool", "tool_call_id": "c3", "content": ""},
        {"role": "user", "content": "What now?"},
    ]


def test_what_a_tool_shows_is_shown_by_the_user() -> None:
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "a"}, _PNG]}
    tool, user = sent_messages(result, {"type": "text", "text": "b"})
    assert tool["content"] == "a\n\nThe user's next message shows what else the tool gave."
    assert user["content"] == [
        {"type": "text", "text": "What the tool call c1 gave besides text:"},
        _PNG_PART,
        {"type": "text", "text": "b"},
    ]


def test_openais_sdk_finds_nothing_wrong() -> None:
    call = {"type": "tool_use", "id": "c1", "name": "f", "input": {}, **_HINT}
    told = sent(
        system=[{"type": "text", "text": "s", **_HINT}],
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "a", **_HINT}, _PNG]},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": [_PNG], **_HINT}]},
        ],
        tools=[_TOOL | _HINT],
        tool_choice={"type": "any"},
        thinking={"type": "enabled", "budget_tokens": 2_000},
        stop_sequences=["a"],
    )
    _SDK.validate_python(told, strict=False)
    assert "cache_control" not in json.dumps(told)


# What does not go along


def test_hints_for_caches_are_told_to_be_left_out_and_never_refused() -> None:
    asked = {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", **_HINT}]}], **_HINT}
    assert dropped(**asked) == ("cache_control=other-dialect",)
    body = request(**asked)
    body.on_unsupported = "refuse"
    assert PLAIN.encode(body, target()).dropped == ("cache_control=other-dialect",)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"container": "c", "speed": "fast"}, ("container=unsupported", "speed=unsupported")),
        ({"container": None}, ()),
        ({"tools": [_TOOL | {"defer_loading": True}]}, ("tools[0].defer_loading=unknown",)),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "document",
                                "source": {"type": "text", "data": "a", "media_type": "text/plain"},
                                "citations": {"enabled": True},
                            }
                        ],
                    }
                ]
            },
            ("messages[0].content[0].citations=unsupported",),
        ),
    ],
)
def test_what_is_left_out_is_told(asked: dict[str, Any], told: tuple[str, ...]) -> None:
    assert dropped(**asked) == told


def test_what_would_be_left_out_is_refused_where_the_client_says_so() -> None:
    body = request(container="c")
    body.on_unsupported = "refuse"
    with pytest.raises(UnsupportedParameter, match="container"):
        PLAIN.encode(body, target())


def test_what_the_provider_cant_take_is_called_as_the_client_calls_it() -> None:
    encoded = PLAIN.encode(
        request(thinking={"type": "disabled"}, stop_sequences=["a"]),
        target(unsupported=["reasoning_effort", "stop"]),
    )
    assert encoded.dropped == ("thinking=unsupported", "stop_sequences=unsupported")


def test_what_the_provider_refuses_is_called_as_the_client_calls_it() -> None:
    refusing = target(unsupported=["reasoning_effort"], on_unsupported="refuse")
    with pytest.raises(UnsupportedParameter) as caught:
        PLAIN.encode(request(thinking={"type": "disabled"}), refusing)
    assert caught.value.param == "thinking"
    assert "'thinking'" in caught.value.message


def test_a_refusal_of_what_has_one_name_only_stays() -> None:
    refusing = target(unsupported=["temperature"], on_unsupported="refuse")
    with pytest.raises(UnsupportedParameter) as caught:
        PLAIN.encode(request(temperature=1), refusing)
    assert caught.value.param == "temperature"


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "a"}, "messages"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "web_fetch_tool_result"}]}]}, "messages[0].content[0]"),
        ({"messages": [1, {"role": "user", "content": [1, {"type": "compaction"}]}]}, "messages[1].content[1]"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]}]},
            "messages[0].content[0]",
        ),
        ({"messages": [{"role": "assistant", "content": [_PNG]}]}, "messages[0].content[0]"),
        (
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": []}]}
                ]
            },
            "messages[0].content[0].input",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "a"}}]}
                ]
            },
            "messages[0].content[0].source",
        ),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0]"),
        ({"tool_choice": {"type": "all"}}, "tool_choice.type"),
        ({"thinking": {"type": "enabled"}}, "thinking"),
        ({"mcp_servers": [{"name": "m"}]}, "mcp_servers"),
        ({"thread": {"id": "t"}}, "thread"),
    ],
)
def test_what_is_refused_names_its_place(asked: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        PLAIN.encode(request(**asked), target())
    assert caught.value.param == param


def test_the_messages_are_read_once_for_a_target_and_anew_for_the_next() -> None:
    body, one, other = request(), target(), target("other")
    PLAIN.encode(body, one)
    assert body.asked is not None
    first = body.asked[1]
    PLAIN.url(one, body)
    assert body.asked[1] is first
    PLAIN.encode(body, other)
    assert body.asked[1] is not first


def test_top_level_hints_reach_dialects_that_translate() -> None:
    hint = {"type": "ephemeral"}
    assert json.loads(TRANSLATED.encode(request(cache_control=hint), target()).body)["cache_control"] == hint


def test_hints_stay_where_they_are_for_dialects_that_translate() -> None:
    call = {"type": "tool_use", "id": "c1", "name": "f", "input": {}, **_HINT}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [_PNG], "is_error": False, **_HINT}
    turns = [*HELLO, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    told = json.loads(TRANSLATED.encode(request(messages=turns, tools=[_TOOL]), target()).body)["messages"]
    assert told[1]["content"][0]["cache_control"] == _HINT["cache_control"]
    assert told[2]["content"][0]["cache_control"] == _HINT["cache_control"]
    assert told[2]["content"][0]["content"] == [_PNG]


def test_any_body_can_be_asked() -> None:
    body = parse(b'{"model": "m", "messages": [{"role": "user", "content": "a"}]}')
    told = json.loads(PLAIN.encode(body, target()).body)
    assert told == {"model": "upstream-model", "messages": [{"role": "user", "content": "a"}]}


def test_every_dialect_says_whether_it_translates_messages() -> None:
    keeping = {name for name in SHIPPED if find(name).codecs["chat"].fields["messages"].how == "kept"}
    assert keeping == {"azure", "local", "openai"}


def test_every_field_of_the_sdk_is_declared() -> None:
    from anthropic.types.beta.message_create_params import MessageCreateParamsBase

    elsewhere = {"betas", "workspace_id"}  # headers
    assert set(MessageCreateParamsBase.__annotations__) - elsewhere <= set(FIELDS)
