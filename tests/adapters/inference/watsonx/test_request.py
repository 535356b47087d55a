from typing import Any

import pytest

from adapters.inference.contract import Target
from adapters.inference.watsonx import ADAPTER
from adapters.inference.watsonx.options import WatsonxOptions
from adapters.wire.carried import carry
from adapters.wire.errors import BadRequest, UnsupportedParameter
from tests.adapters.inference.targets import request
from tests.adapters.inference.watsonx.service import PROJECT, REGION, judged, target

CHAT = ADAPTER.codecs["chat"]
HELLO = {"role": "user", "content": "Hello"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "How it is outside", "parameters": SCHEMA}
TOOL = {"type": "function", "function": WEATHER}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}


def encoded(*, to: Target | None = None, kind: str = "chat", **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the service is asked, judged by its documentation, and what is dropped."""
    result = CHAT.encode(request(**{"messages": [HELLO], **fields}), to or target())
    return judged(result.body, kind), result.dropped


def sent(**fields: Any) -> dict[str, Any]:
    asked, dropped = encoded(**fields)
    assert dropped == ()
    return asked


def said(*messages: dict[str, Any]) -> Any:
    return sent(messages=messages)["messages"]


def refusal(**fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        CHAT.encode(request(**{"messages": [HELLO], **fields}), target())
    return caught.value


def test_a_plain_request_names_the_model_and_the_project() -> None:
    assert sent() == {"model_id": "ibm/granite", "project_id": "the-project", "messages": [HELLO]}


def test_a_space_pays_where_no_project_is_named() -> None:
    assert sent(to=target(options=WatsonxOptions(space_id="the-space")))["space_id"] == "the-space"


def test_without_either_the_service_is_left_to_say_so() -> None:
    body = CHAT.encode(request(messages=[HELLO]), target(options=WatsonxOptions())).body
    assert body == b'{"model_id":"ibm/granite","messages":[{"role":"user","content":"Hello"}]}'


def test_a_deployment_brings_its_model_and_its_project() -> None:
    deployment = target("deployment/my-granite")
    assert sent(to=deployment, kind="deployment", context="Today is Monday.") == {
        "messages": [HELLO],
        "context": "Today is Monday.",
    }


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("ibm/granite", False, "text/chat"),
        ("ibm/granite", True, "text/chat_stream"),
        ("deployment/my granite", False, "deployments/my%20granite/text/chat"),
        ("deployment/1-2-3", True, "deployments/1-2-3/text/chat_stream"),
    ],
)
@pytest.mark.parametrize("base_url", [REGION, f"{REGION}/", f"{REGION}/ml/v1"])
def test_streams_and_deployments_have_paths_of_their_own(base_url: str, model: str, stream: bool, path: str) -> None:
    url = CHAT.url(target(model, base_url=base_url), request(stream=stream))
    assert url == f"{REGION}/ml/v1/{path}?version=2025-02-11"


def test_what_the_service_has_under_the_same_name_goes_on_as_it_is() -> None:
    fields = {
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "n": 2,
        "max_tokens": 9,
        "max_completion_tokens": 10,
        "logprobs": True,
        "top_logprobs": 3,
        "logit_bias": {"1003": -100},
    }
    assert sent(**fields).items() >= fields.items()


@pytest.mark.parametrize("stop", ["END", ["END"]])
def test_stop_is_an_array(stop: Any) -> None:
    assert sent(stop=stop)["stop"] == ["END"]


def test_the_services_own_fields_stand_at_the_top_level() -> None:
    own = {"time_limit": 5000, "include_reasoning": False, "guided_choice": ["a", "b"], "repetition_penalty": 1.1}
    assert sent(**own).items() >= own.items()


def test_extras_win() -> None:
    own = {"reasoning_effort": "high", "length_penalty": 1.5}
    assert sent(reasoning_effort="low", length_penalty=1, watsonx=own).items() >= own.items()


@pytest.mark.parametrize("name", ["model_id", "model", "project_id", "space_id", "messages", "Project_Id"])
def test_extras_do_not_set_what_the_gateway_decides(name: str) -> None:
    assert refusal(watsonx={name: "another"}).param == f"watsonx.{name}"


@pytest.mark.parametrize(
    ("effort", "told"),
    [
        ("none", {"chat_template_kwargs": {"thinking": False}}),
        ("minimal", {"reasoning_effort": "low"}),
        ("medium", {"reasoning_effort": "medium"}),
        ("xhigh", {"reasoning_effort": "high"}),
        ("max", {"reasoning_effort": "high"}),
    ],
)
def test_effort_is_the_nearest_that_the_service_knows(effort: str, told: dict[str, Any]) -> None:
    assert sent(reasoning_effort=effort).items() >= told.items()


@pytest.mark.parametrize("choice", ["none", "auto", "required"])
def test_a_choice_of_tools_in_a_word_has_its_own_name(choice: str) -> None:
    told = sent(tools=[TOOL], tool_choice=choice)
    assert (told["tools"], told["tool_choice_option"]) == ([TOOL], choice)


def test_a_named_tool_is_forced() -> None:
    choice = {"type": "function", "function": {"name": "weather"}}
    assert sent(tools=[TOOL], tool_choice=choice)["tool_choice"] == choice


def test_the_older_functions_are_tools() -> None:
    told = sent(functions=[{"name": "now"}], function_call={"name": "now"})
    assert told["tools"] == [{"type": "function", "function": {"name": "now"}}]
    assert told["tool_choice"] == {"type": "function", "function": {"name": "now"}}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"type": "json_object"}, {"type": "json_object"}),
        (
            {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}},
            {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}},
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}},
            {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}},
        ),
    ],
)
def test_forms_are_asked_for_in_the_same_way(asked: dict[str, Any], told: dict[str, Any]) -> None:
    assert sent(response_format=asked)["response_format"] == told


def test_text_needs_no_form() -> None:
    assert "response_format" not in sent(response_format={"type": "text"})


def test_what_the_service_does_not_have_is_told_of() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "description": "y", "schema": SCHEMA}}
    tools = [
        {"type": "web_search"},
        {"type": "function", "function": {**WEATHER, "strict": True}, "cache_control": {"type": "ephemeral"}},
    ]
    asked, dropped = encoded(
        user="me", parallel_tool_calls=False, made_up=1, ollama={"think": True}, response_format=form, tools=tools
    )
    assert dropped == (
        "user=unsupported",
        "parallel_tool_calls=unsupported",
        "made_up=unknown",
        "ollama=other-dialect",
        "tools[0]=unsupported",
        "tools[1].function.strict=unsupported",
        "tools[1].cache_control=unsupported",
        "response_format.json_schema.description=unsupported",
    )
    assert asked["tools"] == [TOOL]


def test_what_the_operator_names_unsupported_is_left_out() -> None:
    asked, dropped = encoded(to=target(unsupported=["seed"]), seed=1)
    assert "seed" not in asked
    assert dropped == ("seed=unsupported",)


def test_a_client_may_have_it_refused() -> None:
    body = request(messages=[HELLO], user="me")
    body.on_unsupported = "refuse"
    with pytest.raises(UnsupportedParameter, match="user"):
        CHAT.encode(body, target())


# Messages


def test_instructions_are_one_text_of_the_system() -> None:
    parts = [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]
    assert said({"role": "developer", "name": "boss", "content": parts}) == [
        {"role": "system", "name": "boss", "content": "Be brief."}
    ]


def test_users_show_and_say_things() -> None:
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AA=="}},
    ]
    assert said({"role": "user", "name": "Ann", "content": parts}) == [
        {"role": "user", "name": "Ann", "content": parts}
    ]


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", {"type": "file", "file": {"file_id": "file-1"}}),
        ("user", {"type": "refusal", "refusal": "No."}),
        ("system", {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}),
    ],
)
def test_content_that_the_service_does_not_take_is_refused_by_its_place(role: str, part: dict[str, Any]) -> None:
    error = refusal(messages=[{"role": role, "content": [part]}])
    assert (error.param, error.code) == ("messages[0].content[0]", "unsupported_content")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"content": "Hi", "name": "bot"}, {"content": "Hi", "name": "bot"}),
        ({"content": [{"type": "text", "text": "Hi"}]}, {"content": "Hi"}),
        ({"content": None}, {"content": ""}),
        ({"refusal": "No."}, {"refusal": "No."}),
        ({"content": None, "tool_calls": [CALL]}, {"tool_calls": [CALL]}),
        ({"content": "So:", "tool_calls": [CALL]}, {"content": "So:", "tool_calls": [CALL]}),
    ],
)
def test_what_was_said_before(message: dict[str, Any], told: dict[str, Any]) -> None:
    assert said({"role": "assistant", **message}) == [{"role": "assistant", **told}]


def test_results_of_tools_name_their_call() -> None:
    assert said(
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "Sunny"}]},
    )[1] == {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"}


def test_what_another_dialect_carries_in_ids_does_not_reach_the_service() -> None:
    carried = carry("call_1", "gemini", b"a signature")
    calls, result = said(
        {"role": "assistant", "tool_calls": [{**CALL, "id": carried}]},
        {"role": "tool", "tool_call_id": carried, "content": "Sunny"},
    )
    assert calls["tool_calls"][0]["id"] == result["tool_call_id"] == "call_1"


def test_calls_of_the_older_functions_get_ids_that_their_results_repeat() -> None:
    function = {"name": "weather", "arguments": ""}
    assert said(
        {"role": "assistant", "content": None, "function_call": function},
        {"role": "function", "name": "weather", "content": "Sunny"},
        {"role": "function", "name": "now", "content": None},
    ) == [
        {
            "role": "assistant",
            "tool_calls": [{"id": "call_0", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "call_0", "content": "Sunny"},
        {"role": "tool", "tool_call_id": "call_2", "content": ""},
    ]


def test_what_messages_have_beyond_the_services_is_told_of_by_its_place() -> None:
    cached = {"cache_control": {"type": "ephemeral"}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Hi", **cached}], "mood": "good"},
        {"role": "assistant", "content": "Hi", "reasoning_content": "Hm.", "annotations": [], **cached},
        {"role": "tool", "tool_call_id": "a", "name": "weather", "content": "Sunny", **cached},
    ]
    _, dropped = encoded(messages=messages)
    assert dropped == (
        "messages[0].mood=unknown",
        "messages[0].content[0].cache_control=unsupported",
        "messages[1].cache_control=unsupported",
        "messages[1].reasoning_content=unsupported",
        "messages[2].cache_control=unsupported",
        "messages[2].name=unsupported",
    )


# The other operations

EMBEDDINGS = ADAPTER.codecs["embeddings"]
RERANK = ADAPTER.codecs["rerank"]


def test_the_other_operations_have_paths_of_their_own() -> None:
    assert EMBEDDINGS.url(target(), request()) == f"{REGION}/ml/v1/text/embeddings?version=2025-02-11"
    assert RERANK.url(target(), request()) == f"{REGION}/ml/v1/text/rerank?version=2025-02-11"


def test_texts_to_embed() -> None:
    asked = request(input=["a", "b"], parameters={"truncate_input_tokens": 9}, encoding_format="float")
    result = EMBEDDINGS.encode(asked, target())
    assert judged(result.body, "embeddings") == {
        "model_id": "ibm/granite",
        "project_id": "the-project",
        "inputs": ["a", "b"],
        "parameters": {"truncate_input_tokens": 9},
    }
    assert result.dropped == ()


def test_one_text_to_embed() -> None:
    result = EMBEDDINGS.encode(request(input="a", dimensions=8, user="me"), target(options=PROJECT))
    assert judged(result.body, "embeddings")["inputs"] == ["a"]
    assert result.dropped == ("dimensions=unsupported", "user=unsupported")


@pytest.mark.parametrize("name", ["inputs", "model_id"])
def test_extras_do_not_set_what_is_embedded(name: str) -> None:
    with pytest.raises(BadRequest, match="can't be set"):
        EMBEDDINGS.encode(request(input="a", watsonx={name: "b"}), target())


def test_texts_to_rank() -> None:
    fields = {"query": "Who?", "documents": ["a", {"text": "b", "title": "c"}], "top_n": 1, "max_tokens_per_doc": 99}
    result = RERANK.encode(request(**fields, return_documents=True, made_up=1), target())
    assert judged(result.body, "rerank") == {
        "model_id": "ibm/granite",
        "project_id": "the-project",
        "query": "Who?",
        "inputs": [{"text": "a"}, {"text": "b"}],
        "parameters": {"truncate_input_tokens": 99, "return_options": {"top_n": 1}},
    }
    assert result.dropped == ("made_up=unknown", "documents[1].title=unknown")


def test_texts_to_rank_without_more() -> None:
    result = RERANK.encode(request(query="Who?", documents=["a"]), target())
    assert "parameters" not in judged(result.body, "rerank")
