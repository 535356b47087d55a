"""Answers in a form beside functions, which models before Gemini 3 refuse: what such models are sent instead."""

import json
from typing import Any

import pytest

from adapters.inference.contract import Encoded
from adapters.inference.gemini import ADAPTER
from adapters.inference.vertex import ADAPTER as VERTEX
from adapters.wire.errors import BadRequest
from adapters.wire.structured import FORCED_TOOL
from tests.adapters.inference.gemini.exchanges import aim, asking
from tests.adapters.inference.gemini.judge import judged

OLDER = "gemini-2.5-flash"
TOOL = {"type": "function", "function": {"name": "f"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
NAMED = {"type": "function", "function": {"name": "f"}}


def form(**told: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "city"} | told}


def encoded(model: str, fields: dict[str, Any]) -> Encoded:
    return ADAPTER.codecs["chat"].encode(asking(**fields), aim(model=model))


def sent(model: str = OLDER, **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(
        encoded(model, {"response_format": form(schema=SCHEMA), "tools": [TOOL]} | fields).body
    )
    judged(body)
    return body


def declared(told: dict[str, Any]) -> list[str]:
    return [each["name"] for tool in told.get("tools", ()) for each in tool.get("functionDeclarations", ())]


@pytest.mark.parametrize("choice", [{}, {"tool_choice": "auto"}, {"tools": [], "functions": [{"name": "f"}]}])
def test_the_form_is_one_more_function_of_which_one_must_be_called(choice: dict[str, Any]) -> None:
    told = sent(**choice)
    assert sorted(declared(told)) == [FORCED_TOOL, "f"]
    assert told["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}
    assert "generationConfig" not in told


def test_the_schema_is_that_of_the_functions_parameters() -> None:
    (tool,) = sent()["tools"]
    assert tool["functionDeclarations"][-1]["parametersJsonSchema"] == SCHEMA


def test_any_object_is_a_form_too() -> None:
    (tool,) = sent(response_format={"type": "json_object"})["tools"]
    assert tool["functionDeclarations"][-1]["parametersJsonSchema"] == {"type": "object", "additionalProperties": True}


def test_a_schema_without_a_type_is_one_of_an_object() -> None:
    (tool,) = sent(response_format=form(schema={"required": ["a"]}))["tools"]
    assert tool["functionDeclarations"][-1]["parametersJsonSchema"] == {"type": "object", "required": ["a"]}


def test_the_forms_description_is_the_functions() -> None:
    asked = form(schema=SCHEMA, description="A city")
    (tool,) = sent(response_format=asked)["tools"]
    assert tool["functionDeclarations"][-1]["description"] == "A city"
    assert encoded(OLDER, {"response_format": asked, "tools": [TOOL]}).dropped == ()


def test_a_schema_of_anything_but_an_object_is_refused() -> None:
    with pytest.raises(BadRequest) as raised:
        sent(response_format=form(schema={"type": "array"}))
    assert raised.value.param == "response_format.json_schema.schema.type"


def test_functions_that_must_not_be_called_give_way_to_the_form() -> None:
    told = sent(tool_choice="none")
    assert told["generationConfig"] == {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    assert not {"tools", "toolConfig"} & told.keys()


def test_tools_that_google_lacks_are_reported_where_functions_give_way() -> None:
    fields = {"response_format": form(schema=SCHEMA), "tools": [TOOL, {"type": "file_search"}], "tool_choice": "none"}
    assert encoded(OLDER, fields).dropped == ("tools[1]=unsupported",)


@pytest.mark.parametrize("choice", [{"tool_choice": "required"}, {"tool_choice": NAMED}])
def test_the_form_gives_way_to_a_function_that_must_be_called(choice: dict[str, Any]) -> None:
    told = sent(**choice)
    assert declared(told) == ["f"]
    assert told["toolConfig"]["functionCallingConfig"]["mode"] == "ANY"
    assert "generationConfig" not in told


@pytest.mark.parametrize("alone", [{"tools": None}, {"response_format": {"type": "text"}}])
def test_a_form_or_functions_alone_go_as_they_are(alone: dict[str, Any]) -> None:
    assert FORCED_TOOL not in declared(sent(**alone))


@pytest.mark.parametrize("model", ["gemini-3-flash-preview", "gemini-flash-latest"])
def test_models_since_gemini_3_take_both(model: str) -> None:
    told = sent(model)
    assert declared(told) == ["f"]
    assert told["generationConfig"]["responseMimeType"] == "application/json"


def test_vertex_does_the_same() -> None:
    body = asking(response_format=form(schema=SCHEMA), tools=[TOOL])
    told = json.loads(VERTEX.codecs["chat"].encode(body, aim(model=OLDER, provider="vertex")).body)
    assert declared(told) == ["f", FORCED_TOOL]
