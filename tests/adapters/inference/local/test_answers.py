import json
from typing import Any

import pytest

from adapters.inference.local import chunks
from adapters.inference.local.chat import ChatAnswer, prepare
from adapters.inference.local.chunks import Tally
from adapters.inference.local.completion import CompletionAnswer
from adapters.inference.local.completion import prepare as prepare_completion
from adapters.inference.local.tools import Demand
from adapters.wire.body import parse
from adapters.wire.errors import BadRequest


def said(answer: ChatAnswer | CompletionAnswer, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """OpenAI's chunks for what the engine says."""
    decoded = [chunks.decode(json.dumps(event).encode()) for event in events]
    return [told for chunk in decoded if (told := answer.chunk(chunk)) is not None]


def delta(finish_reason: str | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": fields, "finish_reason": finish_reason}], "timings": {}}


def test_a_chat_begins_with_an_empty_text_and_ends_with_its_reason() -> None:
    told = said(ChatAnswer("m", None), delta(role="assistant", content=None), delta(content="Hi"), delta("stop"))
    assert [one["choices"][0]["delta"] for one in told] == [{"role": "assistant", "content": ""}, {"content": "Hi"}, {}]
    assert [one["choices"][0]["finish_reason"] for one in told] == [None, None, "stop"]


def test_chunks_share_what_openai_has_in_each() -> None:
    told = said(ChatAnswer("m", None), delta(content="a"), delta(content="b"))
    assert told[0]["id"] == told[1]["id"]
    assert (told[0]["object"], told[0]["model"]) == ("chat.completion.chunk", "m")


def test_choices_are_put_together_in_their_order() -> None:
    answer = ChatAnswer("m", None)
    told = said(answer, delta(content="b", index=1), delta(content="a"), delta("stop", index=1), delta("length"))
    whole = answer.whole(told, {"total_tokens": 2})
    assert [choice["message"]["content"] for choice in whole["choices"]] == ["a", "b"]
    assert [choice["finish_reason"] for choice in whole["choices"]] == ["length", "stop"]
    assert (whole["object"], whole["usage"]) == ("chat.completion", {"total_tokens": 2})


def test_a_models_own_tool_calls_are_put_together() -> None:
    answer = ChatAnswer("m", None)
    first = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    told = said(
        answer,
        delta(tool_calls=[first]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}]),
        delta("tool_calls"),
    )
    message = answer.whole(told, {})["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    ]


def test_what_a_model_thinks_is_kept_apart() -> None:
    answer = ChatAnswer("m", None)
    told = said(answer, delta(reasoning_content="h"), delta(reasoning_content="m"), delta(content="Hi"), delta("stop"))
    message = answer.whole(told, {})["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("Hi", "hm")


def test_the_text_of_a_demanded_call_becomes_the_call() -> None:
    answer = ChatAnswer("m", Demand({}, "", "f"))
    told = said(
        answer, delta(role="assistant", content=None), delta(content='{"a":'), delta(content="1}"), delta("stop")
    )
    choice = answer.whole(told, {})["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'}


def test_a_call_that_was_cut_off_says_so() -> None:
    told = said(ChatAnswer("m", Demand({}, "", "f")), delta(content='{"a":'), delta("length"))
    assert told[-1]["choices"][0]["finish_reason"] == "length"


def test_a_demanded_call_is_asked_for_as_a_schema() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": tools, "tool_choice": "required"}
    fields, demand = prepare(parse(json.dumps(body).encode()), knows_tools=True)
    assert demand is not None
    assert fields["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert not {"tools", "tool_choice"} & set(fields)


def test_no_tools_are_shown_to_a_model_that_shall_use_none() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[],"tool_choice":"none"}'
    fields, _ = prepare(parse(body), knows_tools=True)
    assert not {"tools", "tool_choice"} & set(fields)


def test_token_probabilities_of_a_completion_have_its_own_form() -> None:
    def event(token: str) -> dict[str, Any]:
        content = [{"token": token, "logprob": -1.0, "top_logprobs": [{"token": token, "logprob": -1.0}]}]
        return {"choices": [{"index": 0, "text": token, "logprobs": {"content": content}}]}

    answer = CompletionAnswer("m")
    whole = answer.whole(said(answer, event("ab"), event("c")), {})
    assert whole["choices"] == [
        {
            "text": "abc",
            "index": 0,
            "logprobs": {
                "tokens": ["ab", "c"],
                "token_logprobs": [-1.0, -1.0],
                "top_logprobs": [{"ab": -1.0}, {"c": -1.0}],
                "text_offset": [0, 2],
            },
            "finish_reason": None,
        }
    ]


def test_a_completion_without_a_prompt_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        prepare_completion(parse(b'{"model":"m"}'))
    assert caught.value.param == "prompt"


def test_a_prompt_that_is_answered_twice_counts_once() -> None:
    tally = Tally(2)
    for _ in range(2):
        tally.add(chunks.Usage(10, 3, chunks.Details(4)))
    assert tally.total() == {
        "prompt_tokens": 10,
        "completion_tokens": 6,
        "total_tokens": 16,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
