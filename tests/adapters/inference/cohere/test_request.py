"""Chat requests for Cohere."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.inference.cohere import ADAPTER
from adapters.inference.cohere.request import FIELDS
from adapters.wire.carried import carry
from adapters.wire.chat import ChatRequest
from adapters.wire.errors import BadRequest, UnsupportedParameter
from adapters.wire.structured import FORCED_TOOL
from tests.adapters.inference.cohere.asking import FORMAT, SCHEMA, TOOLS, WEATHER, encode, judge, sent
from tests.adapters.inference.targets import request, target


def text_file(text: str = "facts", name: str | None = "facts.txt", kind: str = "text/plain") -> dict[str, Any]:
    data = f"data:{kind};base64,{base64.b64encode(text.encode()).decode()}"
    return {"type": "file", "file": {"file_data": data} | ({"filename": name} if name else {})}


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def call(arguments: str = "{}", id: str = "c1", name: str = "weather") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def message(*messages: dict[str, Any], **fields: Any) -> Any:
    """The last message as it is sent; the whole request is judged by the SDK."""
    body = sent(*messages, **fields)
    judge(body)
    return body["messages"][-1]


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (None, "https://api.cohere.com/v2/chat"),
        ("https://api.cohere.com/", "https://api.cohere.com/v2/chat"),
        ("http://proxy.test/cohere/v2?a=b", "http://proxy.test/cohere/v2/chat?a=b"),
    ],
)
def test_requests_go_to_version_2(base_url: str | None, url: str) -> None:
    assert ADAPTER.codecs["chat"].url(target(base_url=base_url), request()) == url


def test_the_key_is_a_bearer_token() -> None:
    assert ADAPTER.sign(target(), "", b"", "secret") == [(b"authorization", b"Bearer secret")]


def test_the_smallest_request() -> None:
    body = sent()
    assert body == {"model": "upstream-model", "messages": [{"role": "user", "content": "Hi"}], "stream": False}
    judge(body)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 6}, {"max_tokens": 6}),
        ({"temperature": 0.5}, {"temperature": 0.5}),
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"top_p": 0.5}, {"p": 0.5}),
        ({"top_p": 1}, {"p": 0.99}),
        ({"stop": "a"}, {"stop_sequences": ["a"]}),
        ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
        ({"stop": []}, {}),
        ({"seed": 7}, {"seed": 7}),
        ({"frequency_penalty": 0.1}, {"frequency_penalty": 0.1}),
        ({"presence_penalty": 0.1}, {"presence_penalty": 0.1}),
        ({"logprobs": True}, {"logprobs": True}),
        ({"logprobs": False}, {}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"reasoning_effort": "low"}, {"thinking": {"type": "enabled", "token_budget": 1024}}),
        ({"reasoning_effort": "high"}, {"thinking": {"type": "enabled"}}),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": {"type": "json_object"}}, {"response_format": {"type": "json_object"}}),
        ({"response_format": FORMAT}, {"response_format": {"type": "json_object", "json_schema": SCHEMA}}),
        ({"safety_mode": "STRICT"}, {"safety_mode": "STRICT"}),
        ({"top_k": 5}, {"k": 5}),
        ({"top_k": 5, "k": 6}, {"k": 6}),
        ({"thinking": None}, {}),
        ({"cohere": {"priority": 1}}, {"priority": 1}),
        ({"temperature": 1, "cohere": {"temperature": 0}}, {"temperature": 0}),
        ({"reasoning_effort": "low", "thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}),
    ],
)
def test_fields_have_coheres_names(asked: dict[str, Any], expected: dict[str, Any]) -> None:
    body = sent(**asked)
    judge(body)
    assert body == {**sent(), **expected}
    assert encode(**asked).dropped == ()


@pytest.mark.parametrize(
    ("asked", "dropped"),
    [
        ({"n": 2}, "n=unsupported"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls=unsupported"),
        ({"user": "u"}, "user=unsupported"),
        ({"top_logprobs": 3}, "top_logprobs=unsupported"),
        ({"surprise": 3}, "surprise=unknown"),
        ({"gemini": {}}, "gemini=other-dialect"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]=unsupported"),
        ({"tools": [TOOLS[0] | {"cache_control": {"type": "ephemeral"}}]}, "tools[0].cache_control=unsupported"),
        ({"tools": [TOOLS[0] | {"surprise": 1}]}, "tools[0].surprise=unknown"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA, "description": "d"}}},
            "response_format.json_schema.description=unsupported",
        ),
    ],
)
def test_what_can_not_be_expressed_is_reported_or_refused(asked: dict[str, Any], dropped: str) -> None:
    assert encode(**asked).dropped == (dropped,)
    if not dropped.endswith("other-dialect"):
        with pytest.raises(UnsupportedParameter) as refused:
            encode(settings={"on_unsupported": "refuse"}, **asked)
        assert refused.value.param == dropped.partition("=")[0]


def test_what_the_operator_calls_unsupported_is_left_out() -> None:
    encoded = encode(settings={"unsupported": ["seed", "tools"]}, seed=1, tools=TOOLS)
    assert encoded.dropped == ("seed=unsupported", "tools=unsupported")
    assert json.loads(encoded.body) == sent()


@pytest.mark.parametrize("name", ["model", "Messages", "stream"])
def test_what_was_judged_can_not_be_changed_by_an_extra(name: str) -> None:
    with pytest.raises(BadRequest) as refused:
        encode(cohere={name: "x"})
    assert refused.value.param == f"cohere.{name}"


def test_every_field_of_openai_is_in_the_table() -> None:
    ours = {"extra", "unknown"}
    assert {*ChatRequest.__struct_fields__} - ours <= FIELDS.keys()
    assert ADAPTER.codecs["chat"].fields is FIELDS


# Messages


@pytest.mark.parametrize("role", ["system", "developer"])
@pytest.mark.parametrize("content", ["Be kind.", [{"type": "text", "text": "Be kind."}]])
def test_instructions_are_system_messages(role: str, content: Any) -> None:
    assert message({"role": role, "content": content}) == {"role": "system", "content": content}


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_an_image_where_only_text_can_stand_is_refused_by_its_place(role: str) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}}
    with pytest.raises(BadRequest) as refused:
        encode({"role": role, "content": [{"type": "text", "text": "a"}, image]})
    assert refused.value.param == "messages[0].content[1]"


def test_text_and_images_of_users_stay_as_they_are() -> None:
    said = user(
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "high"}},
    )
    assert message(said) == said


def test_text_files_are_documents() -> None:
    body = sent(
        user({"type": "text", "text": "Read."}, text_file(), text_file("{}", None, "application/json")),
        documents=[{"id": "mine", "data": {"text": "more"}}],
    )
    judge(body)
    assert body["messages"] == [user({"type": "text", "text": "Read."})]
    assert body["documents"] == [
        {"id": "doc:0", "data": {"title": "facts.txt", "text": "facts"}},
        {"id": "doc:1", "data": {"text": "{}"}},
        {"id": "mine", "data": {"text": "more"}},
    ]


def test_files_alone_are_what_the_user_says() -> None:
    assert message(user(text_file("a"), text_file("b"))) == user(
        {"type": "text", "text": "a"}, {"type": "text", "text": "b"}
    )


def test_documents_of_the_extras_do_not_displace_files() -> None:
    body = sent(
        user({"type": "text", "text": "Read."}, text_file()), cohere={"documents": [{"data": {"text": "more"}}]}
    )
    assert [document["data"]["text"] for document in body["documents"]] == ["facts", "more"]


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}, ""),
        ({"type": "video_url", "video_url": {"url": "https://a.test/b.mp4"}}, ""),
        ({"type": "file", "file": {"file_id": "f1"}}, ".file.file_data"),
        ({"type": "file", "file": {"file_data": "https://a.test/b.txt"}}, ".file.file_data"),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}, ".file.file_data"),
        ({"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}}, ".file.file_data"),
        ({"type": "file", "file": {"file_data": "data:text/plain;base64,a"}}, ".file.file_data"),
    ],
)
def test_content_that_cohere_can_not_take_is_refused_by_its_place(part: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        encode(user(part))
    assert refused.value.param == f"messages[0].content[0]{param}"


def test_what_a_tool_gave_may_hold_text_and_files() -> None:
    given = {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "warm"}, text_file()]}
    assert message(given)["content"] == [
        {"type": "text", "text": "warm"},
        {"type": "document", "document": {"data": {"title": "facts.txt", "text": "facts"}}},
    ]


def test_an_image_from_a_tool_is_refused_by_its_place() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}}
    with pytest.raises(BadRequest) as refused:
        encode({"role": "tool", "tool_call_id": "c1", "content": [image]})
    assert refused.value.param == "messages[0].content[0]"


def test_what_the_model_said_beside_calls_is_its_plan() -> None:
    said = {"role": "assistant", "content": "I ask.", "tool_calls": [call("")]}
    assert message(said) == {"role": "assistant", "tool_plan": "I ask.", "tool_calls": [call("{}")]}


def test_calls_alone_have_no_plan() -> None:
    assert message({"role": "assistant", "content": None, "tool_calls": [call()]}).keys() == {"role", "tool_calls"}


def test_what_an_id_carries_for_others_is_taken_out_of_it() -> None:
    carried = carry("c1", "gemini", b"state")
    body = sent(
        {"role": "assistant", "tool_calls": [call(id=carried)]},
        {"role": "tool", "tool_call_id": carried, "content": "warm"},
    )
    assert (body["messages"][0]["tool_calls"][0]["id"], body["messages"][1]["tool_call_id"]) == ("c1", "c1")


@pytest.mark.parametrize(
    "thoughts",
    [
        {"reasoning_content": "Hm."},
        {"reasoning": "Hm."},
        {"reasoning_details": [{"type": "reasoning.text", "text": "H"}, {"text": "m."}, {"data": "x"}]},
    ],
)
def test_thoughts_go_back(thoughts: dict[str, Any]) -> None:
    thinking = {"type": "thinking", "thinking": "Hm."}
    spoken = message({"role": "assistant", "content": "Yes.", **thoughts})
    assert spoken["content"] == [thinking, {"type": "text", "text": "Yes."}]
    called = message({"role": "assistant", "tool_calls": [call()], **thoughts})
    assert called["content"] == [thinking]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Yes.", "Yes.No."),
        (None, "No."),
        ([{"type": "text", "text": "Yes."}], [{"type": "text", "text": "Yes."}, {"type": "text", "text": "No."}]),
    ],
)
def test_a_refusal_is_text(content: Any, expected: Any) -> None:
    assert message({"role": "assistant", "content": content, "refusal": "No."})["content"] == expected


def test_parts_of_an_answer_stay_parts() -> None:
    content = [{"type": "text", "text": "Yes."}, {"type": "refusal", "refusal": "No."}]
    said = message({"role": "assistant", "content": content})
    assert said["content"] == [{"type": "text", "text": "Yes."}, {"type": "text", "text": "No."}]


def test_calls_in_the_older_form_get_ids_that_match() -> None:
    function_call = {"name": "weather", "arguments": "{}"}
    turns: list[dict[str, Any]] = []
    for told in ("warm", None):
        turns.append({"role": "assistant", "content": None, "function_call": function_call})
        turns.append({"role": "function", "name": "weather", "content": told})
    body = sent(*turns, functions=[WEATHER], function_call="auto")
    judge(body)
    calls, results = body["messages"][::2], body["messages"][1::2]
    ids = [said["tool_calls"][0]["id"] for said in calls]
    assert ids == ["weather_1", "weather_2"]
    assert results == [
        {"role": "tool", "tool_call_id": "weather_1", "content": "warm"},
        {"role": "tool", "tool_call_id": "weather_2", "content": ""},
    ]


@pytest.mark.parametrize(
    ("said", "dropped"),
    [
        ({"role": "user", "content": "a", "name": "Ann"}, "messages[0].name=unsupported"),
        ({"role": "assistant", "content": "a", "audio": {"id": "a"}}, "messages[0].audio=unsupported"),
        ({"role": "assistant", "content": "a", "cache_control": {}}, "messages[0].cache_control=unsupported"),
        (
            {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
            "messages[0].content[0].cache_control=unsupported",
        ),
        ({"role": "user", "content": "a", "mood": "b"}, "messages[0].mood=unknown"),
    ],
)
def test_members_of_messages_that_can_not_be_expressed_are_reported(said: dict[str, Any], dropped: str) -> None:
    assert encode(said).dropped == (dropped,)


# Tools


def test_tools_stay_as_they_are() -> None:
    body = sent(tools=TOOLS)
    judge(body)
    assert body["tools"] == TOOLS
    assert body.keys().isdisjoint({"tool_choice", "strict_tools"})


def test_a_tool_without_parameters_has_an_empty_schema() -> None:
    body = sent(tools=[{"type": "function", "function": {"name": "now"}}])
    judge(body)
    assert body["tools"][0]["function"] == {"name": "now", "parameters": {"type": "object", "properties": {}}}


def test_one_strict_tool_makes_tools_strict() -> None:
    body = sent(tools=[*TOOLS, {"type": "function", "function": {"name": "now", "strict": True}}])
    judge(body)
    assert body["strict_tools"] is True


@pytest.mark.parametrize(("choice", "expected"), [("none", "NONE"), ("required", "REQUIRED"), ("auto", None)])
def test_the_choice_of_tools_is_coheres(choice: str, expected: str | None) -> None:
    assert sent(tools=TOOLS, tool_choice=choice).get("tool_choice") == expected


def test_one_tool_is_chosen_by_showing_no_other() -> None:
    other = {"type": "function", "function": {"name": "now"}}
    body = sent(tools=[other, *TOOLS], tool_choice={"type": "function", "function": {"name": "weather"}})
    assert (body["tools"], body["tool_choice"]) == (TOOLS, "REQUIRED")


def test_a_choice_that_is_none_of_the_tools_is_refused() -> None:
    with pytest.raises(BadRequest) as refused:
        encode(tools=TOOLS, tool_choice={"type": "function", "function": {"name": "now"}})
    assert refused.value.param == "tool_choice"


def test_beside_tools_the_form_of_the_answer_is_a_tool() -> None:
    body = sent(tools=TOOLS, response_format=FORMAT)
    judge(body)
    *own, forced = body["tools"]
    assert own == TOOLS
    assert (forced["function"]["name"], forced["function"]["parameters"]) == (FORCED_TOOL, SCHEMA)
    assert body["tool_choice"] == "REQUIRED"
    assert body.keys().isdisjoint({"response_format", "strict_tools"})


def test_a_strict_form_makes_tools_strict() -> None:
    strict = {"type": "json_schema", "json_schema": {"schema": SCHEMA, "strict": True}}
    assert sent(tools=TOOLS, response_format=strict)["strict_tools"] is True


def test_where_no_tool_may_be_called_the_form_is_coheres() -> None:
    body = sent(tools=TOOLS, tool_choice="none", response_format=FORMAT)
    assert body.keys() == {"model", "messages", "stream", "response_format"}


def test_where_a_tool_must_be_called_there_is_no_answer_to_form() -> None:
    body = sent(tools=TOOLS, tool_choice="required", response_format=FORMAT)
    assert (body["tools"], body["tool_choice"]) == (TOOLS, "REQUIRED")


# Anything

_TEXT = st.text(max_size=20)
_PARTS = st.lists(st.builds(lambda text: {"type": "text", "text": text}, _TEXT), min_size=1, max_size=3)
_CALLS = st.lists(st.builds(call, st.just("{}"), st.sampled_from(["c1", "c2"])), min_size=1, max_size=2)
_MESSAGES = st.lists(
    st.one_of(
        st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": _TEXT | _PARTS}),
        st.fixed_dictionaries(
            {"role": st.just("assistant"), "content": st.none() | _TEXT | _PARTS},
            optional={"reasoning_content": _TEXT, "tool_calls": _CALLS, "refusal": _TEXT},
        ),
        st.fixed_dictionaries({"role": st.just("tool"), "tool_call_id": st.just("c1"), "content": _TEXT | _PARTS}),
    ),
    min_size=1,
    max_size=5,
)


@given(_MESSAGES)
def test_any_conversation_is_one_that_the_sdk_knows(messages: list[dict[str, Any]]) -> None:
    encoded = encode(*messages)
    judge(json.loads(encoded.body))
    assert encoded.dropped == ()
