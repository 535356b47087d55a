"""Tools, how they are chosen, and answers in a form."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.inference.anthropic.schemas import compilable
from adapters.wire.errors import BadRequest
from adapters.wire.structured import FORCED_TOOL
from tests.adapters.inference.anthropic.asking import ADD, CALL, HELLO, MIDDLE, NEW, OLD, dropped, encoded, sent

OBJECT = {
    "type": "object",
    "properties": {"a": {"type": "integer", "minimum": 1}},
    "required": ["a"],
    "additionalProperties": False,
}
COMPILED = OBJECT | {"properties": {"a": {"type": "integer", "description": "{minimum: 1}"}}}
MAP = {"type": "object", "additionalProperties": {"type": "string"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}


def tool(parameters: Any = None, **further: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": parameters, **further}}


def form(schema: Any, **further: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **further}}


def test_a_function_is_a_tool_with_a_schema() -> None:
    assert sent(tools=[tool(MAP, description="Does it")])["tools"] == [
        {"name": "f", "description": "Does it", "input_schema": MAP}
    ]


def test_a_function_without_parameters_takes_none() -> None:
    schema = sent(tools=[tool()])["tools"][0]["input_schema"]
    assert schema == {"type": "object", "properties": {}, "additionalProperties": False}


def test_parameters_without_a_type_are_an_object() -> None:
    schema = sent(tools=[tool({"properties": {}})])["tools"][0]["input_schema"]
    assert schema == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("model", "parameters", "strict", "schema", "left_out"),
    [
        (NEW, OBJECT, True, COMPILED, ()),
        (NEW, OBJECT, None, OBJECT, ()),
        (NEW, MAP, None, MAP, ("tools[0].function.strict=unsupported",)),
        (OLD, OBJECT, None, OBJECT, ("tools[0].function.strict=unsupported",)),
    ],
)
def test_a_tool_is_strict_where_model_and_schema_allow_it(
    model: str, parameters: Any, strict: bool | None, schema: Any, left_out: Any
) -> None:
    asked = {"tools": [tool(parameters, strict=strict is not None or bool(left_out))]}
    told = sent(model, **asked)["tools"][0]
    assert (told.get("strict"), told["input_schema"]) == (strict, schema)
    assert dropped(model, **asked) == left_out


def test_the_older_functions_are_tools() -> None:
    assert [each["name"] for each in sent(functions=[{"name": "f"}], tools=[ADD])["tools"]] == ["add", "f"]


def test_the_older_functions_are_strict_too_where_model_and_schema_allow_it() -> None:
    functions = [{"name": name, "parameters": schema, "strict": True} for name, schema in (("f", OBJECT), ("g", MAP))]
    assert [each.get("strict") for each in sent(NEW, functions=functions)["tools"]] == [True, None]
    assert dropped(NEW, functions=functions) == ("functions[1].strict=unsupported",)


def test_the_services_own_tools_go_as_they_are_written() -> None:
    assert sent(tools=[SEARCH | {"max_uses": 3}])["tools"] == [SEARCH | {"max_uses": 3}]


def test_tools_of_other_services_are_left_out_and_named() -> None:
    tools = [{"type": "custom", "custom": {"name": "f"}}, ADD]
    assert dropped(tools=tools) == ("tools[0]=unsupported",)
    assert [each["name"] for each in sent(tools=tools)["tools"]] == ["add"]


NAMED = {"type": "function", "function": {"name": "add"}}
CHOICES = [
    ({}, None),
    ({"tool_choice": "auto"}, {"type": "auto"}),
    ({"tool_choice": "none"}, {"type": "none"}),
    ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
    ({"tool_choice": "required"}, {"type": "any"}),
    ({"tool_choice": NAMED}, {"type": "tool", "name": "add"}),
    ({"function_call": {"name": "add"}}, {"type": "tool", "name": "add"}),
    ({"parallel_tool_calls": True}, None),
    ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
    (
        {"tool_choice": "required", "parallel_tool_calls": False},
        {"type": "any", "disable_parallel_tool_use": True},
    ),
]


@pytest.mark.parametrize(("asked", "choice"), CHOICES)
def test_a_choice_is_what_the_service_calls_it(asked: dict[str, Any], choice: Any) -> None:
    assert sent(tools=[ADD], **asked).get("tool_choice") == choice


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_without_tools_there_is_no_choice(choice: str) -> None:
    assert "tool_choice" not in sent(tool_choice=choice)


@pytest.mark.parametrize("choice", ["required", NAMED])
def test_a_model_that_can_not_be_forced_chooses_itself(choice: Any) -> None:
    asked = {"tools": [ADD], "tool_choice": choice}
    assert sent("claude-fable-5-1", **asked)["tool_choice"] == {"type": "auto"}
    assert dropped("claude-fable-5-1", **asked) == ("tool_choice=unsupported",)


def test_tools_that_were_called_are_defined_where_the_request_has_none() -> None:
    messages = [
        *HELLO,
        {"role": "assistant", "tool_calls": [CALL, CALL | {"id": "toolu_2"}]},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "2"},
        {"role": "tool", "tool_call_id": "toolu_2", "content": "2"},
        {"role": "assistant", "function_call": {"name": "old", "arguments": "{}"}},
        {"role": "function", "name": "old", "content": None},
    ]
    told = sent(messages=messages)
    assert [each["name"] for each in told["tools"]] == ["add", "old"]
    assert told["tool_choice"] == {"type": "none"}


@pytest.mark.parametrize(
    ("options", "search", "left_out"),
    [
        ({}, SEARCH, ()),
        ({"search_context_size": "medium"}, SEARCH, ()),
        ({"search_context_size": "low"}, SEARCH, ("web_search_options.search_context_size=unsupported",)),
        (
            {"user_location": {"type": "approximate", "approximate": {"city": "Bonn", "country": "DE"}}},
            SEARCH | {"user_location": {"type": "approximate", "city": "Bonn", "country": "DE"}},
            (),
        ),
        ({"user_location": {"type": "approximate"}}, SEARCH | {"user_location": {"type": "approximate"}}, ()),
    ],
)
def test_the_options_of_a_web_search_switch_the_services_own_on(options: Any, search: Any, left_out: Any) -> None:
    told = sent(tools=[ADD], web_search_options=options)
    assert told["tools"][1] == search
    assert dropped(tools=[ADD], web_search_options=options) == left_out


def test_a_form_is_the_services_own_where_model_and_schema_allow_it() -> None:
    told = sent(NEW, response_format=form(OBJECT, description="The answer", strict=True))
    schema = COMPILED | {"description": "The answer"}
    assert told["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert "tools" not in told


@pytest.mark.parametrize(("model", "schema"), [(OLD, OBJECT), (NEW, MAP)])
def test_else_it_is_a_tool_that_must_be_called(model: str, schema: Any) -> None:
    told = sent(model, response_format=form(schema, description="The answer"))
    assert told["tools"] == [{"name": FORCED_TOOL, "description": "The answer", "input_schema": schema}]
    assert told["tool_choice"] == {"type": "tool", "name": FORCED_TOOL, "disable_parallel_tool_use": True}


def test_any_object_is_the_arguments_of_such_a_tool() -> None:
    told = sent(MIDDLE, response_format={"type": "json_object"})
    assert told["tools"][0]["input_schema"] == {"type": "object", "additionalProperties": True}


def test_beside_other_tools_one_of_all_must_be_called() -> None:
    told = sent(OLD, response_format=form(OBJECT), tools=[ADD])
    assert [each["name"] for each in told["tools"]] == ["add", FORCED_TOOL]
    assert told["tool_choice"] == {"type": "any"}


def test_beside_other_tools_calls_stay_single_where_the_client_wants_it() -> None:
    told = sent(OLD, response_format=form(OBJECT), tools=[ADD], parallel_tool_calls=False)
    assert told["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}


def test_tools_that_may_not_be_called_do_not_stand_in_for_the_answer() -> None:
    told = sent(OLD, response_format=form(OBJECT), tools=[ADD], tool_choice="none")
    assert told["tool_choice"]["name"] == FORCED_TOOL


def test_where_a_call_is_required_the_answer_has_no_form() -> None:
    told = sent(OLD, response_format=form(OBJECT), tools=[ADD], tool_choice="required")
    assert [each["name"] for each in told["tools"]] == ["add"]


def test_a_form_that_a_model_can_not_be_forced_into_is_left_out_and_named() -> None:
    asked = {"response_format": {"type": "json_object"}}
    assert "tools" not in sent("claude-fable-5-1", **asked)
    assert dropped("claude-fable-5-1", **asked) == ("response_format=unsupported",)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {}},
        *({"type": "object", alternatives: [OBJECT, MAP]} for alternatives in ("anyOf", "oneOf", "allOf")),
    ],
)
def test_a_form_that_no_tool_can_have_is_refused_by_name(schema: Any) -> None:
    with pytest.raises(BadRequest, match="JSON objects") as caught:
        encoded(OLD, response_format=form(schema))
    assert (caught.value.param, caught.value.code) == ("response_format.json_schema.schema", "unsupported_schema")


def test_plain_text_is_no_form() -> None:
    assert sent(response_format={"type": "text"}) == sent()


NODE = {"$ref": "#/$defs/node"}
COMPILABLE: list[tuple[Any, Any]] = [
    ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
    ({"type": "string", "format": "x"}, {"type": "string", "description": '{format: "x"}'}),
    (
        {"type": "string", "maxLength": 3, "pattern": "a", "description": "A"},
        {"type": "string", "description": 'A\n\n{maxLength: 3, pattern: "a"}'},
    ),
    ({"enum": ["a", None]}, {"enum": ["a", None]}),
    ({"const": 1, "default": 1, "title": "One"}, {"const": 1, "default": 1, "title": "One"}),
    *(
        ({alternatives: [{"type": "string"}, {"type": "null"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]})
        for alternatives in ("anyOf", "oneOf")
    ),
    ({"default": "a", "allOf": [{"type": "string"}], "title": "A"}, {"default": "a", "type": "string", "title": "A"}),
    *(
        (
            {"type": "array", "items": {"type": "string"}, "minItems": least},
            {"type": "array", "items": {"type": "string"}, "minItems": least},
        )
        for least in (0, 1)
    ),
    (
        {"type": "array", "items": {"type": "string"}, "minItems": 2},
        {"type": "array", "items": {"type": "string"}, "description": "{minItems: 2}"},
    ),
    (
        {"type": ["object", "null"], "properties": {"a": {"type": "string"}}},
        {"type": ["object", "null"], "properties": {"a": {"type": "string"}}, "additionalProperties": False},
    ),
    (
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"type": "string"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"type": "string"}}},
    ),
    (
        {"$ref": "#/$defs/a/items", "$defs": {"a": {"type": "array", "items": {"type": "string"}}}},
        {"$ref": "#/$defs/a/items", "$defs": {"a": {"type": "array", "items": {"type": "string"}}}},
    ),
    ({"type": "object", "additionalProperties": False}, {"type": "object", "additionalProperties": False}),
]
NOT_COMPILABLE: list[Any] = [
    MAP,
    {"type": "object"},
    {"type": "object", "additionalProperties": True},
    OBJECT | {"additionalProperties": {"type": "string"}},
    {},
    {"description": "anything"},
    {"type": "array", "items": True},
    {"enum": [{"a": 1}]},
    {"type": "string", "allOf": [{"minLength": 1}, {"maxLength": 3}]},
    {"anyOf": [{"type": "string"}], "oneOf": [{"type": "integer"}]},
    {"allOf": [OBJECT], "properties": {"b": {"type": "string"}}},
    {"allOf": [{"anyOf": [{"type": "string"}]}], "anyOf": [{"type": "integer"}]},
    {"$ref": "https://example.com/schema"},
    {"$ref": "#"},
    {"$defs": {"node": {"anyOf": [NODE, {"type": "null"}]}}, "$ref": "#/$defs/node"},
    {"$defs": {"a": NODE, "node": {"$ref": "#/$defs/a"}}, "type": "string"},
    {"$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a/items"}}}, "type": "string"},
    {"definitions": {"node": {"$ref": "#/definitions/node"}}, "type": "string"},
    {"$defs": {"node": NODE}, "definitions": {"a": {"type": "string"}}, "type": "string"},
]


@pytest.mark.parametrize(("schema", "told"), COMPILABLE)
def test_rules_that_the_service_does_not_know_are_told_in_words(schema: Any, told: Any) -> None:
    assert compilable(schema) == told


@pytest.mark.parametrize("schema", NOT_COMPILABLE)
def test_schemas_outside_the_services_part_of_the_language_are_not_taken(schema: Any) -> None:
    assert compilable(schema) is None


@pytest.mark.parametrize(
    ("wrap", "most"),
    [(lambda below: {"type": "array", "items": below}, 62), (lambda below: {"anyOf": [below]}, 31)],
    ids=["items", "alternatives"],
)
def test_a_schema_is_taken_to_a_depth_that_no_person_writes(wrap: Callable[[Any], Any], most: int) -> None:
    schema: Any = {"type": "string"}
    for _ in range(most):
        schema = wrap(schema)
    assert compilable(schema) == schema
    assert compilable(wrap(schema)) is None


LEAVES = st.sampled_from([{"type": "string", "minLength": 1}, {"type": "integer"}, {"enum": [1, 2]}, MAP, {}])
SCHEMAS = st.recursive(
    LEAVES,
    lambda below: (
        st.builds(lambda items: {"type": "array", "items": items}, below)
        | st.builds(lambda given: {"anyOf": given}, st.lists(below, min_size=1, max_size=3))
        | st.builds(
            lambda members: {"type": "object", "properties": members},
            st.dictionaries(st.sampled_from("abc"), below, min_size=1),
        )
    ),
    max_leaves=8,
)


@given(SCHEMAS)
def test_what_is_compiled_has_only_closed_objects(schema: Any) -> None:
    waiting = [compilable(schema)]
    while waiting:
        told = waiting.pop()
        if isinstance(told, dict):
            assert told.get("type") != "object" or told["additionalProperties"] is False
            waiting += [*told.get("properties", {}).values(), *told.get("anyOf", ()), told.get("items")]


@given(SCHEMAS)
def test_what_is_compiled_stays_as_it_is(schema: Any) -> None:
    told = compilable(schema)
    assert told is None or compilable(told) == told
