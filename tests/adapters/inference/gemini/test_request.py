"""What of a chat request goes to Gemini under another name, and what does not go at all."""

import json
from typing import Any

import pytest

from adapters.inference.gemini import ADAPTER
from adapters.inference.gemini.request import FIELDS
from adapters.wire.errors import BadRequest, UnsupportedParameter
from tests.adapters.inference.gemini.exchanges import aim, asking
from tests.adapters.inference.gemini.judge import judged

CHAT = ADAPTER.codecs["chat"]


def sent(model: str = "gemini-3-flash", **fields: Any) -> dict[str, Any]:
    """A request as Google's SDK reads it."""
    body: dict[str, Any] = json.loads(CHAT.encode(asking(**fields), aim(model=model)).body)
    return judged(body)


def config(model: str = "gemini-3-flash", **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = sent(model, **fields).get("generationConfig", {})
    return made


def dropped(**fields: Any) -> tuple[str, ...]:
    return CHAT.encode(asking(**fields), aim()).dropped


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"temperature": 0.5}, {"temperature": 0.5}),
        ({"top_p": 0.9}, {"topP": 0.9}),
        ({"top_k": 40}, {"topK": 40.0}),
        ({"max_tokens": 7}, {"maxOutputTokens": 7}),
        ({"max_tokens": 7, "max_completion_tokens": 9}, {"maxOutputTokens": 9}),
        ({"stop": "END"}, {"stopSequences": ["END"]}),
        ({"stop": ["a", "b"]}, {"stopSequences": ["a", "b"]}),
        ({"n": 2}, {"candidateCount": 2}),
        ({"seed": 0}, {"seed": 0}),
        ({"frequency_penalty": 0.5}, {"frequencyPenalty": 0.5}),
        ({"presence_penalty": -1}, {"presencePenalty": -1.0}),
        ({"logprobs": True}, {"responseLogprobs": True}),
        ({"logprobs": True, "top_logprobs": 3}, {"responseLogprobs": True, "logprobs": 3}),
        ({"logprobs": False}, {}),
        ({"modalities": ["text", "image"]}, {"responseModalities": ["TEXT", "IMAGE"]}),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
    ],
)
def test_a_field_has_its_like_in_the_configuration(asked: dict[str, Any], told: dict[str, Any]) -> None:
    assert config(**asked) == told
    assert dropped(**asked) == ()


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-3-flash-preview", "none", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-flash-preview", "minimal", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "medium", {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        ("gemini-flash-latest", "max", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemini-2.5-pro", "xhigh", {"thinkingBudget": 24576, "includeThoughts": True}),
    ],
)
def test_effort_is_a_level_of_thinking_or_a_budget_for_older_models(
    model: str, effort: str, thinking: dict[str, Any]
) -> None:
    assert config(model, reasoning_effort=effort)["thinkingConfig"] == thinking


def test_a_schema_goes_as_json_schema() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "additionalProperties": False}
    told = config(
        response_format={"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": schema}}
    )
    assert told == {"responseMimeType": "application/json", "responseJsonSchema": schema}


def test_the_description_of_a_schema_is_reported() -> None:
    form = {"name": "a", "description": "An answer", "schema": {"type": "object"}}
    asked = {"type": "json_schema", "json_schema": form}
    assert dropped(response_format=asked) == ("response_format.json_schema.description=unsupported",)


@pytest.mark.parametrize(("tier", "told"), [("flex", "flex"), ("priority", "priority"), ("default", "standard")])
def test_a_tier_of_service_goes_under_googles_name(tier: str, told: str) -> None:
    assert sent(service_tier=tier)["serviceTier"] == told


def test_the_usual_tier_says_nothing() -> None:
    assert "serviceTier" not in sent(service_tier="auto")
    assert dropped(service_tier="auto") == ()


def test_a_tier_that_google_lacks_is_reported() -> None:
    assert dropped(service_tier="scale") == ("service_tier=unsupported",)


def test_a_voice_is_asked_for() -> None:
    told = config(modalities=["audio"], audio={"voice": "Kore", "format": "pcm16"})
    assert told["speechConfig"] == {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}


def test_the_format_of_sound_is_the_services() -> None:
    assert dropped(audio={"format": "mp3"}) == ("audio.format=unsupported",)


def test_extras_join_what_the_request_says_and_win_over_it() -> None:
    extras = {"generation_config": {"temperature": 1, "mediaResolution": "MEDIA_RESOLUTION_LOW"}, "cachedContent": "c"}
    told = sent(temperature=0, top_p=0.5, gemini=extras)
    assert told["cachedContent"] == "c"
    assert told["generationConfig"] == {"temperature": 1.0, "topP": 0.5, "mediaResolution": "MEDIA_RESOLUTION_LOW"}


def test_tools_of_the_services_own_join_the_clients() -> None:
    told = sent(tools=[{"type": "function", "function": {"name": "f"}}], gemini={"tools": [{"googleSearch": {}}]})
    assert told["tools"] == [{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}]


@pytest.mark.parametrize("name", ["contents", "systemInstruction", "system_instruction", "model"])
def test_extras_do_not_change_what_the_model_is_told(name: str) -> None:
    with pytest.raises(BadRequest, match=name):
        sent(gemini={name: []})


@pytest.mark.parametrize(
    ("asked", "reported"),
    [
        ({"logit_bias": {"1": 2}}, "logit_bias=unsupported"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls=unsupported"),
        ({"user": "me"}, "user=unsupported"),
        ({"anthropic": {}}, "anthropic=other-dialect"),
        ({"colour": 1}, "colour=unknown"),
        ({"messages": [{"role": "user", "content": "a", "colour": 1}]}, "messages[0].colour=unknown"),
    ],
)
def test_what_cannot_go_along_is_reported(asked: dict[str, Any], reported: str) -> None:
    assert dropped(**asked) == (reported,)


def test_what_cannot_go_along_is_refused_where_the_operator_says_so() -> None:
    with pytest.raises(UnsupportedParameter) as raised:
        CHAT.encode(asking(logit_bias={"1": 2}), aim(on_unsupported="refuse"))
    assert raised.value.param == "logit_bias"


def test_what_the_operator_names_is_left_out() -> None:
    encoded = CHAT.encode(asking(seed=1), aim(unsupported=["seed", "stop"]))
    assert json.loads(encoded.body).keys() == {"contents"}
    assert encoded.dropped == ("seed=unsupported",)


def test_the_table_of_fields_is_that_of_the_codec() -> None:
    assert CHAT.fields is FIELDS


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("gemini-3-flash", False, "/models/gemini-3-flash:generateContent"),
        ("gemini-3-flash", True, "/models/gemini-3-flash:streamGenerateContent?alt=sse"),
        ("models/gemini-3-flash", False, "/models/gemini-3-flash:generateContent"),
        ("tunedModels/mine", False, "/tunedModels/mine:generateContent"),
        ("a b?", False, "/models/a%20b%3F:generateContent"),
    ],
)
def test_the_model_stands_in_the_url(model: str, stream: bool, path: str) -> None:
    assert (
        CHAT.url(aim(model=model), asking(stream=stream)) == f"https://generativelanguage.googleapis.com/v1beta{path}"
    )


def test_a_base_url_can_be_another() -> None:
    target = aim(model="m", base_url="http://mirror.test/v1/")
    assert CHAT.url(target, asking()) == "http://mirror.test/v1/models/m:generateContent"
    assert ADAPTER.models_url is not None
    assert ADAPTER.models_url(target.settings, None) == "http://mirror.test/v1/openai/models"


def test_the_key_travels_as_the_settings_say() -> None:
    target = aim(auth="header:x-goog-api-key", api_key="key-0123456789")
    assert ADAPTER.sign(target, "", b"", "key-0123456789") == [(b"x-goog-api-key", b"key-0123456789")]
