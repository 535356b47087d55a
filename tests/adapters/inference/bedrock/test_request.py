"""Requests to Converse: what each field of OpenAI's becomes, judged by botocore's model of the service."""

import base64
import json
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from adapters.inference.bedrock.request import FIELDS
from adapters.wire.errors import BadRequest, UnsupportedParameter
from tests.adapters.inference.bedrock.asking import CLAUDE, FORMAT, HELLO, NOVA, SCHEMA, TOOL, encode, sent, target
from tests.adapters.inference.bedrock.judge import judged

OSS = "openai.gpt-oss-120b-1:0"
GPT = "us.openai.gpt-5.6-luna"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
MISTRAL = "mistral.mistral-large-2402-v1:0"
OPUS = "anthropic.claude-opus-4-6-v1"
OPUS_LATER = "global.anthropic.claude-opus-4-7"
OPUS_LATEST = "anthropic.claude-opus-5-5"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"
FOUNDATION = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0"
PNG = "data:image/png;base64,iVBORw0KGgo="
CALLS = [
    *HELLO,
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at":"x"}'}}],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "nothing"},
]
NAMED = {"type": "function", "function": {"name": "look"}}
EPHEMERAL = {"type": "ephemeral"}


def checked(model: str = CLAUDE, **fields: Any) -> dict[str, Any]:
    """A request that the SDK would send, with nothing dropped."""
    encoded = encode(model, **fields)
    assert encoded.dropped == ()
    return judged(encoded.body, model)


def dropped(model: str = CLAUDE, **fields: Any) -> list[str]:
    """What could not go along with a request that the SDK would send."""
    encoded = encode(model, **fields)
    judged(encoded.body, model)
    return list(encoded.dropped)


def content(*parts: Any, model: str = CLAUDE) -> list[dict[str, Any]]:
    """The blocks of a user's parts."""
    blocks: list[dict[str, Any]] = checked(model, messages=[{"role": "user", "content": list(parts)}])["messages"][0][
        "content"
    ]
    return blocks


def refusal(**fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as raised:
        encode(**fields)
    return raised.value


def file(data: str, name: str | None = None, member: str = "file_data") -> dict[str, Any]:
    return {"type": "file", "file": {member: data} | ({"filename": name} if name else {})}


def image(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url} | more}


# Fields


def test_the_table_names_every_field_of_openais_request() -> None:
    assert FIELDS.keys() == {*typing.get_type_hints(CompletionCreateParamsBase), "stream"}


def test_bounds_and_sampling_go_into_their_own_member() -> None:
    asked = checked(max_completion_tokens=9, max_tokens=8, temperature=0.5, stop="END")
    assert asked["inferenceConfig"] == {"maxTokens": 9, "temperature": 0.5, "stopSequences": ["END"]}


def test_what_says_nothing_leaves_nothing() -> None:
    assert checked(n=1, stop=None, logprobs=False, metadata={}, tools=[], user=None, service_tier="auto") == {
        "messages": [{"role": "user", "content": [{"text": "Hello"}]}]
    }


def test_fields_that_converse_has_no_words_for_are_reported() -> None:
    assert dropped(n=2, seed=7, logit_bias={"1": 2}, user="u", new_field=1) == [
        "n=unsupported",
        "seed=unsupported",
        "logit_bias=unsupported",
        "user=unsupported",
        "new_field=unknown",
    ]


def test_an_operator_may_refuse_instead() -> None:
    with pytest.raises(UnsupportedParameter, match="seed"):
        encode(at=target(on_unsupported="refuse"), seed=7)


def test_what_an_operator_calls_unsupported_is_left_out() -> None:
    encoded = encode(at=target(unsupported=["temperature"]), temperature=0.5)
    assert encoded.dropped == ("temperature=unsupported",)
    assert "inferenceConfig" not in json.loads(encoded.body)


def test_members_that_nobody_knows_are_reported() -> None:
    assert dropped(messages=[{"role": "user", "content": "Hi", "mood": "good"}]) == ["messages[0].mood=unknown"]


@pytest.mark.parametrize("tier", ["default", "flex", "priority", "reserved"])
def test_tiers_that_the_service_has_go_along(tier: str) -> None:
    assert checked(service_tier=tier)["serviceTier"] == {"type": tier}


def test_other_tiers_are_reported() -> None:
    assert dropped(service_tier="scale") == ["service_tier=unsupported"]


def test_metadata_goes_into_the_logs_as_far_as_it_fits() -> None:
    told = {"team": "a", "no way": "{json}", "number": 5}
    encoded = encode(metadata=told)
    assert judged(encoded.body, CLAUDE)["requestMetadata"] == {"team": "a"}
    assert encoded.dropped == ("metadata.no way=unsupported", "metadata.number=unsupported")


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CLAUDE, {"top_k": 5}),
        (LLAMA, {"top_k": 5}),
        (NOVA, {"inferenceConfig": {"topK": 5}}),
        ("cohere.command-r-v1:0", {"k": 5}),
    ],
)
def test_top_k_has_each_makers_own_name(model: str, fields: dict[str, Any]) -> None:
    assert checked(model, top_k=5)["additionalModelRequestFields"] == fields


def test_members_for_this_dialect_are_merged_and_win() -> None:
    extras = {
        "guardrailConfig": {"guardrailIdentifier": "abc", "guardrailVersion": "1", "trace": "enabled"},
        "performanceConfig": {"latency": "optimized"},
        "inferenceConfig": {"temperature": 0.1},
        "additionalModelRequestFields": {"top_k": 9},
    }
    asked = checked(bedrock=extras, temperature=0.7, max_tokens=5)
    assert asked["inferenceConfig"] == {"temperature": 0.1, "maxTokens": 5}
    assert all(asked[name] == extras[name] for name in extras if name != "inferenceConfig")


@pytest.mark.parametrize("name", ["messages", "system", "modelId"])
def test_what_the_gateway_sets_nobody_overrides(name: str) -> None:
    assert refusal(bedrock={name: []}).param == f"bedrock.{name}"


def test_members_for_other_dialects_stay_here() -> None:
    assert dropped(gemini={"a": 1}) == ["gemini=other-dialect"]


# Turns


def test_instructions_stand_apart_wherever_they_came() -> None:
    asked = checked(
        messages=[
            {"role": "system", "content": "One"},
            *HELLO,
            {"role": "developer", "content": [{"type": "text", "text": "Two"}]},
        ]
    )
    assert asked["system"] == [{"text": "One"}, {"text": "Two"}]


def test_instructions_alone_are_what_the_user_says() -> None:
    assert checked(messages=[{"role": "system", "content": "Say hello"}]) == {
        "messages": [{"role": "user", "content": [{"text": "Say hello"}]}]
    }


def test_nothing_at_all_is_for_the_service_to_refuse() -> None:
    assert sent(messages=[{"role": "user", "content": ""}])["messages"] == [{"role": "user", "content": []}]


@pytest.mark.parametrize(("model", "said"), [(CLAUDE, "It is"), (LLAMA, "It is ")])
def test_an_answer_that_claude_is_to_continue_ends_without_white_space(model: str, said: str) -> None:
    asked = checked(model, messages=[*HELLO, {"role": "assistant", "content": "It is "}])
    assert asked["messages"][-1]["content"] == [{"text": said}]


def test_messages_of_one_role_become_one_turn() -> None:
    call = CALLS[1]["tool_calls"][0]
    messages = [
        *HELLO,
        {"role": "assistant", "content": "Wait", "tool_calls": [call, call | {"id": "call_2"}]},
        CALLS[2],
        CALLS[2] | {"tool_call_id": "call_2"},
        *HELLO,
    ]
    turns = checked(messages=messages, tools=[TOOL])["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert [list(block) for turn in turns for block in turn["content"]] == [
        ["text"],
        ["text"],
        ["toolUse"],
        ["toolUse"],
        ["toolResult"],
        ["toolResult"],
        ["text"],
    ]


def test_blank_text_is_left_out_and_a_message_of_nothing_with_it() -> None:
    blank = {"role": "user", "content": [{"type": "text", "text": " "}]}
    asked = checked(messages=[*HELLO, {"role": "assistant", "content": ""}, blank])
    assert asked["messages"] == [{"role": "user", "content": [{"text": "Hello"}]}]


def test_a_result_of_nothing_stays_a_result() -> None:
    messages = [*CALLS[:2], CALLS[2] | {"content": ""}]
    result = checked(messages=messages, tools=[TOOL])["messages"][-1]["content"][0]["toolResult"]
    assert result == {"toolUseId": "call_1", "content": []}


def test_results_may_hold_images_and_documents() -> None:
    messages = [*CALLS[:2], CALLS[2] | {"content": [image(PNG), file("data:text/csv;base64,YQ==")]}]
    result = checked(messages=messages, tools=[TOOL])["messages"][-1]["content"][0]["toolResult"]
    assert [list(block) for block in result["content"]] == [["image"], ["document"]]


def test_the_older_function_call_and_its_result_go_together() -> None:
    messages = [
        *HELLO,
        {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": ""}},
        {"role": "function", "name": "look", "content": "seen"},
        {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}},
        {"role": "function", "name": "look", "content": None},
    ]
    asked = checked(messages=messages, functions=[{"name": "look"}], function_call={"name": "look"})
    blocks = [turn["content"][0] for turn in asked["messages"][1:]]
    assert [block.get("toolUse", block.get("toolResult"))["toolUseId"] for block in blocks] == [
        "messages_1_",
        "messages_1_",
        "messages_3_",
        "messages_3_",
    ]
    assert asked["toolConfig"]["toolChoice"] == {"tool": {"name": "look"}}


def test_what_the_model_refused_is_what_it_said() -> None:
    parts = [{"type": "refusal", "refusal": "No."}]
    asked = checked(messages=[*HELLO, {"role": "assistant", "content": parts, "refusal": "Never."}, *HELLO])
    assert asked["messages"][1]["content"] == [{"text": "No."}, {"text": "Never."}]


def test_names_and_earlier_sound_are_reported() -> None:
    messages = [HELLO[0] | {"name": "Ann"}, {"role": "assistant", "content": "Hi", "audio": {"id": "a"}}]
    assert dropped(messages=messages) == ["messages[0].name=unsupported", "messages[1].audio=unsupported"]


def test_thoughts_without_proof_are_left_out_even_where_the_operator_refuses() -> None:
    messages = [*HELLO, {"role": "assistant", "content": "Hi", "reasoning_content": "Hm"}, *HELLO]
    encoded = encode(at=target(on_unsupported="refuse"), messages=messages)
    assert encoded.dropped == ("messages[1].reasoning_content=other-dialect",)


@pytest.mark.parametrize("content", [[image(PNG)], [file("data:text/csv;base64,YQ==")]])
@pytest.mark.parametrize("role", ["system", "assistant"])
def test_only_users_show_pictures(role: str, content: list[Any]) -> None:
    error = refusal(messages=[{"role": role, "content": content}, *HELLO])
    assert (error.param, error.code) == ("messages[0].content[0]", "unsupported_content")


def test_arguments_that_are_no_object_are_refused_by_their_place() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "[1]"}}
    error = refusal(messages=[*HELLO, {"role": "assistant", "tool_calls": [call]}])
    assert error.param == "messages[1].tool_calls[0].function.arguments"


@given(st.text(min_size=1, max_size=100))
def test_ids_of_every_kind_are_made_fit_and_still_go_together(call_id: str) -> None:
    messages = json.loads(json.dumps(CALLS))
    messages[1]["tool_calls"][0]["id"] = messages[2]["tool_call_id"] = call_id
    for model in (CLAUDE, MISTRAL):
        turns = judged(encode(model, messages=messages, tools=[TOOL]).body, model)["messages"]
        used, answered = turns[1]["content"][0]["toolUse"], turns[2]["content"][0]["toolResult"]
        assert used["toolUseId"] == answered["toolUseId"]


def test_mistrals_ids_have_nine_letters_and_digits() -> None:
    for call_id, kept in (("abcDEF123", True), ("call_12345", False)):
        messages = json.loads(json.dumps(CALLS))
        messages[1]["tool_calls"][0]["id"] = call_id
        used = checked(MISTRAL, messages=messages, tools=[TOOL])["messages"][1]["content"][0]["toolUse"]["toolUseId"]
        assert len(used) == 9
        assert used.isalnum()
        assert (used == call_id) == kept


# Cache points


def test_cache_points_follow_what_they_close() -> None:
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "S", "cache_control": EPHEMERAL}]},
        {"role": "user", "content": [{"type": "text", "text": "U", "cache_control": EPHEMERAL | {"ttl": "1h"}}]},
        CALLS[1] | {"cache_control": EPHEMERAL},
        CALLS[2] | {"content": [{"type": "text", "text": "R", "cache_control": EPHEMERAL}]},
    ]
    asked = checked(messages=messages, tools=[TOOL | {"cache_control": EPHEMERAL}])
    point = {"cachePoint": {"type": "default"}}
    assert asked["system"][1] == point
    assert asked["messages"][0]["content"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert asked["messages"][1]["content"][1] == point
    assert asked["messages"][2]["content"][1] == point
    assert asked["toolConfig"]["tools"][1] == point


def test_models_without_a_cache_get_no_points() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "U", "cache_control": EPHEMERAL}]}]
    assert dropped(LLAMA, messages=messages, tools=[TOOL | {"cache_control": EPHEMERAL}]) == [
        "messages[0].content[0].cache_control=unsupported",
        "tools[0].cache_control=unsupported",
    ]


# Media


def test_images_are_bytes_or_lie_in_s3() -> None:
    assert content(image(PNG), image("s3://bucket/a.JPG", detail="auto")) == [
        {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}},
        {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/a.JPG"}}}},
    ]


def test_how_closely_to_look_is_reported() -> None:
    messages = [{"role": "user", "content": [image(PNG, detail="high")]}]
    assert dropped(messages=messages) == ["messages[0].content[0].image_url.detail=unsupported"]


@pytest.mark.parametrize(
    ("part", "member"),
    [
        (image("https://example.com/a.png"), "image_url.url"),
        ({"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}, "video_url.url"),
        (file("file-123", member="file_id"), "file.file_id"),
        (file("https://example.com/a.pdf", member="file_url"), "file.file_url"),
        ({"type": "file", "file": {}}, "file.file_data"),
    ],
)
def test_what_the_service_would_have_to_fetch_is_refused_by_name(part: Any, member: str) -> None:
    error = refusal(messages=[{"role": "user", "content": [part]}])
    assert (error.param, error.code) == (f"messages[0].content[0].{member}", "unsupported_url")


@pytest.mark.parametrize(
    "part",
    [
        image("data:image/tiff;base64,YQ=="),
        image("s3://bucket/name"),
        {"type": "video_url", "video_url": {"url": "data:video/avi;base64,YQ=="}},
        {"type": "input_audio", "input_audio": {"data": "YQ==", "format": "midi"}},
        file("data:application/zip;base64,YQ=="),
        file("s3://bucket/a.zip", member="file_url"),
    ],
)
def test_formats_that_the_service_does_not_take_are_refused_by_name(part: Any) -> None:
    error = refusal(messages=[{"role": "user", "content": [part]}])
    assert error.code == "unsupported_format"
    assert error.param is not None
    assert error.param.startswith("messages[0].content[0].")


def test_sound_and_videos_go_along() -> None:
    video = {"type": "video_url", "video_url": {"url": "data:video/3gpp;base64,YQ=="}}
    assert content({"type": "input_audio", "input_audio": {"data": "YQ==", "format": "wav"}}, video, model=NOVA) == [
        {"audio": {"format": "wav", "source": {"bytes": "YQ=="}}},
        {"video": {"format": "three_gp", "source": {"bytes": "YQ=="}}},
    ]


@pytest.mark.parametrize(
    ("media_type", "filename", "form"),
    [
        ("application/pdf", None, "pdf"),
        ("text/csv", None, "csv"),
        ("application/msword", None, "doc"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", None, "docx"),
        ("application/vnd.ms-excel", None, "xls"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", None, "xlsx"),
        ("text/html", None, "html"),
        ("text/plain", None, "txt"),
        ("text/markdown", None, "md"),
        ("application/octet-stream", "notes.MD", "md"),
    ],
)
def test_documents_are_known_by_their_type_or_their_name(media_type: str, filename: str | None, form: str) -> None:
    (block,) = content(file(f"data:{media_type};base64,YQ==", filename))
    assert (block["document"]["format"], block["document"]["source"]) == (form, {"bytes": "YQ=="})


def test_documents_of_one_name_are_told_apart() -> None:
    blocks = content(
        file("data:text/csv;base64,YQ==", "sales (2025)/q1_v2.csv"),
        file("data:text/csv;base64,YQ==", "sales (2025)/q1.v2.csv"),
        file("data:text/csv;base64,YQ=="),
        file("s3://bucket/dir/list.csv", member="file_id"),
    )
    assert [block["document"]["name"] for block in blocks] == [
        "sales (2025) q1 v2",
        "sales (2025) q1 v2 2",
        "document",
        "list",
    ]


@given(st.lists(st.text(max_size=300), min_size=1, max_size=4))
def test_names_of_documents_are_of_what_the_service_takes(names: list[str]) -> None:
    blocks = content(*[file("data:text/csv;base64,YQ==", name) for name in names])
    given_names = [block["document"]["name"] for block in blocks]
    assert len(set(given_names)) == len(names)
    for name in given_names:
        assert name.replace(" ", "a").translate({ord(letter): "a" for letter in "()[]-"}).isalnum()
        assert name.isascii()
        assert "  " not in name


# Tools


def test_a_tool_has_a_schema_even_where_it_takes_nothing() -> None:
    asked = checked(tools=[{"type": "function", "function": {"name": "now"}}])
    assert asked["toolConfig"] == {
        "tools": [{"toolSpec": {"name": "now", "inputSchema": {"json": {"type": "object", "properties": {}}}}}]
    }


@pytest.mark.parametrize(
    ("choice", "expected"),
    [("auto", {"auto": {}}), ("required", {"any": {}}), (NAMED, {"tool": {"name": "look"}})],
)
def test_choices_have_their_own_words(choice: Any, expected: dict[str, Any]) -> None:
    assert checked(tools=[TOOL], tool_choice=choice)["toolConfig"]["toolChoice"] == expected


def test_no_tools_are_named_where_none_may_be_called() -> None:
    assert "toolConfig" not in checked(tools=[TOOL], tool_choice="none")


def test_after_a_call_claude_is_told_in_its_own_words_to_call_none() -> None:
    asked = checked(messages=CALLS, tools=[TOOL], tool_choice="none")
    assert asked["additionalModelRequestFields"] == {"tool_choice": {"type": "none"}}
    assert "toolChoice" not in asked["toolConfig"]


def test_other_models_can_not_be_told_after_a_call() -> None:
    assert dropped(NOVA, messages=CALLS, tools=[TOOL], tool_choice="none") == ["tool_choice=unsupported"]


def test_tools_that_were_called_are_named_even_where_the_client_names_none() -> None:
    (tool,) = checked(messages=CALLS)["toolConfig"]["tools"]
    assert tool["toolSpec"]["name"] == "look"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", {"type": "any", "disable_parallel_tool_use": True}),
        (NAMED, {"type": "tool", "name": "look", "disable_parallel_tool_use": True}),
    ],
)
def test_claude_calls_one_tool_at_a_time(choice: Any, expected: dict[str, Any]) -> None:
    asked = checked(tools=[TOOL], tool_choice=choice, parallel_tool_calls=False)
    assert asked["additionalModelRequestFields"]["tool_choice"] == expected
    assert "toolChoice" not in asked["toolConfig"]


def test_other_models_call_as_many_as_they_like() -> None:
    assert dropped(NOVA, tools=[TOOL], parallel_tool_calls=False) == ["parallel_tool_calls=unsupported"]


def test_strict_is_for_models_that_have_it() -> None:
    strict = {"type": "function", "function": TOOL["function"] | {"strict": True}}  # type: ignore[operator]
    assert checked(tools=[strict])["toolConfig"]["tools"][0]["toolSpec"]["strict"] is True
    assert dropped(NOVA, tools=[strict]) == ["tools[0].function.strict=unsupported"]
    assert dropped(OPUS_LATER, functions=[strict["function"]]) == ["functions[0].strict=unsupported"]


def test_tools_that_are_no_functions_are_reported() -> None:
    assert dropped(tools=[TOOL, {"type": "web_search"}]) == ["tools[1]=unsupported"]


# Answers in a form


def test_a_schema_goes_natively_where_the_model_has_it() -> None:
    told = checked(response_format=FORMAT)["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert (told["name"], json.loads(told["schema"])) == ("City", SCHEMA)


@pytest.mark.parametrize("model", [PROFILE, OSS, "mistral.ministral-3-8b-instruct", "qwen.qwen3-32b-v1:0"])
def test_open_models_and_profiles_take_schemas_natively(model: str) -> None:
    assert "outputConfig" in checked(model, response_format=FORMAT)


@pytest.mark.parametrize("model", [NOVA, FOUNDATION, MISTRAL, OPUS_LATER])
def test_other_models_have_to_call_a_tool(model: str) -> None:
    config = checked(model, response_format=FORMAT)["toolConfig"]
    assert config["toolChoice"] == {"any": {}}
    assert config["tools"][-1]["toolSpec"]["inputSchema"]["json"] == SCHEMA


@pytest.mark.parametrize("model", [LLAMA, OPUS_LATEST])
def test_models_that_can_not_be_forced_are_left_to_choose(model: str) -> None:
    assert "toolChoice" not in checked(model, response_format=FORMAT)["toolConfig"]


def test_claude_is_not_forced_while_it_thinks() -> None:
    asked = checked(OPUS_LATER, response_format=FORMAT, reasoning_effort="low")
    assert "toolChoice" not in asked["toolConfig"]


def test_any_object_is_asked_for_with_a_tool() -> None:
    asked = checked(response_format={"type": "json_object"}, tools=[TOOL])
    assert [tool["toolSpec"]["name"] for tool in asked["toolConfig"]["tools"]] == ["look", "answer_in_json"]


def test_where_no_tool_may_be_called_the_answers_own_is_the_only_one() -> None:
    asked = checked(NOVA, response_format=FORMAT, tools=[TOOL], tool_choice="none")
    assert [tool["toolSpec"]["name"] for tool in asked["toolConfig"]["tools"]] == ["answer_in_json"]


def test_a_schema_that_claudes_grammar_does_not_know_takes_the_tool() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    asked = checked(response_format={"type": "json_schema", "json_schema": {"name": "Counts", "schema": schema}})
    assert asked["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"] == schema


def test_a_tool_answers_in_objects_only() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "L", "schema": {"type": "array"}, "description": "A list"}}
    assert refusal(model=NOVA, response_format=form).param == "response_format.json_schema.schema.type"


@pytest.mark.parametrize("way", ["native", "tool"])
def test_an_operator_who_knows_better_says_how(way: str) -> None:
    encoded = encode(at=target(NOVA, {"structured_outputs": way}), response_format=FORMAT)
    assert ("outputConfig" in json.loads(encoded.body)) == (way == "native")


def test_a_schema_has_its_description() -> None:
    form = {"type": "json_schema", "json_schema": FORMAT["json_schema"] | {"description": "Where"}}  # type: ignore[operator]
    asked = checked(response_format=form)
    assert asked["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["description"] == "Where"


# Thinking


def test_older_claude_models_think_with_a_budget() -> None:
    asked = checked(reasoning_effort="high", max_tokens=10_000)
    assert asked["additionalModelRequestFields"]["thinking"] == {"type": "enabled", "budget_tokens": 8_000}


def test_newer_claude_models_think_with_an_effort() -> None:
    asked = checked(OPUS, reasoning_effort="medium")
    assert asked["additionalModelRequestFields"]["thinking"] == {"type": "adaptive"}
    assert asked["outputConfig"] == {"effort": "medium"}


def test_an_effort_and_a_schema_go_together() -> None:
    assert checked(OPUS, reasoning_effort="low", response_format=FORMAT)["outputConfig"].keys() == {
        "effort",
        "textFormat",
    }


def test_claude_does_without_thinking_where_it_would_refuse() -> None:
    assert dropped(reasoning_effort="low", tools=[TOOL], tool_choice="required") == ["reasoning_effort=unsupported"]
    assert dropped(reasoning_effort="low", messages=CALLS, tools=[TOOL]) == ["reasoning_effort=unsupported"]


def test_claude_does_not_sample_while_it_thinks() -> None:
    assert dropped(reasoning_effort="low", temperature=0.2, top_k=3) == ["temperature=unsupported", "top_k=unsupported"]


@pytest.mark.parametrize(
    ("model", "effort", "fields"),
    [
        (OSS, "minimal", {"reasoning_effort": "low"}),
        (OSS, "xhigh", {"reasoning_effort": "high"}),
        (GPT, "max", {"reasoning": {"effort": "xhigh"}}),
        (GPT, "none", {"reasoning": {"effort": "none"}}),
        (NOVA_2, "high", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}),
    ],
)
def test_efforts_have_each_makers_own_name(model: str, effort: str, fields: dict[str, Any]) -> None:
    assert checked(model, reasoning_effort=effort)["additionalModelRequestFields"] == fields


def test_nova_thinks_less_hard_where_its_answer_is_bounded() -> None:
    asked = checked(NOVA_2, reasoning_effort="high", max_tokens=100)
    assert asked["additionalModelRequestFields"]["reasoningConfig"]["maxReasoningEffort"] == "medium"


@pytest.mark.parametrize(("model", "effort"), [(LLAMA, "low"), (PROFILE, "low"), (OSS, "none"), (NOVA, "low")])
def test_an_effort_that_a_model_can_not_be_told_is_reported(model: str, effort: str) -> None:
    assert dropped(model, reasoning_effort=effort) == ["reasoning_effort=unsupported"]


@pytest.mark.parametrize("model", [CLAUDE, NOVA_2])
def test_models_that_think_only_when_told_are_not_told(model: str) -> None:
    asked = checked(model, reasoning_effort="none")
    assert asked.get("additionalModelRequestFields", {}).get("thinking", {"type": "disabled"}) == {"type": "disabled"}


def test_bytes_are_sent_as_they_came() -> None:
    data = base64.b64encode(bytes(range(256))).decode()
    assert sent(messages=[{"role": "user", "content": [image(f"data:image/gif;base64,{data}")]}])["messages"][0][
        "content"
    ] == [{"image": {"format": "gif", "source": {"bytes": data}}}]
