"""Answers in a form, from providers that know none or only `json_object`."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from adapters.inference.openai import ADAPTER
from adapters.wire.errors import BadRequest, UpstreamError
from adapters.wire.structured import FORCED_TOOL
from tests.adapters.inference.openai_quirks.answers import asked, chunks, of_completion, of_stream, streamed
from tests.adapters.inference.targets import target
from tests.recordings import SPLIT_SIZES

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FORM = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
FORCED = {"type": "function", "function": {"name": FORCED_TOOL}}
OTHER = {"type": "function", "function": {"name": "other", "parameters": {"type": "object"}}}
TOOL, PROMPT = target(structured_outputs="none"), target(structured_outputs="json_object")
HEAD = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def sent(at: Any, **fields: Any) -> Any:
    return json.loads(ADAPTER.codecs["chat"].encode(asked(**fields), at).body)


def call(arguments: str, name: str = FORCED_TOOL, call_id: str = "call_1") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def decoded(at: Any, message: dict[str, Any], finish: str = "tool_calls", form: Any = FORM) -> Any:
    choice = {"index": 0, "message": {"role": "assistant", "content": None} | message, "finish_reason": finish}
    answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    raw = json.dumps(answer).encode()
    (said,) = of_completion(ADAPTER.codecs["chat"].decode(raw, at, asked(response_format=form)).body)
    return said


def stream(deltas: Iterable[dict[str, Any]], finish: str) -> bytes:
    choices = [*({"index": 0, "delta": delta} for delta in deltas), {"index": 0, "delta": {}, "finish_reason": finish}]
    return b"".join(b"data: " + json.dumps({**HEAD, "choices": [each]}).encode() + b"\n\n" for each in choices)


@pytest.mark.parametrize("form", [FORM, {"type": "json_object"}, {"type": "text"}])
def test_a_provider_that_knows_forms_gets_them_as_they_are(form: Any) -> None:
    assert sent(target(), response_format=form)["response_format"] == form


def test_a_schema_goes_into_the_prompt_beside_json_mode() -> None:
    request = sent(PROMPT, response_format=FORM, messages=[{"role": "user", "content": "Hi"}])
    assert request["response_format"] == {"type": "json_object"}
    instruction, user = request["messages"]
    assert instruction["role"] == "system"
    assert json.dumps(SCHEMA, separators=(",", ":")) in instruction["content"]
    assert "JSON" in instruction["content"]
    assert user == {"role": "user", "content": "Hi"}


def test_a_schema_goes_below_the_instructions_that_are_there() -> None:
    (system,) = sent(PROMPT, response_format=FORM, messages=[{"role": "system", "content": "Be brief."}])["messages"]
    assert system["content"].startswith("Be brief.\n\nAnswer with one JSON object")


@pytest.mark.parametrize("at", [PROMPT, TOOL])
@pytest.mark.parametrize("form", [{"type": "text"}, None])
def test_any_text_is_asked_for_as_it_is(at: Any, form: Any) -> None:
    assert sent(at, response_format=form)["response_format"] == form


def test_json_mode_is_native_where_it_is_known() -> None:
    assert sent(PROMPT, response_format={"type": "json_object"}) == {
        "model": "upstream-model",
        "messages": [],
        "response_format": {"type": "json_object"},
    }


def test_a_tool_is_forced_whose_arguments_are_the_answer() -> None:
    request = sent(TOOL, response_format=FORM)
    assert "response_format" not in request
    assert request["tool_choice"] == FORCED
    assert request["tools"][0]["function"]["parameters"] == SCHEMA


@pytest.mark.parametrize(
    ("choice", "sent_choice"),
    [({}, "required"), ({"tool_choice": "auto"}, "required"), ({"tool_choice": "none"}, FORCED)],
)
def test_beside_tools_of_the_clients_one_of_all_is_required(choice: Any, sent_choice: Any) -> None:
    request = sent(TOOL, response_format={"type": "json_object"}, tools=[OTHER], **choice)
    assert [tool["function"]["name"] for tool in request["tools"]] == ["other", FORCED_TOOL]
    assert request["tool_choice"] == sent_choice


def test_a_tool_that_the_client_names_is_still_called() -> None:
    choice = {"type": "function", "function": {"name": "other"}}
    assert sent(TOOL, response_format=FORM, tools=[OTHER], tool_choice=choice)["tool_choice"] == choice


def test_a_schema_that_no_tool_can_have_is_refused() -> None:
    with pytest.raises(BadRequest) as refused:
        sent(TOOL, response_format={"type": "json_schema", "json_schema": {"schema": {"type": "array"}}})
    assert refused.value.code == "unsupported_schema"


@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
def test_the_arguments_of_the_forced_tool_are_the_answer(finish: str) -> None:
    said = decoded(TOOL, {"tool_calls": [call('{"a":1}')], "content": "Here it is:"}, finish)
    assert said == ('{"a":1}', "", [], "stop")


def test_an_answer_in_plain_text_is_the_answer_too() -> None:
    assert decoded(TOOL, {"content": '{"a":1}'}, "stop").text == '{"a":1}'


def test_a_call_of_the_clients_own_tool_is_no_answer() -> None:
    said = decoded(TOOL, {"tool_calls": [call("{}", "other")]})
    assert (said.calls, said.finish) == ([("call_1", "other", {})], "tool_calls")


def test_an_answer_that_was_cut_is_not_judged() -> None:
    assert decoded(TOOL, {"tool_calls": [call('{"a":')]}, "length").text == '{"a":'


@pytest.mark.parametrize(
    ("at", "message"),
    [(TOOL, {"tool_calls": [call('{"a":"x"}')]}), (PROMPT, {"content": " "}), (PROMPT, {"content": "{}"})],
)
def test_an_answer_that_does_not_fit_is_an_error(at: Any, message: dict[str, Any]) -> None:
    with pytest.raises(UpstreamError) as raised:
        decoded(at, message, "stop")
    assert raised.value.code == "invalid_structured_output"


def test_an_answer_of_json_mode_is_not_judged_where_that_is_native() -> None:
    assert decoded(PROMPT, {"content": "cut"}, "stop", {"type": "json_object"}).text == "cut"


@pytest.mark.parametrize("size", SPLIT_SIZES)
@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
def test_the_arguments_come_as_content_in_a_stream(size: int, finish: str) -> None:
    first = {"role": "assistant", "content": "Well, ", "tool_calls": [{"index": 0, **call('{"a"')}]}
    other = {"tool_calls": [{"index": 1, **call("{}", "other", "call_2")}]}
    later = {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}
    cases: list[tuple[list[dict[str, Any]], list[Any]]] = [
        ([first, later], []),
        ([first, later, other], [("call_2", "other", {})]),
    ]
    for deltas, calls in cases:
        raw = stream(deltas, finish) + b"data: [DONE]\n\n"
        pieces = (raw[start : start + size] for start in range(0, len(raw), size))
        (said,) = of_stream(streamed(pieces, TOOL, asked(stream=True, response_format=FORM)))
        assert said.text == '{"a":1}'
        assert said.calls == calls


def test_plain_text_is_held_until_the_end_of_a_stream() -> None:
    raw = stream([{"role": "assistant", "content": '{"a":'}, {"content": "1}"}], "stop") + b"data: [DONE]\n\n"
    shown = list(chunks(streamed([raw], TOOL, asked(stream=True, response_format=FORM))))
    assert [chunk["choices"][0]["delta"].get("content") for chunk in shown] == ["", "", '{"a":1}']


def test_a_stream_that_does_not_fit_ends_with_an_error() -> None:
    decoder = ADAPTER.codecs["chat"].stream(PROMPT, asked(stream=True, response_format=FORM))
    shown = list(chunks(decoder.feed(stream([{"content": '{"a":'}, {"content": '"x"}'}], "stop")) + decoder.close()))
    assert shown[-1]["error"]["code"] == "invalid_structured_output"
    assert decoder.error is not None
