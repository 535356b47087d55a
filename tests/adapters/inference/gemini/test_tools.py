"""Functions, how they are chosen, and schemas in the words that Gemini heeds."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.inference.gemini import ADAPTER
from adapters.inference.gemini.tools import json_schema
from tests.adapters.inference.gemini.exchanges import aim, asking
from tests.adapters.inference.gemini.judge import judged

CHAT = ADAPTER.codecs["chat"]
TOOL = {"type": "function", "function": {"name": "f"}}
STRICT = {"type": "function", "function": {"name": "f", "strict": True}}


def sent(**fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(CHAT.encode(asking(**fields), aim()).body)
    judged(body)
    return body


def dropped(**fields: Any) -> tuple[str, ...]:
    return CHAT.encode(asking(**fields), aim()).dropped


def test_a_function_is_declared_with_its_schema() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    function = {"name": "f", "description": "Does it", "parameters": schema}
    assert sent(tools=[{"type": "function", "function": function}])["tools"] == [
        {"functionDeclarations": [{"name": "f", "description": "Does it", "parametersJsonSchema": schema}]}
    ]


def test_older_functions_are_declared_beside_the_tools() -> None:
    (tool,) = sent(tools=[TOOL], functions=[{"name": "g"}])["tools"]
    assert [each["name"] for each in tool["functionDeclarations"]] == ["f", "g"]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ({"tool_choice": "auto"}, {"mode": "AUTO"}),
        ({"tool_choice": "none"}, {"mode": "NONE"}),
        ({"tool_choice": "required"}, {"mode": "ANY"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
        ),
        ({"function_call": {"name": "f"}}, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        ({"tools": [STRICT]}, {"mode": "VALIDATED"}),
        ({"tools": [STRICT], "tool_choice": "required"}, {"mode": "ANY"}),
    ],
)
def test_a_choice_is_a_mode_of_calling(choice: dict[str, Any], config: dict[str, Any]) -> None:
    assert sent(**{"tools": [TOOL]} | choice)["toolConfig"] == {"functionCallingConfig": config}


def test_without_a_choice_the_service_chooses_its_way() -> None:
    assert "toolConfig" not in sent(tools=[TOOL])


def test_a_choice_without_tools_is_reported() -> None:
    assert dropped(tool_choice="required") == ("tool_choice=unsupported",)
    assert dropped(tool_choice="none") == ()


def test_tools_of_other_services_are_reported() -> None:
    assert dropped(tools=[TOOL, {"type": "web_search"}]) == ("tools[1]=unsupported",)
    assert "tools" not in sent(tools=[{"type": "web_search"}])


def test_a_cache_mark_on_a_tool_is_reported() -> None:
    assert dropped(tools=[TOOL | {"cache_control": {"type": "ephemeral"}}]) == ("tools[0].cache_control=unsupported",)


def test_a_search_of_the_web_is_googles() -> None:
    assert sent(tools=[TOOL], web_search_options={})["tools"][1] == {"googleSearch": {}}
    assert dropped(web_search_options={"search_context_size": "low"}) == (
        "web_search_options.search_context_size=unsupported",
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"const": "a"}, {"enum": ["a"]}),
        ({"const": {"a": 1}}, {"const": {"a": 1}}),
        ({"const": "a", "enum": ["a", "b"]}, {"const": "a", "enum": ["a", "b"]}),
        ({"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}),
        ({"$ref": "#/$defs/a", "description": "A"}, {"anyOf": [{"$ref": "#/$defs/a"}], "description": "A"}),
        ({"properties": {"const": {"const": 1}}}, {"properties": {"const": {"enum": [1]}}}),
        ({"anyOf": [{"const": 1}, True]}, {"anyOf": [{"enum": [1]}, True]}),
        ({"items": {"const": 1}}, {"items": {"enum": [1]}}),
        ({"default": {"const": 1}}, {"default": {"const": 1}}),
        ({"anyOf": "nonsense", "properties": "nonsense"}, {"anyOf": "nonsense", "properties": "nonsense"}),
    ],
)
def test_a_schema_is_said_in_words_that_gemini_heeds(given: dict[str, Any], told: dict[str, Any]) -> None:
    assert json_schema(given) == told


LEAVES = st.sampled_from(
    [{"const": "a"}, {"const": 1}, {"enum": ["a", 1]}, {"type": "string"}, {"$ref": "#/$defs/a", "title": "t"}]
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda each: {"type": "array", "items": each}, inner),
        st.builds(lambda one, two: {"anyOf": [one, two]}, inner, inner),
        st.builds(lambda each: {"type": "object", "properties": {"const": each}, "required": ["const"]}, inner),
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    st.sampled_from(["a", "b", 1, 2, None]),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.just("const"), inner)),
    max_leaves=4,
)


@given(SCHEMAS, VALUES)
def test_a_schema_means_the_same_in_those_words(schema: dict[str, Any], value: Any) -> None:
    whole = schema | {"$defs": {"a": {"const": "a"}}}
    if "$ref" in whole:
        whole = {"items": schema, "$defs": whole["$defs"]}
    before = jsonschema.Draft202012Validator(whole).is_valid(value)
    assert jsonschema.Draft202012Validator(json_schema(whole)).is_valid(value) == before
