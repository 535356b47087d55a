"""Streams of Gemini that no recording shows, and what a client sees of them at every cut."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.framing.sse import FRAME_MAX
from adapters.inference.contract import StreamDecoder
from adapters.inference.gemini import ADAPTER
from adapters.wire.structured import FORCED_TOOL
from adapters.wire.usage import Usage
from tests.adapters.inference.gemini.exchanges import aim, asking, chunks, cut, gathered, sse

CHAT = ADAPTER.codecs["chat"]
DONE = b"data: [DONE]\n\n"


def decoder(**asked: Any) -> StreamDecoder:
    return CHAT.stream(aim(api_key="secret-key-1"), asking(stream=True, **asked))


def event(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}} | candidate], "responseId": "a"}


END = event(finishReason="STOP")


def written(*events: dict[str, Any], **asked: Any) -> bytes:
    made = decoder(**asked)
    return made.feed(sse(list(events))) + made.close()


def said(*events: dict[str, Any], **asked: Any) -> dict[str, Any]:
    message: dict[str, Any] = gathered(written(*events, **asked))["message"]
    return message


def error_of(shown: bytes) -> dict[str, Any]:
    """The error in the last frame."""
    told: dict[str, Any] = chunks(shown)[-1]["error"]
    return told


def test_text_comes_as_it_is_said() -> None:
    made = decoder()
    first = chunks(made.feed(sse([event({"text": "A"})])))
    assert [each["choices"][0]["delta"] for each in first] == [{"role": "assistant", "content": ""}, {"content": "A"}]


def test_a_stream_ends_with_its_reason_and_done() -> None:
    shown = written(event({"text": "A"}), END)
    assert shown.endswith(DONE)
    assert chunks(shown)[-1]["choices"][0]["finish_reason"] == "stop"


def test_usage_comes_last_where_it_was_asked_for() -> None:
    told = END | {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}}
    asked = {"stream_options": {"include_usage": True}}
    assert chunks(written(event({"text": "A"}), told, **asked))[-1]["usage"]["total_tokens"] == 5
    assert "usage" not in chunks(written(event({"text": "A"}), told))[-1]


def test_usage_that_the_service_kept_is_counted_here() -> None:
    made = decoder(stream_options={"include_usage": True})
    made.feed(sse([event({"text": "A"}), END]))
    assert made.owes_usage
    assert chunks(made.close(Usage(4, 1)))[-1]["usage"]["total_tokens"] == 5


def test_usage_that_was_told_is_not_owed() -> None:
    made = decoder(stream_options={"include_usage": True})
    made.feed(sse([END | {"usageMetadata": {"promptTokenCount": 3}}]))
    assert not made.owes_usage


def test_usage_after_the_end_counts() -> None:
    made = decoder()
    made.feed(sse([event({"text": "A"}), END, {"usageMetadata": {"promptTokenCount": 9}}]))
    assert made.usage == Usage(9)


def test_what_is_said_after_the_end_is_left_out() -> None:
    assert said(event({"text": "A"}), END, event({"text": "B"}))["content"] == "A"


def test_several_answers_are_told_apart() -> None:
    both = {"candidates": [{"content": {"parts": [{"text": each}]}, "index": i} for i, each in enumerate("AB")]}
    ends = {"candidates": [{"finishReason": "STOP"}, {"finishReason": "MAX_TOKENS", "index": 1}]}
    shown = written(both, ends)
    assert [gathered(shown, i)["message"]["content"] for i in (0, 1)] == ["A", "B"]
    assert [gathered(shown, i)["finish_reason"] for i in (0, 1)] == ["stop", "length"]


def test_a_stream_is_not_whole_before_all_its_answers_are() -> None:
    both = {"candidates": [{"content": {"parts": [{"text": each}]}, "index": i} for i, each in enumerate("AB")]}
    assert "ended before" in error_of(written(both, END))["message"]


@pytest.mark.parametrize("events", [[], [event({"text": "A"})]])
def test_a_stream_that_breaks_off_is_an_error(events: list[dict[str, Any]]) -> None:
    made = decoder()
    shown = made.feed(sse(events)) + made.close()
    assert "ended before" in error_of(shown)["message"]
    assert made.error is not None
    assert DONE not in shown


def test_an_error_inside_a_stream_is_its_end() -> None:
    fault = {"error": {"code": 503, "message": "Overloaded secret-key-1", "status": "UNAVAILABLE"}}
    made = decoder()
    shown = made.feed(sse([event({"text": "A"}), fault, event({"text": "B"})])) + made.feed(sse([END])) + made.close()
    assert (error_of(shown)["message"], error_of(shown)["code"]) == ("Overloaded [redacted]", "overloaded")
    assert made.error is not None
    assert made.error.retryable
    assert not made.owes_usage


@pytest.mark.parametrize("data", [b"{", b"[]", b'"text"'])
def test_an_event_that_is_none_is_an_error(data: bytes) -> None:
    made = decoder()
    shown = made.feed(b"data: " + data + b"\r\n\r\n")
    assert error_of(shown)["code"] == "upstream_error"


def test_an_event_without_end_is_an_error() -> None:
    made = decoder()
    made.feed(b"data: " + b"x" * (FRAME_MAX + 1))
    assert "too large" in error_of(made.feed(b"x"))["message"]


def test_the_last_event_needs_no_blank_line() -> None:
    made = decoder()
    raw = sse([event({"text": "A"}), END]).removesuffix(b"\r\n\r\n")
    assert (made.feed(raw) + made.close()).endswith(DONE)


def test_comments_say_nothing() -> None:
    made = decoder()
    assert made.feed(b": keep-alive\r\n\r\n") == b""


def test_a_blocked_prompt_is_an_answer_that_was_filtered() -> None:
    choice = gathered(written({"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "No"}}))
    assert (choice["finish_reason"], choice["message"]["refusal"]) == ("content_filter", "No")


def test_an_event_without_candidates_is_no_end() -> None:
    assert said({"usageMetadata": {}}, event({"text": "A"}), END)["content"] == "A"


def test_a_model_that_went_wrong_and_said_nothing_is_an_error() -> None:
    assert error_of(written(event(finishReason="MALFORMED_FUNCTION_CALL")))["code"] == "malformed_function_call"


def test_an_answer_in_another_form_is_an_error_at_its_end() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    shown = written(event({"text": "[]"}), END, response_format=form)
    assert error_of(shown)["code"] == "invalid_structured_output"


ANSWERED = {"functionCall": {"name": FORCED_TOOL, "args": {"a": 1}}, "thoughtSignature": "c2lnbmVk"}
CALLED = {"functionCall": {"name": "f", "args": {}}}
ASKED_BESIDE_TOOLS: dict[str, Any] = {
    "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object", "required": ["a"]}}},
    "tools": [{"type": "function", "function": {"name": "f"}}],
}


@pytest.mark.parametrize("parts", [[ANSWERED], [ANSWERED, CALLED], [CALLED, ANSWERED], [ANSWERED, ANSWERED], [CALLED]])
def test_a_stream_of_a_form_beside_tools_says_what_the_whole_answer_says(parts: list[dict[str, Any]]) -> None:
    streamed = gathered(written(*map(event, parts), END, **ASKED_BESIDE_TOOLS))
    whole = event(*parts, finishReason="STOP")
    (only,) = json.loads(CHAT.decode(json.dumps(whole).encode(), aim(), asking(**ASKED_BESIDE_TOOLS)).body)["choices"]
    assert streamed["finish_reason"] == only["finish_reason"]
    assert (streamed["message"]["content"] or None) == only["message"]["content"]
    assert streamed["message"].get("tool_calls") == only["message"].get("tool_calls")


def test_an_answer_by_a_tool_that_comes_in_pieces_is_the_answer() -> None:
    begun = {"name": FORCED_TOOL, "partialArgs": [{"jsonPath": "$.a", "numberValue": 1}], "willContinue": True}
    shown = gathered(written(event({"functionCall": begun}), END, **ASKED_BESIDE_TOOLS))
    assert (json.loads(shown["message"]["content"]), shown["finish_reason"]) == ({"a": 1}, "stop")


def test_a_second_answer_that_never_ended_is_left_out() -> None:
    begun = {"functionCall": {"name": FORCED_TOOL, "willContinue": True}}
    shown = gathered(written(event(ANSWERED), event(begun), END, **ASKED_BESIDE_TOOLS))
    assert (shown["message"]["content"], shown["finish_reason"]) == ('{"a":1}', "stop")


def test_an_answer_by_a_tool_that_does_not_fit_is_an_error_at_its_end() -> None:
    unfit = {"functionCall": {"name": FORCED_TOOL, "args": {"b": 1}}}
    assert error_of(written(event(unfit), END, **ASKED_BESIDE_TOOLS))["code"] == "invalid_structured_output"


def test_a_schema_that_is_none_is_an_error_at_the_end() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "nonsense"}}}
    assert error_of(written(event({"text": "[]"}), END, response_format=form))["code"] == "invalid_schema"


def test_logprobs_come_with_their_text() -> None:
    result = {"chosenCandidates": [{"token": "A", "logProbability": -1}]}
    shown = chunks(written(event({"text": "A"}, logprobsResult=result), event(logprobsResult=result), END))
    with_logprobs = [each["choices"][0] for each in shown if each["choices"][0]["logprobs"]]
    assert [each["delta"] for each in with_logprobs] == [{"content": "A"}, {}]


def test_sound_comes_in_pieces() -> None:
    sound = {"inlineData": {"mimeType": "audio/L16", "data": base64.b64encode(b"a").decode()}}
    deltas = [each["choices"][0]["delta"] for each in chunks(written(event(sound), event(sound), END))]
    assert [delta["audio"]["data"] for delta in deltas if "audio" in delta] == ["YQ==", "YQ=="]


# Arguments in pieces


def piece(path: str, **value: Any) -> dict[str, Any]:
    return {"jsonPath": path} | value


def pieced(*pieces: dict[str, Any]) -> Any:
    """The arguments that pieces make, each in an event of its own."""
    begin = event({"functionCall": {"name": "f", "id": "x", "willContinue": True}})
    middle = [event({"functionCall": {"partialArgs": [each], "willContinue": True}}) for each in pieces]
    (call,) = said(begin, *middle, event({"functionCall": {}}), END)["tool_calls"]
    return json.loads(call["function"]["arguments"])


@pytest.mark.parametrize(
    ("pieces", "arguments"),
    [
        ([], {}),
        ([piece("$.a", stringValue="x"), piece("$.a", stringValue="y")], {"a": "xy"}),
        ([piece("$.a", numberValue=1)], {"a": 1}),
        ([piece("$.a", numberValue=1.5)], {"a": 1.5}),
        ([piece("$.a", boolValue=False)], {"a": False}),
        ([piece("$.a", nullValue="NULL_VALUE")], {"a": None}),
        ([piece("$.a.b[1].c", stringValue="x")], {"a": {"b": [None, {"c": "x"}]}}),
        ([piece("$['a b'][\"c.d\"]", stringValue="x")], {"a b": {"c.d": "x"}}),
        ([piece("$.a[0]", stringValue="x"), piece("$.a[1]", stringValue="y")], {"a": ["x", "y"]}),
        ([piece("$", stringValue="x")], {}),
    ],
)
def test_arguments_in_pieces_are_put_together(pieces: list[dict[str, Any]], arguments: Any) -> None:
    assert pieced(*pieces) == arguments


def test_arguments_whose_pieces_contradict_each_other_are_an_error() -> None:
    first, second = piece("$.a", stringValue="x"), piece("$.a.b", stringValue="y")
    shown = written(event({"functionCall": {"name": "f", "partialArgs": [first, second]}}))
    assert "can't be put together" in error_of(shown)["message"]


def test_a_call_that_nobody_closed_ends_with_the_answer() -> None:
    shown = said(event({"functionCall": {"name": "f", "willContinue": True}, "thoughtSignature": "c2ln"}), END)
    assert shown["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
    assert shown["reasoning_details"][0]["data"] == "c2ln"


def test_the_end_of_a_call_that_came_whole_is_none() -> None:
    shown = said(event({"functionCall": {"name": "f", "args": {}}}), event({"functionCall": {}}), END)
    assert len(shown["tool_calls"]) == 1


# At every cut

PARTS = st.one_of(
    st.builds(lambda text: {"text": text}, st.text(st.characters(codec="utf-8"), max_size=6)),
    st.builds(lambda text: {"text": text, "thought": True}, st.text(max_size=4)),
    st.builds(lambda text: {"text": text, "thoughtSignature": "c2ln"}, st.text(max_size=2)),
    st.builds(lambda name: {"functionCall": {"name": name, "args": {name: 1}}}, st.sampled_from(["f", "g"])),
    st.just({"inlineData": {"mimeType": "image/png", "data": "eA=="}}),
    st.just({"executableCode": {"code": "1"}}),
)


@given(st.lists(st.lists(PARTS, max_size=3), min_size=1, max_size=5), st.integers(1, 200))
def test_a_stream_says_the_same_at_every_cut_and_as_a_whole(events: list[list[dict[str, Any]]], size: int) -> None:
    made = decoder()
    raw = sse([*(event(*parts) for parts in events), END])
    shown = b"".join(map(made.feed, cut(raw, size))) + made.close()
    whole = event(*(part for parts in events for part in parts), finishReason="STOP")
    answer = json.loads(CHAT.decode(json.dumps(whole).encode(), aim(), asking()).body)
    expected = {name: value for name, value in answer["choices"][0]["message"].items() if value not in (None, "")}
    choice = gathered(shown)
    assert {name: value for name, value in choice["message"].items() if value not in (None, "")} == expected
    assert choice["finish_reason"] == answer["choices"][0]["finish_reason"]


@given(st.binary(max_size=200), st.integers(1, 40))
def test_no_bytes_break_the_decoder(raw: bytes, size: int) -> None:
    made = decoder()
    shown = b"".join(map(made.feed, cut(raw, size))) + made.close()
    assert chunks(shown)[-1]["error"]
