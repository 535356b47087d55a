"""Content, reasoning, finish reasons and what stands around them, each mended by its quirk."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from adapters.inference.contract import Target
from adapters.inference.openai import ADAPTER
from adapters.wire.errors import UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.openai_quirks.answers import asked, chunks, streamed
from tests.adapters.inference.targets import target

HEAD = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def whole(message: Any, quirks: list[str], **choice: Any) -> dict[str, Any]:
    """The choice of a mended answer."""
    given = {"index": 0, "finish_reason": "stop"} | choice
    if message is not None:
        given["message"] = {"role": "assistant", "content": "text"} | message
    return dict(answered({"id": "1", "created": 1, "model": "m", "choices": [given]}, quirks)["choices"][0])


def answered(answer: dict[str, Any], quirks: list[str]) -> Any:
    return json.loads(ADAPTER.codecs["chat"].decode(json.dumps(answer).encode(), target(quirks=quirks), asked()).body)


def message(said: dict[str, Any], quirks: list[str]) -> Any:
    return whole(said, quirks)["message"]


def stream(*frames: Any, done: bool = True) -> bytes:
    data = b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames)
    return data + b"data: [DONE]\n\n" * done


def shown(quirks: list[str], *frames: Any, **fields: Any) -> list[Any]:
    return list(chunks(streamed([stream(*frames)], target(quirks=quirks), asked(stream=True, **fields))))


def piece(delta: Any, finish: Any = None, index: int = 0) -> dict[str, Any]:
    return {**HEAD, "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


@pytest.mark.parametrize(
    "said",
    [
        {"reasoning": "why"},
        {"thinking": "why"},
        {"reasoning": "why", "reasoning_content": ""},
        {"reasoning": "other", "reasoning_content": "why"},
        {"reasoning_details": [{"text": "w"}, {"summary": "hy"}, {"data": "sealed"}, "odd"]},
    ],
)
def test_reasoning_has_one_name_and_keeps_its_own(said: dict[str, Any]) -> None:
    mended = message(said, ["reasoning"])
    assert mended["reasoning_content"] == "why"
    assert {name: mended[name] for name in said if name != "reasoning_content"}.items() <= said.items()


@pytest.mark.parametrize("said", [{}, {"reasoning": None}, {"reasoning": {"effort": 1}}, {"reasoning_details": []}])
def test_without_reasoning_there_is_no_member_for_it(said: dict[str, Any]) -> None:
    assert "reasoning_content" not in message(said, ["reasoning"])


def test_content_of_parts_becomes_text_and_reasoning() -> None:
    reference = {"type": "reference", "reference_ids": [1]}
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "a"}, reference]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "b"}, "odd"]},
        {"type": "text", "text": "c"},
        reference,
        {"type": "text", "text": "d"},
    ]
    mended = message({"content": content}, ["content"])
    assert (mended["content"], mended["reasoning_content"]) == ("cd", "ab")
    assert mended["content_parts"] == [reference]


def test_content_of_parts_that_nobody_knows_is_kept() -> None:
    mended = message({"content": ["odd", {"type": "text", "text": 1}, {"type": "thinking"}]}, ["content"])
    assert (mended["content"], mended["content_parts"]) == ("", ["odd"])


def test_an_object_becomes_json() -> None:
    assert message({"content": {"a": "é"}}, ["content"])["content"] == '{"a":"é"}'


def test_hollow_members_are_left_out() -> None:
    hollow = {"tool_calls": None, "function_call": {"name": "", "arguments": ""}, "audio": {"id": "", "expires_at": 0}}
    assert message({**hollow, "refusal": "no"}, ["hollow"]) == {"role": "assistant", "content": "text", "refusal": "no"}


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("eos", "stop"),
        ("eos_token", "stop"),
        ("tool_call", "tool_calls"),
        ("max_tokens", "length"),
        ("insufficient_system_resource", "length"),
        ("sensitive", "content_filter"),
        ("something new", "stop"),
        (7, "stop"),
        ("", "stop"),
        (None, "stop"),
        ("function_call", "function_call"),
    ],
)
def test_finish_reasons_are_openais(told: Any, meant: str) -> None:
    choice = whole({}, ["finish_reason"], finish_reason=told)
    assert choice["finish_reason"] == meant
    assert choice.get("native_finish_reason") == (told if told and told != meant else None)


def test_a_stream_tells_its_reason_once() -> None:
    told = shown(["finish_reason"], piece({"content": "a"}), piece({}, "length"), piece({}, "length"), piece({}, ""))
    assert [chunk["choices"][0]["finish_reason"] for chunk in told] == [None, "length", None, None]


def test_a_stream_that_tells_no_reason_gets_one_before_its_end() -> None:
    told = shown(["finish_reason"], piece({"content": "a"}), piece({}, "stop", 1), piece({}, "", 2))
    assert {key: told[-1][key] for key in HEAD} == HEAD
    assert [(choice["index"], choice["finish_reason"]) for choice in told[-1]["choices"]] == [(0, "stop"), (2, "stop")]


def test_a_stream_that_ends_without_a_reason_and_without_done_was_cut() -> None:
    decoder = ADAPTER.codecs["chat"].stream(target(quirks=["finish_reason"]), asked(stream=True))
    told = decoder.feed(stream(piece({"content": "a"}), done=False)) + decoder.close()
    assert decoder.error is not None
    assert decoder.error.retryable
    assert list(chunks(told))[-1]["error"]["code"] == "stream_incomplete"
    assert b"[DONE]" not in told


def test_a_stream_that_ends_with_a_reason_and_without_done_is_whole() -> None:
    decoder = ADAPTER.codecs["chat"].stream(target(quirks=["finish_reason"]), asked(stream=True))
    assert (decoder.feed(stream(piece({}, "stop"), done=False)) + decoder.close()).endswith(b"data: [DONE]\n\n")


def test_a_last_frame_without_its_blank_line_is_mended_too() -> None:
    decoder = ADAPTER.codecs["chat"].stream(target(quirks=["finish_reason"]), asked(stream=True))
    told = decoder.feed(stream(piece({}, "eos"), done=False).rstrip()) + decoder.close()
    assert next(chunks(told))["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("damage", [b'data: {"id": "1", "cho', b"data: [1]\n\n", b": comment\n\n", b"event: x\n\n"])
def test_what_is_no_chunk_goes_as_it_came(damage: bytes) -> None:
    decoder = ADAPTER.codecs["chat"].stream(target(quirks=["finish_reason"]), asked(stream=True))
    told = decoder.feed(damage) + decoder.close()
    assert told.startswith(damage if damage.endswith(b"\n\n") else b'data: {"error"')


def test_a_frame_without_end_is_an_error() -> None:
    decoder = ADAPTER.codecs["chat"].stream(target(quirks=["finish_reason"]), asked(stream=True))
    told = decoder.feed(b"data: " + b"x" * 9_000_000)
    told += decoder.feed(b"x")
    assert decoder.error is not None
    assert b"too large" in told


@pytest.mark.parametrize("error", [{"code": 503, "message": "No provider sk-0123456789"}, None])
def test_an_error_in_a_choice_is_the_answers(error: Any) -> None:
    choice = {"finish_reason": "error"} | ({"error": error} if error else {})
    with pytest.raises(UpstreamError) as raised:
        ADAPTER.codecs["chat"].decode(
            json.dumps({"choices": [choice]}).encode(),
            target(quirks=["finish_reason"], api_key="sk-0123456789"),
            asked(),
        )
    assert raised.value.status == (503 if error else 502)
    assert raised.value.retryable
    assert b"sk-0123456789" not in raised.value.body()


def test_an_error_in_a_choice_ends_a_stream() -> None:
    failed = piece({}, "error")
    failed["choices"][0]["error"] = {"code": 429, "message": "Slow down sk-0123456789"}
    decoder = ADAPTER.codecs["chat"].stream(target(quirks=["reasoning"], api_key="sk-0123456789"), asked(stream=True))
    told = decoder.feed(stream(piece({"content": "a"}), failed, piece({"content": "b"}))) + decoder.close()
    assert decoder.error is not None
    assert decoder.error.status == 429
    *_, last = chunks(told)
    assert "Slow down" in last["error"]["message"]
    assert b"sk-0123456789" not in told


def test_an_error_beside_choices_is_seen_as_before() -> None:
    failed = {**piece({}, "error"), "error": {"code": 502, "message": "Gone"}}
    decoder = ADAPTER.codecs["chat"].stream(target(quirks=["envelope"]), asked(stream=True))
    decoder.feed(stream(failed))
    assert decoder.error is not None
    assert decoder.error.message == "Gone"


def test_an_answer_of_nothing_but_choices_becomes_whole() -> None:
    answer = answered(
        {"choices": [{"finish_reason": "content_filter"}, {"index": 1, "finish_reason": "stop"}]}, ["envelope"]
    )
    judged = ChatCompletion.model_validate(answer)
    assert judged.model == "upstream-model"
    assert judged.id.startswith("chatcmpl-")
    assert [choice.index for choice in judged.choices] == [0, 1]
    assert judged.choices[0].message.content is None


def test_a_stream_of_bare_choices_becomes_whole() -> None:
    told = shown(["envelope", "finish_reason"], {"id": ""}, {"choices": [{}], "service_tier": ""}, {"choices": [{}]})
    judged = [ChatCompletionChunk.model_validate(chunk) for chunk in told]
    assert judged[0].id == ""
    assert judged[1].id.startswith("chatcmpl-")
    assert {chunk.id for chunk in judged[1:]} == {judged[1].id}
    assert judged[1].choices[0].delta.role == "assistant"


def test_an_id_that_comes_later_is_the_streams() -> None:
    told = shown(["envelope"], {"choices": []}, {**piece({}), "id": "a"}, {**piece({}, "stop"), "id": ""})
    assert [chunk["id"] for chunk in told] == ["", "a", "a"]


def test_completions_without_an_id_get_one_of_their_kind() -> None:
    codec = ADAPTER.codecs["completions"]
    answer = codec.decode(b'{"choices":[{"text":"a"},{}]}', target(quirks=["envelope", "finish_reason"]), asked())
    told = json.loads(answer.body)
    assert told["id"].startswith("cmpl-")
    assert told["object"] == "text_completion"
    assert [(choice["text"], choice["finish_reason"]) for choice in told["choices"]] == [("a", "stop"), ("", "stop")]


@pytest.mark.parametrize(("tier", "meant"), [("on_demand", "default"), ("performance", "priority"), ("flex", "flex")])
def test_service_tiers_are_openais(tier: str, meant: str) -> None:
    assert answered({"choices": [], "service_tier": tier}, ["envelope"])["service_tier"] == meant


def test_annotations_of_a_stream_are_numbered() -> None:
    first, second = {"type": "url_citation"}, {"type": "url_citation", "index": 7}
    told = shown(["envelope"], piece({"annotations": [first, second]}), piece({"annotations": [first, "odd"]}, "stop"))
    assert [each.get("index") for each in told[0]["choices"][0]["delta"]["annotations"]] == [0, 7]
    assert told[1]["choices"][0]["delta"]["annotations"][0]["index"] == 2


def test_usage_keeps_the_providers_own_members() -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "total_tokens": 16,
        "cost": 0.1,
        "cached_tokens": 4,
        "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 0},
    }
    assert answered({"choices": [], "usage": usage}, ["usage"])["usage"] == {
        **usage,
        "completion_tokens": 7,
        "total_tokens": 16,
        "prompt_tokens_details": {"cached_tokens": 4},
    }


@pytest.mark.parametrize("usage", [None, {}, {"total_tokens": 3}])
def test_usage_that_tells_nothing_stays(usage: Any) -> None:
    assert answered({"choices": [], "usage": usage}, ["usage"])["usage"] == usage


@pytest.mark.parametrize("raw", [b'{"choices":["odd"]}', b'{"choices":{}}', b'{"id":1,"choices":[]}'])
def test_what_nobody_knows_goes_as_it_came(raw: bytes) -> None:
    assert ADAPTER.codecs["chat"].decode(raw, target(quirks=["reasoning"]), asked()).body == raw


def test_all_other_members_stay_byte_for_byte() -> None:
    raw = b'{"id":"\\u0041","timings":{"x": 1.00},"choices":[{"index":0,"message":{"reasoning":"a"}}],"z":[1 ,2]}'
    mended = ADAPTER.codecs["chat"].decode(raw, target(quirks=["reasoning"]), asked()).body
    assert mended.startswith(b'{"id":"\\u0041","timings":{"x": 1.00},"choices":[')
    assert mended.endswith(b',"z":[1 ,2]}')


def test_usage_is_counted_where_a_mended_stream_does_not_tell_it() -> None:
    usage = {"stream_options": {"include_usage": True}}
    decoder = ADAPTER.codecs["chat"].stream(_at("never"), asked(stream=True, **usage))
    told = decoder.feed(b": comment\n\n" + stream(piece({"content": "a"}, "stop")))
    assert decoder.owes_usage
    last = list(chunks(told + decoder.close(Usage(1, 2))))[-1]
    assert last["usage"]["total_tokens"] == 3
    assert decoder.usage is None


def _at(stream_usage: str) -> Target:
    return target(quirks=["reasoning"], stream_usage=stream_usage)
