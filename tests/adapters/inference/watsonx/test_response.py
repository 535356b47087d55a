import json
from typing import Any

import pytest

from adapters.inference.watsonx import ADAPTER
from adapters.wire.errors import UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import request
from tests.adapters.inference.watsonx.service import judged, target

CHAT = ADAPTER.codecs["chat"]
EMBEDDINGS = ADAPTER.codecs["embeddings"]
RERANK = ADAPTER.codecs["rerank"]
FORM = {"type": "json_object"}
CALL = {"id": "call_x", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}


def raw(*choices: dict[str, Any], **more: Any) -> bytes:
    usage = {"completion_tokens": 3, "prompt_tokens": 38, "total_tokens": 41}
    told = {"id": "chatcmpl-5d8c", "model_id": "ibm/granite", "created": 1749736055, "usage": usage}
    return json.dumps(told | {"choices": choices, "system": {"warnings": []}} | more).encode()


def choice(finish_reason: str | None = "stop", index: int = 0, **message: Any) -> dict[str, Any]:
    return {"index": index, "finish_reason": finish_reason, "message": {"role": "assistant", **message}}


def answer(*choices: dict[str, Any], **asked: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(CHAT.decode(raw(*choices), target(), request(**asked)).body)
    return told


def one(told: dict[str, Any]) -> Any:
    (only,) = answer(told)["choices"]
    return only


def test_a_text() -> None:
    assert answer(choice(content="Hi")) == {
        "id": "chatcmpl-5d8c",
        "object": "chat.completion",
        "created": 1749736055,
        "model": "ibm/granite",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 38,
            "completion_tokens": 3,
            "total_tokens": 41,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def test_thoughts_and_refusals() -> None:
    said = one(choice(content=None, refusal="No.", reasoning_content="Hm."))["message"]
    assert (said["refusal"], said["reasoning_content"]) == ("No.", "Hm.")


@pytest.mark.parametrize("told", ["tool_calls", "stop", None])
def test_tool_calls_are_the_reason_to_finish_whatever_the_service_says(told: str | None) -> None:
    said = one(choice(told, tool_calls=[CALL]))
    assert (said["message"]["tool_calls"], said["finish_reason"]) == ([CALL], "tool_calls")


def test_calls_without_ids_get_some_that_stay_the_same() -> None:
    call = {"function": {"name": "now"}}
    first, second = answer(choice(tool_calls=[call, call]), choice(index=1, tool_calls=[call]))["choices"]
    ids = [call["id"] for said in (first, second) for call in said["message"]["tool_calls"]]
    assert ids == ["call_5d8c_0_0", "call_5d8c_0_1", "call_5d8c_1_0"]
    assert first["message"]["tool_calls"][0]["function"] == {"name": "now", "arguments": "{}"}


@pytest.mark.parametrize(
    ("told", "finish"), [("length", "length"), ("time_limit", "length"), ("cancelled", "length"), ("novel", "stop")]
)
def test_reasons_to_finish(told: str, finish: str) -> None:
    assert one(choice(told, content="Hi"))["finish_reason"] == finish


def test_an_answer_that_failed_is_none() -> None:
    with pytest.raises(UpstreamError, match="in the middle"):
        answer(choice("error", content="H"))


def test_log_probabilities_go_through() -> None:
    logprobs = {"content": [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}]}
    assert one({**choice(content="Hi"), "logprobs": logprobs})["logprobs"] == logprobs


def test_a_choice_may_lack_its_message() -> None:
    assert one({"finish_reason": "stop"})["message"]["content"] is None


def test_usage_may_be_missing() -> None:
    told = CHAT.decode(b'{"choices":[]}', target(), request())
    assert told.usage is None
    assert json.loads(told.body)["model"] == "ibm/granite"


def test_a_form_that_was_asked_for_is_checked_in_every_choice() -> None:
    good, bad = choice(content='{"a":1}'), choice(index=1, content="[1]")
    assert answer(good, choice("length", content="{"), response_format=FORM)
    with pytest.raises(UpstreamError) as caught:
        answer(good, bad, response_format=FORM)
    assert caught.value.code == "invalid_structured_output"


def test_a_form_that_the_service_was_not_asked_for_is_not_checked() -> None:
    assert CHAT.decode(
        raw(choice(content="Hi")), target(unsupported=["response_format"]), request(response_format=FORM)
    )


@pytest.mark.parametrize("told", [b"", b"{}", b"<html>", b'{"choices":5}', b'{"choices":[],"id":"\xff"}'])
def test_what_is_no_answer_is_an_error(told: bytes) -> None:
    with pytest.raises(UpstreamError, match="can't be read"):
        CHAT.decode(told, target(), request())


def test_vectors_come_in_their_order() -> None:
    told = b'{"model_id":"m","results":[{"embedding":[1.5]},{"embedding":[2.5]}],"input_token_count":7}'
    answer = EMBEDDINGS.decode(told, target(), request())
    assert [each["embedding"] for each in json.loads(answer.body)["data"]] == [[1.5], [2.5]]
    assert answer.usage == Usage(7)
    assert EMBEDDINGS.decode(b'{"results":[]}', target(), request()).usage is None


def test_an_answer_without_vectors_is_an_error() -> None:
    with pytest.raises(UpstreamError, match="no embeddings"):
        EMBEDDINGS.decode(b"{}", target(), request())


def test_ranks_come_best_first_with_the_texts_that_were_asked_for() -> None:
    told = b'{"model_id":"m","results":[{"index":1,"score":-3.5},{"index":0,"score":2.25}],"input_token_count":7}'
    asked = request(query="Who?", documents=["a", "b"], return_documents=True)
    answer = RERANK.decode(told, target(), asked)
    assert json.loads(answer.body)["results"] == [
        {"index": 0, "relevance_score": 2.25, "document": {"text": "a"}},
        {"index": 1, "relevance_score": -3.5, "document": {"text": "b"}},
    ]
    assert answer.usage == Usage(7)
    assert RERANK.decode(b'{"results":[]}', target(), asked).usage is None


def test_an_answer_without_ranks_is_an_error() -> None:
    with pytest.raises(UpstreamError, match="no ranking"):
        RERANK.decode(b"{}", target(), request(query="Who?", documents=["a"]))


def test_a_second_turn_has_what_the_service_needs_of_the_first() -> None:
    said = one(choice("tool_calls", tool_calls=[CALL]))["message"]
    result = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "Sunny"}
    encoded = CHAT.encode(request(messages=[{"role": "user", "content": "How is it?"}, said, result]), target())
    assert encoded.dropped == ()
    assert judged(encoded.body)["messages"][1:] == [
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_x", "content": "Sunny"},
    ]
