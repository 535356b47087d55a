"""Tool calls in every form that providers give them."""

import json
from typing import Any

import pytest

from adapters.inference.openai import ADAPTER
from tests.adapters.inference.openai_quirks.answers import asked, chunks, of_completion, of_stream, streamed
from tests.adapters.inference.targets import target

HEAD = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
TARGET = target(quirks=["tool_calls", "finish_reason", "envelope", "hollow"])


def stream(*deltas: dict[str, Any], finish: str | None = "tool_calls") -> bytes:
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices[-1]["finish_reason"] = finish
    frames = [b"data: " + json.dumps({**HEAD, "choices": [choice]}).encode() + b"\n\n" for choice in choices]
    return b"".join(frames) + b"data: [DONE]\n\n"


def piece(**members: Any) -> dict[str, Any]:
    """A piece of a call; `name` and `arguments` are the function's."""
    function = {name: members.pop(name) for name in ("name", "arguments") if name in members}
    return {**members, "function": function}


def calls_of(*deltas: list[Any]) -> list[tuple[str, str, Any]]:
    shown = streamed([stream(*({"tool_calls": delta} for delta in deltas))], TARGET, asked(stream=True))
    return of_stream(shown)[0].calls


def pieces_of(*deltas: list[Any]) -> list[Any]:
    shown = streamed([stream(*({"tool_calls": delta} for delta in deltas))], TARGET, asked(stream=True))
    return [piece for chunk in chunks(shown) for piece in chunk["choices"][0]["delta"].get("tool_calls", ())]


def test_a_call_without_id_index_and_type_gets_all_three() -> None:
    ((call_id, name, arguments),) = calls_of([piece(name="f", arguments='{"a":')], [piece(arguments="1}")])
    assert call_id.startswith("call_")
    assert (name, arguments) == ("f", {"a": 1})


@pytest.mark.parametrize("empty", [{"id": None}, {"id": ""}, {}])
def test_an_empty_id_continues_a_call_and_makes_no_new_one(empty: dict[str, Any]) -> None:
    first = piece(index=0, id="call_1", type="function", name="f", arguments="")
    later = piece(index=0, type=None, name=None, arguments='{"a":1}', **empty)
    assert calls_of([first], [later]) == [("call_1", "f", {"a": 1})]


def test_an_id_and_a_name_that_come_again_are_told_once() -> None:
    again = {"index": 0, "id": "call_1", "type": "function", "name": "f"}
    assert calls_of([piece(**again, arguments="{")], [piece(**again, arguments="}")]) == [("call_1", "f", {})]


def test_a_name_that_comes_in_pieces_stays_whole() -> None:
    first = piece(index=0, id="call_1", type="function", name="get_", arguments="")
    assert calls_of([first], [piece(index=0, name="time", arguments="{}")]) == [("call_1", "get_time", {})]


def test_gaps_in_the_indices_are_closed() -> None:
    one, two = (piece(index=index, id=f"call_{index}", type="function", name="f", arguments="{}") for index in (1, 5))
    assert [each["index"] for each in pieces_of([one], [two], [piece(index=5, arguments="")])] == [0, 1, 1]


def test_calls_under_one_index_are_told_apart_by_their_ids() -> None:
    same = [piece(index=0, id=f"call_{each}", type="function", name="f", arguments="{}") for each in "ab"]
    assert [call[0] for call in calls_of([same[0]], [same[1]])] == ["call_a", "call_b"]


def test_calls_without_an_index_are_told_apart_by_ids_and_names() -> None:
    first, second = piece(id="a", name="f", arguments="{"), piece(id="b", name="g", arguments="{")
    later = [piece(id="a", arguments="}"), piece(id="b", arguments="}")]
    assert calls_of([first, second], later) == [("a", "f", {}), ("b", "g", {})]


def test_whole_calls_in_one_chunk_are_numbered() -> None:
    both = [piece(id=f"call_{each}", name="f", arguments={"n": each}) for each in (1, 2)]
    assert calls_of(both) == [("call_1", "f", {"n": 1}), ("call_2", "f", {"n": 2})]


@pytest.mark.parametrize(("arguments", "text"), [(None, ""), ({"a": "é"}, '{"a":"é"}'), ("{}", "{}")])
def test_arguments_are_a_string(arguments: Any, text: str) -> None:
    (first,) = pieces_of([piece(index=0, id="call_1", type="function", name="f", arguments=arguments)])
    assert first["function"]["arguments"] == text


def test_a_call_without_a_function_gets_an_empty_one() -> None:
    assert pieces_of([{"index": 0, "id": "call_1"}])[0]["function"] == {"arguments": ""}


def test_a_custom_tool_keeps_its_input() -> None:
    custom = {"index": 0, "id": "call_1", "type": "custom", "custom": {"name": "run", "input": "ls"}}
    more = {"index": 0, "type": "custom", "custom": {"input": " -l"}}
    first, second = pieces_of([custom], [more])
    assert first == custom
    assert second == more


@pytest.mark.parametrize("calls", [None, [], "none", ["none"]])
def test_what_is_no_list_of_calls_is_no_call(calls: Any) -> None:
    shown = streamed([stream({"content": "a", "tool_calls": calls}, finish="stop")], TARGET, asked(stream=True))
    assert next(chunks(shown))["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("quirks", [["tool_calls"], ["finish_reason"]])
def test_whole_calls_of_an_answer_have_no_index(quirks: list[str]) -> None:
    call = {"index": None, "id": "", "function": {"name": "f", "arguments": {}}}
    choice = {"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": [call, call]}}
    answer = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice | {"finish_reason": "stop"}],
    }
    decoded = ADAPTER.codecs["chat"].decode(json.dumps(answer).encode(), target(quirks=quirks), asked())
    (said,) = of_completion(decoded.body)
    assert [call[1:] for call in said.calls] == [("f", {}), ("f", {})]
    assert said.finish == ("tool_calls" if "finish_reason" in quirks else "stop")
    assert all("index" not in call for call in json.loads(decoded.body)["choices"][0]["message"]["tool_calls"])


def test_calls_of_several_choices_are_numbered_apart() -> None:
    call = piece(id="call_1", name="f", arguments="{}")
    both = [{"index": index, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"} for index in (0, 1)]
    data = b"data: " + json.dumps({**HEAD, "choices": both}).encode() + b"\n\ndata: [DONE]\n\n"
    (shown,) = chunks(streamed([data], TARGET, asked(stream=True)))
    assert [choice["delta"]["tool_calls"][0]["index"] for choice in shown["choices"]] == [0, 0]
