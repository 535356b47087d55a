import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from adapters.inference.local.tools import CallReader, Demand, demanded
from adapters.wire.errors import BadRequest

WEATHER = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
TIME = {
    "name": "get_time",
    "description": "Tell the time.",
    "parameters": {
        "type": "object",
        "properties": {"zone": {"$ref": "#/$defs/zone"}},
        "$defs": {"zone": {"type": "string"}},
    },
}
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def demand(functions: list[dict[str, Any]], choice: Any) -> Demand | None:
    tools = [{"type": "function", "function": function} for function in functions]
    return demanded({"tools": Raw(json.dumps(tools).encode()), "tool_choice": Raw(json.dumps(choice).encode())})


def choice_of(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize("choice", ["auto", "none", None])
def test_a_model_that_may_choose_is_left_alone(choice: Any) -> None:
    assert demand([WEATHER], choice) is None


def test_a_named_function_makes_its_parameters_the_schema() -> None:
    wanted = demand([WEATHER, TIME], choice_of("get_time"))
    assert wanted is not None
    assert (wanted.name, wanted.schema) == ("get_time", TIME["parameters"])


def test_a_function_without_parameters_takes_an_empty_object() -> None:
    wanted = demand([{"name": "stop"}], "required")
    assert wanted is not None
    assert wanted.schema == {"type": "object", "properties": {}, "additionalProperties": False}


def test_several_functions_make_one_schema_in_which_references_stay_right() -> None:
    wanted = demand([WEATHER, TIME], "required")
    assert wanted is not None
    assert wanted.name is None
    assert [variant["properties"]["name"]["const"] for variant in wanted.schema["anyOf"]] == ["get_weather", "get_time"]
    assert wanted.schema["$defs"]["f1"]["properties"]["zone"] == {"$ref": "#/$defs/f1/$defs/zone"}


def test_the_model_is_told_of_every_function() -> None:
    wanted = demand([WEATHER, TIME], "required")
    assert wanted is not None
    assert "get_weather" in wanted.instruction
    assert "Tell the time." in wanted.instruction


@pytest.mark.parametrize(
    ("functions", "choice", "param"),
    [
        ([WEATHER], choice_of("get_time"), "tool_choice"),
        ([], "required", "tools"),
        ([WEATHER], "always", "tool_choice"),
        ([{"description": "nameless"}], "required", "tools"),
    ],
)
def test_a_choice_that_can_not_be_met_is_refused_by_name(functions: list[Any], choice: Any, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        demand(functions, choice)
    assert caught.value.param == param


def read(reader: CallReader, text: str, cuts: list[int]) -> tuple[str | None, str]:
    """The name and arguments that a text cut into pieces gives."""
    name, arguments = None, ""
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    for start, end in itertools.pairwise(edges):
        for delta in reader.feed(text[start:end]):
            name = delta["function"].get("name", name)
            arguments += delta["function"]["arguments"]
    return name, arguments


@given(
    name=NAMES,
    value=st.dictionaries(st.text(max_size=5), VALUES, max_size=4),
    indent=st.none() | st.integers(0, 4),
    cuts=st.lists(st.integers(0, 1_000)),
)
def test_a_chosen_call_is_read_wherever_its_text_is_cut(
    name: str, value: dict[str, Any], indent: int | None, cuts: list[int]
) -> None:
    text = json.dumps({"name": name, "arguments": value}, indent=indent) + " \n"
    told, arguments = read(CallReader(Demand({}, "", None)), text, cuts)
    assert (told, json.loads(arguments)) == (name, value)


@given(value=st.dictionaries(st.text(max_size=5), VALUES, max_size=4), cuts=st.lists(st.integers(0, 1_000)))
def test_a_named_call_is_read_wherever_its_text_is_cut(value: dict[str, Any], cuts: list[int]) -> None:
    text = json.dumps(value)
    assert read(CallReader(Demand({}, "", "get_weather")), text, cuts) == ("get_weather", text)


def test_only_the_first_delta_has_id_and_name() -> None:
    reader = CallReader(Demand({}, "", "get_weather"))
    first, second = reader.feed('{"city"')
    assert first["id"].startswith("call_")
    assert first["function"] == {"name": "get_weather", "arguments": ""}
    assert second == {"index": 0, "function": {"arguments": '{"city"'}}
