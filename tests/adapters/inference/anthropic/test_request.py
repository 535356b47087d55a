"""Chat requests for the Messages API: bounds, sampling, thinking, and what is said to this dialect alone."""

import json
from typing import Any

import pytest

from adapters.inference.anthropic import ADAPTER
from adapters.inference.anthropic.models import model_of
from adapters.inference.anthropic.request import FIELDS
from adapters.wire.body import parse
from adapters.wire.errors import BadRequest, UnsupportedParameter
from tests.adapters.inference.anthropic.asking import ADD, CALL, HELLO, MIDDLE, NEW, OLD, dropped, encoded, sent
from tests.adapters.inference.targets import request, target


def test_a_request_has_the_model_of_the_target_and_the_clients_words() -> None:
    assert sent(MIDDLE, max_tokens=10) == {
        "model": MIDDLE,
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "Hello"}],
    }


@pytest.mark.parametrize("asked", [{"max_completion_tokens": 7}, {"max_completion_tokens": 7, "max_tokens": 9}])
def test_the_bound_has_two_names_and_the_newer_one_counts(asked: Any) -> None:
    assert sent(**asked)["max_tokens"] == 7


@pytest.mark.parametrize(
    ("model", "bound"),
    [
        ("claude-3-haiku-20240307", 4_096),
        ("claude-2.1", 4_096),
        ("claude-3-4-sonnet", 4_096),
        ("claude-3-5-sonnet-20241022", 8_192),
        ("claude-3-6-sonnet", 8_192),
        ("claude-3-7-sonnet-20250219", 32_000),
        ("claude-opus-4-1", 32_000),
        ("claude-opus-5-5", 32_000),
    ],
)
def test_without_a_bound_it_is_what_every_model_of_the_age_gives(model: str, bound: int) -> None:
    assert sent(model)["max_tokens"] == bound


@pytest.mark.parametrize(
    ("name", "family", "version"),
    [
        ("claude-opus-4-20250514", "opus", (4, 0)),
        ("claude-4-opus-20250514", "opus", (4, 0)),
        ("claude-3-7-sonnet-20250219", "sonnet", (3, 7)),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "sonnet", (4, 5)),
        ("claude-haiku-4-5@20251001", "haiku", (4, 5)),
        ("anthropic/claude-haiku-4.5", "haiku", (4, 5)),
        ("claude-fable-5-1", "fable", (5, 1)),
        ("claude-2.1", "", (2, 1)),
        ("claude-mythos-preview", "", (99, 0)),
        ("llama-3.3-70b", "", (4, 0)),
    ],
)
def test_a_model_is_known_by_its_name(name: str, family: str, version: tuple[int, int]) -> None:
    assert model_of(name) == (family, version)


@pytest.mark.parametrize(
    ("what", "able", "unable"),
    [
        ("thinks", ["claude-3-7-sonnet", "claude-opus-4"], ["claude-3-6-sonnet", "claude-2.1"]),
        ("must_think", ["claude-fable-5", "claude-mythos-5"], ["claude-opus-5"]),
        ("decides_thinking", ["claude-opus-4-6", "claude-opus-5"], ["claude-opus-4-5", "claude-3-7-sonnet"]),
        ("hides_thoughts", ["claude-opus-4-7", "claude-opus-5"], ["claude-opus-4-6", "claude-3-7-sonnet"]),
        ("knows_xhigh", ["claude-opus-4-7", "claude-opus-5"], ["claude-opus-4-6", "claude-3-7-sonnet"]),
        ("samples", ["claude-opus-4-6", "claude-3-7-sonnet"], ["claude-opus-4-7", "claude-opus-5"]),
        ("samples_by_one", ["claude-opus-4-1", "claude-opus-5"], ["claude-opus-4", "claude-3-7-sonnet"]),
        (
            "fits_schemas",
            ["claude-sonnet-4-5", "claude-opus-4-1", "claude-opus-5"],
            ["claude-sonnet-4-4", "claude-sonnet-4-1", "claude-opus-4"],
        ),
        (
            "can_be_forced",
            ["claude-fable-5", "claude-mythos-5", "claude-opus-5-5"],
            ["claude-fable-5-1", "claude-mythos-5-1", "claude-fable-6"],
        ),
        ("takes_system_turns", ["claude-opus-4-8", "claude-opus-5"], ["claude-opus-4-7", "claude-3-8-opus"]),
    ],
)
def test_what_a_model_takes_begins_and_ends_with_a_version(what: str, able: list[str], unable: list[str]) -> None:
    assert [getattr(model_of(name), what) for name in (*able, *unable)] == [True] * len(able) + [False] * len(unable)


def test_a_stream_is_asked_for_and_its_options_are_not_the_services() -> None:
    told = sent(stream=True, stream_options={"include_usage": True})
    assert told["stream"] is True
    assert "stream_options" not in told


@pytest.mark.parametrize("temperature", [1.01, 2, -0.1])
def test_a_temperature_beyond_the_services_scale_is_refused_by_name(temperature: float) -> None:
    with pytest.raises(BadRequest, match="between 0 and 1") as caught:
        encoded(temperature=temperature)
    assert (caught.value.param, caught.value.code) == ("temperature", "unsupported_value")


SAMPLING = [
    *((OLD, {"temperature": kept}, {"temperature": kept}, ()) for kept in (0, 0.5, 1)),
    (OLD, {"temperature": 0.5, "top_p": 0.9, "top_k": 5}, {"temperature": 0.5, "top_p": 0.9, "top_k": 5}, ()),
    (MIDDLE, {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5}, ("top_p=unsupported",)),
    (MIDDLE, {"temperature": 1, "top_p": 0.9}, {"top_p": 0.9}, ()),
    (MIDDLE, {"temperature": 0.5, "top_p": 1}, {"temperature": 0.5}, ()),
    (NEW, {"temperature": 0.5, "top_k": 1}, {}, ("temperature=unsupported", "top_k=unsupported")),
    (NEW, {"temperature": 1, "top_p": 1}, {}, ()),
    (MIDDLE, {"temperature": 0.5, "reasoning_effort": "high"}, {}, ("temperature=unsupported",)),
    (MIDDLE, {"top_p": 0.95, "reasoning_effort": "high"}, {"top_p": 0.95}, ()),
    (MIDDLE, {"top_p": 1, "reasoning_effort": "high"}, {"top_p": 1}, ()),
    (MIDDLE, {"top_p": 0.9, "reasoning_effort": "high"}, {}, ("top_p=unsupported",)),
    (MIDDLE, {"top_p": 0.9, "reasoning_effort": "none"}, {"top_p": 0.9}, ()),
    (MIDDLE, {"top_k": None}, {}, ()),
]


@pytest.mark.parametrize(("model", "asked", "kept", "left_out"), SAMPLING)
def test_sampling_goes_along_as_far_as_the_model_takes_it(
    model: str, asked: dict[str, Any], kept: dict[str, Any], left_out: tuple[str, ...]
) -> None:
    told = sent(model, **asked)
    assert {name: told[name] for name in ("temperature", "top_p", "top_k") if name in told} == kept
    assert dropped(model, **asked) == left_out


THINKING = [
    ("claude-3-5-haiku-20241022", {"reasoning_effort": "none"}, None, None),
    (MIDDLE, {"reasoning_effort": "none"}, {"type": "disabled"}, None),
    (OLD, {"reasoning_effort": "low", "max_tokens": 10_000}, {"type": "enabled", "budget_tokens": 2_000}, None),
    (OLD, {"reasoning_effort": "minimal", "max_tokens": 2_000}, {"type": "enabled", "budget_tokens": 1_024}, None),
    (OLD, {"reasoning_effort": "max", "max_tokens": 200_000}, {"type": "enabled", "budget_tokens": 128_000}, None),
    (MIDDLE, {"reasoning_effort": "medium"}, {"type": "enabled", "budget_tokens": 16_000}, None),
    ("claude-opus-4-6", {"reasoning_effort": "high"}, {"type": "adaptive"}, "high"),
    ("claude-opus-4-6", {"reasoning_effort": "xhigh"}, {"type": "adaptive"}, "max"),
    ("claude-opus-4-7", {"reasoning_effort": "xhigh"}, {"type": "adaptive", "display": "summarized"}, "xhigh"),
    (NEW, {"reasoning_effort": "minimal"}, {"type": "adaptive", "display": "summarized"}, "low"),
    (NEW, {"reasoning_effort": "none"}, {"type": "disabled"}, None),
    (NEW, {}, None, None),
]


@pytest.mark.parametrize(("model", "asked", "thinking", "effort"), THINKING)
def test_an_effort_is_what_the_model_calls_it(model: str, asked: Any, thinking: Any, effort: str | None) -> None:
    told = sent(model, **asked)
    assert told.get("thinking") == thinking
    assert told.get("output_config", {}).get("effort") == effort
    assert dropped(model, **asked) == ()


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("claude-3-5-haiku-20241022", {"reasoning_effort": "high"}),
        ("claude-fable-5", {"reasoning_effort": "none"}),
        (MIDDLE, {"reasoning_effort": "high", "max_tokens": 1_024}),
        (MIDDLE, {"reasoning_effort": "high", "tools": [ADD], "tool_choice": "required"}),
    ],
)
def test_an_effort_that_can_not_be_had_is_left_out_and_named(model: str, asked: dict[str, Any]) -> None:
    assert "thinking" not in sent(model, **asked)
    assert dropped(model, **asked) == ("reasoning_effort=unsupported",)


def test_a_budget_is_always_smaller_than_the_answers_bound() -> None:
    told = sent(OLD, reasoning_effort="xhigh", max_tokens=1_025)
    assert told["thinking"]["budget_tokens"] < told["max_tokens"]


def test_thinking_that_a_client_sets_itself_counts_more_than_an_effort() -> None:
    own = {"type": "enabled", "budget_tokens": 2_000}
    asked: Any = {"reasoning_effort": "high", "thinking": own, "temperature": 0.5}
    assert sent(**asked)["thinking"] == own
    assert dropped(**asked) == ("temperature=unsupported",)


@pytest.mark.parametrize(
    ("own", "left_out"),
    [({"type": "enabled", "budget_tokens": 2_000}, ("temperature=unsupported",)), ({"type": "disabled"}, ())],
)
@pytest.mark.parametrize("effort", [{}, {"reasoning_effort": "high"}])
def test_sampling_goes_by_the_thinking_that_a_client_sets_itself(own: Any, left_out: Any, effort: Any) -> None:
    assert dropped(thinking=own, temperature=0.5, **effort) == left_out


def test_an_effort_and_a_form_stand_beside_each_other() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "string"}}}
    assert sent(NEW, reasoning_effort="low", response_format=form)["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": {"type": "string"}},
    }


@pytest.mark.parametrize(
    ("stop", "sequences", "left_out"),
    [
        ("END", ["END"], ()),
        (["a", " \n", "b"], ["a", "b"], ("stop[1]=unsupported",)),
        ("\n", None, ("stop=unsupported",)),
        ([], None, ()),
    ],
)
def test_stop_sequences_of_white_space_are_left_out_and_named(stop: Any, sequences: Any, left_out: Any) -> None:
    assert sent(stop=stop).get("stop_sequences") == sequences
    assert dropped(stop=stop) == left_out


@pytest.mark.parametrize(
    ("tier", "told", "left_out"),
    [
        ("auto", "auto", ()),
        ("priority", "auto", ()),
        ("default", "standard_only", ()),
        ("flex", None, ("service_tier=unsupported",)),
        (None, None, ()),
    ],
)
def test_service_tiers_are_the_services_own(tier: str | None, told: str | None, left_out: Any) -> None:
    assert sent(service_tier=tier).get("service_tier") == told
    assert dropped(service_tier=tier) == left_out


@pytest.mark.parametrize(
    "asked", [{"user": "u1"}, {"safety_identifier": "u1"}, {"user": "u2", "safety_identifier": "u1"}]
)
def test_who_asks_is_told_as_the_user(asked: dict[str, str]) -> None:
    assert sent(**asked)["metadata"] == {"user_id": "u1"}


def test_what_the_service_does_not_have_is_left_out_and_named() -> None:
    asked: Any = {"seed": 1, "n": 2, "logprobs": True, "verbosity": "low", "metadata": {"a": "b"}, "best": 1}
    assert set(dropped(**asked)) == {
        *(f"{name}=unsupported" for name in ("seed", "n", "logprobs", "verbosity", "metadata")),
        "best=unknown",
    }
    assert sent(**asked) == sent()


def test_what_is_left_out_is_refused_where_the_client_or_the_operator_wants_it() -> None:
    with pytest.raises(UnsupportedParameter, match="by the provider 'provider'") as caught:
        encoded(settings={"on_unsupported": "refuse"}, seed=1)
    assert caught.value.param == "seed"


def test_what_an_operator_calls_unsupported_is_left_out_too() -> None:
    answer = encoded(settings={"unsupported": ["temperature"]}, temperature=0.5)
    assert answer.dropped == ("temperature=unsupported",)
    assert "temperature" not in json.loads(answer.body)


def test_the_member_of_the_dialects_name_wins() -> None:
    told = sent(max_tokens=10, anthropic={"max_tokens": 20, "inference_geo": "us", "container": None})
    assert told["max_tokens"] == 20
    assert told["inference_geo"] == "us"


def test_its_members_replace_those_of_the_request() -> None:
    own: dict[str, Any] = {"thinking": {"type": "adaptive"}, "stop_sequences": ["b"]}
    told = sent(NEW, reasoning_effort="high", stop="a", anthropic=own)
    assert {name: told[name] for name in own} == own


def test_its_tools_are_added_and_its_settings_of_the_output_stand_beside_the_others() -> None:
    search = {"type": "web_search_20260318", "name": "web_search"}
    extras = {"tools": [search], "output_config": {"effort": "low"}}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "string"}}}
    told = sent(NEW, tools=[ADD], response_format=form, anthropic=extras)
    assert [tool["name"] for tool in told["tools"]] == ["add", "web_search"]
    assert told["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "string"}}}


def test_its_members_stand_alone_where_the_request_has_none() -> None:
    told = sent(anthropic={"tools": [{"type": "web_search_20260318", "name": "web_search"}], "output_config": {}})
    assert told["tools"][0]["name"] == "web_search"


@pytest.mark.parametrize("name", ["model", "messages", "system", "stream", "fallbacks", "Model"])
def test_no_extra_changes_which_model_is_asked_or_what_it_is_told(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        encoded(anthropic={name: "x"})
    assert caught.value.param == f"anthropic.{name}"


def test_beta_features_are_named_in_the_header() -> None:
    answer = encoded(anthropic={"betas": ["context-management-2025-06-27", "skills-2025-10-02"]})
    assert answer.headers == ((b"anthropic-beta", b"context-management-2025-06-27,skills-2025-10-02"),)
    assert "betas" not in json.loads(answer.body)


@pytest.mark.parametrize("betas", ["context-management-2025-06-27", [1], {}])
def test_beta_features_that_are_no_names_are_refused(betas: Any) -> None:
    with pytest.raises(BadRequest, match=r"Invalid 'anthropic\.betas': ") as caught:
        encoded(anthropic={"betas": betas})
    assert (caught.value.param, caught.value.code) == ("anthropic.betas", "invalid_type")


def test_a_field_of_the_services_own_with_a_number_that_no_computer_holds_is_refused_by_name() -> None:
    body = parse(b'{"model":"route","messages":[{"role":"user","content":"Hi"}],"container":1e999}')
    with pytest.raises(BadRequest, match="Invalid 'container': Number out of range") as caught:
        ADAPTER.codecs["chat"].encode(body, target(NEW))
    assert caught.value.param == "container"


def test_no_beta_features_are_none() -> None:
    assert encoded(anthropic={"betas": None}).headers == ()


def test_the_services_own_fields_may_stand_at_the_top_level() -> None:
    told = sent(top_k=5, cache_control={"type": "ephemeral"}, inference_geo="us", speed=None)
    assert (told["top_k"], told["cache_control"], told["inference_geo"]) == (5, {"type": "ephemeral"}, "us")
    assert "speed" not in told


def test_what_is_meant_for_other_dialects_is_left_out_and_named() -> None:
    assert dropped(gemini={"a": 1}) == ("gemini=other-dialect",)


def test_members_that_nobody_knows_are_named_by_their_place() -> None:
    messages = [{"role": "user", "content": "Hi", "mood": "good"}]
    assert dropped(messages=messages) == ("messages[0].mood=unknown",)


def test_members_of_the_services_own_tools_are_known() -> None:
    search = {"type": "web_search_20260318", "name": "web_search", "max_uses": 2, "of any name]": 1}
    tools = [search, ADD | {"colour": "red"}]
    assert dropped(tools=tools) == ("tools[1].colour=unknown",)


def test_every_field_that_is_mapped_or_kept_goes_somewhere() -> None:
    said: dict[str, Any] = {
        "function_call": "auto",
        "functions": [{"name": "f"}],
        "parallel_tool_calls": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "string"}}},
        "reasoning_effort": "low",
        "safety_identifier": "u",
        "service_tier": "auto",
        "stop": "END",
        "temperature": 0.1,
        "tool_choice": "auto",
        "tools": [ADD],
        "top_p": 0.1,
        "user": "u",
        "web_search_options": {},
        "max_tokens": 5_000,
        "max_completion_tokens": 5_000,
        "anthropic": {"speed": "fast"},
        "stream": True,
    }
    beside: dict[str, Any] = {"function_call": {"functions": said["functions"]}, "tool_choice": {"tools": [ADD]}}
    beside["parallel_tool_calls"] = {"tools": [ADD]}
    for name, support in FIELDS.items():
        if support.how in ("kept", "mapped") and name not in ("model", "messages"):
            plain = beside.get(name, {})
            assert sent(**plain | {name: said[name]}) != sent(**plain), name


def test_a_request_goes_to_the_services_own_address_unless_another_is_set() -> None:
    chat = ADAPTER.codecs["chat"]
    assert chat.url(target(base_url=None), request()) == "https://api.anthropic.com/v1/messages"
    assert chat.url(target(base_url="http://lab/v1/"), request()) == "http://lab/v1/messages"


@pytest.mark.parametrize(
    ("base_url", "url"),
    [(None, "https://api.anthropic.com/v1/models?limit=1000"), ("http://lab/v1/", "http://lab/v1/models?limit=1000")],
)
def test_models_are_listed_on_one_page_at_that_address(base_url: str | None, url: str) -> None:
    assert ADAPTER.models_url is not None
    assert ADAPTER.models_url(target(base_url=base_url).settings, None) == url


@pytest.mark.parametrize(
    ("auth", "header"), [("header:x-api-key", (b"x-api-key", b"k")), ("bearer", (b"authorization", b"Bearer k"))]
)
def test_a_key_travels_as_the_settings_say_beside_the_version(auth: str, header: tuple[bytes, bytes]) -> None:
    assert ADAPTER.sign(target(auth=auth), "", b"", "k") == [header, (b"anthropic-version", b"2023-06-01")]


def test_an_operator_may_set_another_version() -> None:
    signed = ADAPTER.sign(target(auth="none", headers={"Anthropic-Version": "2026-10-21"}), "", b"", None)
    assert signed == [(b"anthropic-version", b"2026-10-21")]


def test_a_file_that_was_uploaded_needs_its_beta_feature() -> None:
    messages = [*HELLO, {"role": "user", "content": [{"type": "file", "file": {"file_id": "file_1"}}]}]
    answer = encoded(messages=messages, anthropic={"betas": ["skills-2025-10-02"]})
    assert answer.headers == ((b"anthropic-beta", b"skills-2025-10-02,files-api-2025-04-14"),)


def test_nothing_is_named_of_a_plain_conversation_with_tools() -> None:
    messages = [
        {"role": "system", "content": "Be brief"},
        *HELLO,
        {"role": "assistant", "content": "", "tool_calls": [CALL], "refusal": None},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "2"},
    ]
    assert dropped(messages=messages, tools=[ADD], tool_choice="auto", user="u") == ()
