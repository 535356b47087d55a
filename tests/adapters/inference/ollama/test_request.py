import base64
from typing import Any

import pytest

from adapters.inference.ollama import ADAPTER
from adapters.wire.body import Body
from adapters.wire.carried import carry
from adapters.wire.errors import BadRequest, UnsupportedParameter
from tests.adapters.inference.ollama.service import judged, target
from tests.adapters.inference.targets import request

CHAT = ADAPTER.codecs["chat"]
HELLO = {"role": "user", "content": "Hello"}
PNG = base64.b64encode(b"\x89PNG").decode()
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "How it is outside", "parameters": SCHEMA}
TOOL = {"type": "function", "function": WEATHER}


def sent(**fields: Any) -> dict[str, Any]:
    """What Ollama is asked, judged by its own package; nothing may be dropped."""
    encoded = CHAT.encode(request(**{"messages": [HELLO], **fields}), target())
    assert encoded.dropped == ()
    return judged(encoded.body)


def dropped(**fields: Any) -> tuple[str, ...]:
    """What is reported of a request that Ollama's package would still take."""
    encoded = CHAT.encode(request(**{"messages": [HELLO], **fields}), target())
    judged(encoded.body)
    return encoded.dropped


def refusal(**fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        CHAT.encode(request(**{"messages": [HELLO], **fields}), target())
    return caught.value


def asked(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = sent(messages=messages)["messages"]
    return said


def test_a_plain_request_says_no_more_than_the_clients() -> None:
    assert sent() == {"model": "qwen3:0.6b", "messages": [HELLO], "stream": False}


def test_a_stream_is_asked_for() -> None:
    assert sent(stream=True, stream_options={"include_usage": True})["stream"] is True


def test_sampling_goes_into_the_options() -> None:
    fields = {"temperature": 0.5, "top_p": 0.9, "seed": 3, "frequency_penalty": 0.1, "presence_penalty": 0.2}
    assert sent(**fields, max_completion_tokens=50, stop="END")["options"] == {
        **fields,
        "num_predict": 50,
        "stop": ["END"],
    }


def test_the_older_name_of_the_bound_is_known() -> None:
    assert sent(max_tokens=9)["options"] == {"num_predict": 9}


def test_of_two_bounds_the_newer_counts_and_the_other_is_told_of() -> None:
    encoded = CHAT.encode(request(messages=[HELLO], max_tokens=9, max_completion_tokens=5), target())
    assert judged(encoded.body)["options"] == {"num_predict": 5}
    assert encoded.dropped == ("max_tokens=shadowed",)


def test_ollamas_own_fields_stand_at_the_top_level() -> None:
    own = {"keep_alive": "10m", "think": "high", "format": "json", "truncate": False, "shift": False}
    told = sent(**own, options={"num_ctx": 8192})
    assert told.items() >= {**own, "options": {"num_ctx": 8192}}.items()


def test_single_options_stand_at_the_top_level_too() -> None:
    assert sent(top_k=20, min_p=0.1, num_ctx=4096)["options"] == {"top_k": 20, "min_p": 0.1, "num_ctx": 4096}


def test_options_are_joined_and_the_closest_to_ollama_counts() -> None:
    told = sent(temperature=0.1, seed=1, top_k=2, options={"top_k": 3, "seed": 4}, ollama={"options": {"seed": 5}})
    assert told["options"] == {"temperature": 0.1, "top_k": 3, "seed": 5}


def test_extras_win() -> None:
    assert (
        sent(keep_alive="1m", reasoning_effort="low", ollama={"keep_alive": 0, "think": False}).items()
        >= {
            "keep_alive": 0,
            "think": False,
        }.items()
    )


@pytest.mark.parametrize("name", ["model", "messages", "stream", "MODEL"])
def test_extras_do_not_set_what_the_gateway_decides(name: str) -> None:
    assert refusal(ollama={name: "another"}).param == f"ollama.{name}"


@pytest.mark.parametrize("fields", [{"options": [1]}, {"ollama": {"options": "x"}}])
def test_options_are_an_object(fields: dict[str, Any]) -> None:
    assert refusal(**fields).param == "options"


@pytest.mark.parametrize(
    ("effort", "think"),
    [
        ("none", False),
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "high"),
        ("xhigh", "max"),
        ("max", "max"),
    ],
)
def test_effort_is_how_much_to_think(effort: str, think: bool | str) -> None:
    assert sent(reasoning_effort=effort)["think"] == think


def test_log_probabilities_are_asked_for_by_the_same_names() -> None:
    assert sent(logprobs=True, top_logprobs=3).items() >= {"logprobs": True, "top_logprobs": 3}.items()


def test_json_is_a_format() -> None:
    assert sent(response_format={"type": "json_object"})["format"] == "json"


def test_a_schema_is_a_format() -> None:
    asked = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": SCHEMA}}
    assert sent(response_format=asked)["format"] == SCHEMA


def test_text_needs_no_format() -> None:
    assert "format" not in sent(response_format={"type": "text"})


def test_a_schemas_description_is_told_of() -> None:
    asked = {"type": "json_schema", "json_schema": {"name": "place", "description": "Where", "schema": SCHEMA}}
    assert dropped(response_format=asked) == ("response_format.json_schema.description=unsupported",)


def test_tools_go_along() -> None:
    assert sent(tools=[TOOL])["tools"] == [TOOL]


def test_a_tool_without_parameters_has_none_to_fill() -> None:
    assert sent(tools=[{"type": "function", "function": {"name": "now"}}])["tools"] == [
        {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
    ]


def test_the_older_functions_are_tools() -> None:
    assert sent(functions=[WEATHER], function_call="auto")["tools"] == [TOOL]


@pytest.mark.parametrize("fields", [{"tools": [TOOL], "tool_choice": "none"}, {"functions": [WEATHER]}])
def test_tools_that_may_not_be_called_stay_here(fields: dict[str, Any]) -> None:
    assert "tools" not in sent(**{"function_call": "none", **fields})


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
def test_a_call_can_not_be_forced(choice: Any) -> None:
    assert dropped(tools=[TOOL], tool_choice=choice) == ("tool_choice=unsupported",)


def test_a_call_can_not_be_forced_in_the_older_way_either() -> None:
    assert dropped(functions=[WEATHER], function_call={"name": "weather"}) == ("function_call=unsupported",)


def test_what_tools_have_beyond_ollamas_is_told_of_by_its_place() -> None:
    tools = [
        {"type": "web_search"},
        {"type": "function", "function": {**WEATHER, "strict": True}, "cache_control": {"type": "ephemeral"}},
    ]
    assert dropped(tools=tools) == (
        "tools[0]=unsupported",
        "tools[1].function.strict=unsupported",
        "tools[1].cache_control=unsupported",
    )


def test_what_ollama_does_not_have_is_told_of() -> None:
    assert dropped(n=2, logit_bias={"1": 1}, user="me", parallel_tool_calls=False, made_up=1, cohere={"k": 1}) == (
        "n=unsupported",
        "logit_bias=unsupported",
        "user=unsupported",
        "parallel_tool_calls=unsupported",
        "made_up=unknown",
        "cohere=other-dialect",
    )


def test_what_the_operator_names_unsupported_is_left_out() -> None:
    encoded = CHAT.encode(request(messages=[HELLO], seed=1), target(unsupported=["seed"]))
    assert "options" not in judged(encoded.body)
    assert encoded.dropped == ("seed=unsupported",)


def test_a_client_may_have_it_refused() -> None:
    body: Body = request(messages=[HELLO], logit_bias={"1": 1})
    body.on_unsupported = "refuse"
    with pytest.raises(UnsupportedParameter, match="logit_bias"):
        CHAT.encode(body, target())


def test_unknown_members_of_messages_are_told_of() -> None:
    assert dropped(messages=[{**HELLO, "mood": "good"}]) == ("messages[0].mood=unknown",)


# Messages


def test_instructions_are_the_systems_under_both_names() -> None:
    parts = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]
    said = asked({"role": "system", "content": parts}, {"role": "developer", "content": "Be good."}, HELLO)
    assert said == [
        {"role": "system", "content": "Be brief.\nBe kind."},
        {"role": "system", "content": "Be good."},
        HELLO,
    ]


def test_images_and_sound_go_beside_the_text_in_base64() -> None:
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "auto"}},
        {"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}},
    ]
    assert asked({"role": "user", "content": parts}) == [
        {"role": "user", "content": "What is it?", "images": [PNG, PNG]}
    ]


def test_the_url_of_an_image_is_refused_by_its_place() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://pictures.test/cat.png"}}
    error = refusal(messages=[{"role": "user", "content": [part]}])
    assert (error.param, error.code) == ("messages[0].content[0].image_url.url", "unsupported_content")


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA=="}}),
        ("user", {"type": "video_url", "video_url": {"url": "https://films.test/cat.mp4"}}),
        ("system", {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}),
    ],
)
def test_content_that_ollama_does_not_take_is_refused_by_its_place(role: str, part: dict[str, Any]) -> None:
    error = refusal(messages=[{"role": role, "content": [part]}])
    assert (error.param, error.code) == ("messages[0].content[0]", "unsupported_content")


def test_how_closely_to_look_and_what_to_cache_is_told_of() -> None:
    url = {"url": f"data:image/png;base64,{PNG}", "detail": "high"}
    part = {"type": "image_url", "image_url": url, "cache_control": {"type": "ephemeral"}}
    assert dropped(messages=[{"role": "user", "name": "Ann", "content": [part]}]) == (
        "messages[0].name=unsupported",
        "messages[0].content[0].image_url.detail=unsupported",
        "messages[0].content[0].cache_control=unsupported",
    )


@pytest.mark.parametrize(
    "reasoning",
    [
        {"reasoning_content": "Hm."},
        {"reasoning": "Hm."},
        {"reasoning_details": [{"type": "reasoning.text", "text": "H"}, {"type": "x"}, {"text": "m."}]},
    ],
)
def test_earlier_thoughts_go_back(reasoning: dict[str, Any]) -> None:
    assert asked({"role": "assistant", "content": "Hi", **reasoning}) == [
        {"role": "assistant", "content": "Hi", "thinking": "Hm."}
    ]


@pytest.mark.parametrize(
    "said", [{"content": None, "refusal": "No."}, {"content": [{"type": "refusal", "refusal": "No."}]}]
)
def test_a_refusal_is_what_was_said(said: dict[str, Any]) -> None:
    assert asked({"role": "assistant", **said}) == [{"role": "assistant", "content": "No."}]


def test_tool_calls_and_their_results_find_each_other_by_name_and_id() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    assert asked(
        HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"},
    )[1:] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "call_1", "function": {"name": "weather", "arguments": {"city": "Rome"}}}],
        },
        {"role": "tool", "content": "Sunny", "tool_name": "weather", "tool_call_id": "call_1"},
    ]


def test_what_another_dialect_carries_in_ids_does_not_reach_ollama() -> None:
    carried = carry("call_1", "anthropic", b"a signature")
    call = {"id": carried, "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    said = asked(
        {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": carried, "content": "Sunny"}
    )
    assert said[0]["tool_calls"][0]["id"] == said[1]["tool_call_id"] == "call_1"


def test_a_result_may_say_its_name_and_one_without_a_call_has_none() -> None:
    first, second = asked(
        {"role": "tool", "tool_call_id": "a", "name": "weather", "content": "Sunny"},
        {"role": "tool", "tool_call_id": "b", "content": "Rain"},
    )
    assert first == {"role": "tool", "content": "Sunny", "tool_name": "weather", "tool_call_id": "a"}
    assert second == {"role": "tool", "content": "Rain", "tool_call_id": "b"}


def test_calls_of_the_older_functions_are_tool_calls() -> None:
    said = asked(
        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": ""}},
        {"role": "function", "name": "weather", "content": "Sunny"},
        {"role": "function", "name": "weather", "content": None},
    )
    assert said == [
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": {}}}]},
        {"role": "tool", "content": "Sunny", "tool_name": "weather"},
        {"role": "tool", "content": "", "tool_name": "weather"},
    ]


def test_arguments_that_are_no_object_are_refused_by_their_place() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "Rome"}}
    error = refusal(messages=[{"role": "assistant", "tool_calls": [call]}])
    assert error.param == "messages[0].tool_calls[0].function.arguments"


# Where requests go


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:11434",
        "http://127.0.0.1:11434/",
        "http://127.0.0.1:11434/v1",
        "http://127.0.0.1:11434/v1/",
        "http://127.0.0.1:11434/api",
    ],
)
def test_the_base_url_may_be_that_of_either_surface(base_url: str) -> None:
    settings = target().settings
    settings = type(settings)(dialect="ollama", base_url=base_url)
    here = target()
    here = type(here)(here.provider, here.model, here.model_json, settings, None)
    urls = {operation: codec.url(here, request()) for operation, codec in ADAPTER.codecs.items()}
    assert urls == {
        "chat": "http://127.0.0.1:11434/api/chat",
        "completions": "http://127.0.0.1:11434/v1/completions",
        "embeddings": "http://127.0.0.1:11434/api/embed",
    }
    assert ADAPTER.models_url is not None
    assert ADAPTER.models_url(settings, None) == "http://127.0.0.1:11434/v1/models"


def test_completions_go_through_as_they_came() -> None:
    encoded = ADAPTER.codecs["completions"].encode(request(prompt="Once", suffix="end"), target())
    assert encoded.body == b'{"model":"qwen3:0.6b","prompt":"Once","suffix":"end"}'
