"""Answers in a form that a provider of OpenAI's dialect promised."""

import json
from typing import Any

import pytest

from adapters.inference.contract import StreamDecoder
from adapters.inference.openai.mended import decode_chat, stream_chat
from adapters.wire.body import Body
from adapters.wire.errors import UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import request, target
from tests.recordings import SPLIT_SIZES

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}


def asking(strict: bool | None = True, **fields: Any) -> Body:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": strict}}
    return request(response_format=form, **fields)


def completion(content: Any, finish: str = "stop", **message: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return json.dumps({"id": "1", "choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()


def stream(*deltas: dict[str, Any], finish: str = "stop") -> bytes:
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    frames = [f"data: {json.dumps({'id': '1', 'choices': [choice]})}\n\n" for choice in choices]
    return "".join([*frames, "data: [DONE]\n\n"]).encode()


def through(decoder: StreamDecoder, raw: bytes, size: int = 1 << 30) -> bytes:
    parts = [decoder.feed(raw[start : start + size]) for start in range(0, len(raw), size)]
    return b"".join([*parts, decoder.close()])


def test_an_answer_that_fits_goes_back_byte_for_byte() -> None:
    raw = completion('{"a": 1}')
    assert decode_chat(raw, target(), asking()).body == raw


def test_an_answer_that_does_not_fit_is_the_providers_fault() -> None:
    with pytest.raises(UpstreamError) as caught:
        decode_chat(completion('{"a": "x"}'), target(), asking())
    assert caught.value.code == "invalid_structured_output"


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        pytest.param(completion("words"), request(), id="no form"),
        pytest.param(completion("words"), request(response_format={"type": "json_object"}), id="no schema"),
        pytest.param(completion("words"), request(response_format=None), id="null"),
        pytest.param(completion("words"), request(response_format={"type": "grammar"}), id="the provider's own"),
        pytest.param(completion("words"), asking(strict=False), id="not strict"),
        pytest.param(completion("words"), asking(strict=None), id="not said"),
        pytest.param(completion('{"a"', "length"), asking(), id="cut"),
        pytest.param(completion(None, refusal="No."), asking(), id="refused"),
        pytest.param(completion([{"type": "text", "text": "words"}]), asking(), id="parts"),
        pytest.param(completion("No.", refusal="No."), asking(), id="refused with words"),
        pytest.param(completion("", tool_calls=[{"id": "c"}]), asking(), id="a call"),
        pytest.param(b'{"choices": [{"finish_reason": "stop"}]}', asking(), id="no message"),
        pytest.param(b'{"choices": "none"}', asking(), id="no choices"),
    ],
)
def test_what_was_not_promised_is_not_judged(raw: bytes, body: Body) -> None:
    assert decode_chat(raw, target(), body).body == raw


@pytest.mark.parametrize("size", SPLIT_SIZES)
def test_a_stream_that_fits_goes_on_byte_for_byte(size: int) -> None:
    raw = stream({"role": "assistant", "content": ""}, {"content": '{"a"'}, {"content": ": 1}"})
    decoder = stream_chat(target(stream_usage="never"), asking(stream=True))
    assert through(decoder, raw, size) == raw
    assert decoder.error is None


@pytest.mark.parametrize("size", SPLIT_SIZES)
def test_a_stream_that_does_not_fit_ends_with_an_error(size: int) -> None:
    decoder = stream_chat(target(stream_usage="never"), asking(stream=True))
    out = through(decoder, stream({"content": '{"a"'}, {"content": ': "x"}'}), size)
    *_, last = [frame for frame in out.decode().split("\n\n") if frame]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "invalid_structured_output"
    assert isinstance(decoder.error, UpstreamError)
    assert decoder.owes_usage is False


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(stream({"content": '{"a"'}, finish="length"), id="cut"),
        pytest.param(stream({"refusal": "No."}), id="refused"),
        pytest.param(stream({"tool_calls": [{"index": 0}]}, finish="tool_calls"), id="a call"),
        pytest.param(b": comment\n\ndata: [DONE]\n\n", id="nothing"),
        pytest.param(b'data: {"choices": [{"finish_reason": "length"}]}\n\ndata: [DONE]\n\n', id="no delta"),
    ],
)
def test_what_is_no_whole_answer_is_not_judged_in_a_stream_either(raw: bytes) -> None:
    decoder = stream_chat(target(stream_usage="never"), asking(stream=True))
    assert through(decoder, raw) == raw


def test_usage_and_errors_of_the_stream_are_told() -> None:
    told = b'data: {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}\n\n'
    fine = stream_chat(target(), asking(stream=True, stream_options={"include_usage": True}))
    fine.feed(stream({"content": '{"a": 1}'})[: -len(b"data: [DONE]\n\n")])
    assert fine.owes_usage
    fine.feed(told)
    assert fine.usage == Usage(1, 2)
    broken = stream_chat(target(), asking(stream=True))
    broken.feed(b'data: {"error": {"message": "no"}}\n\n')
    assert isinstance(broken.error, UpstreamError)


def test_a_provider_with_quirks_is_held_to_its_promise_too() -> None:
    with pytest.raises(UpstreamError):
        decode_chat(completion("words"), target(quirks=["reasoning"]), asking())
