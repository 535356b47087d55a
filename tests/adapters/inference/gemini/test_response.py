"""Whole answers of Gemini that no recording shows."""

import base64
import json
from typing import Any

import pytest

from adapters.inference.gemini import ADAPTER
from adapters.wire.carried import split
from adapters.wire.errors import UpstreamError
from adapters.wire.structured import FORCED_TOOL
from adapters.wire.usage import Usage
from tests.adapters.inference.gemini.exchanges import aim, asking

CHAT = ADAPTER.codecs["chat"]
SIGNATURE = "c2lnbmVk"


def body(*parts: dict[str, Any], **candidate: Any) -> bytes:
    """An answer with one candidate."""
    one = {"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP"} | candidate
    return json.dumps({"candidates": [one], "responseId": "a", "modelVersion": "gemini-3"}).encode()


def decoded(raw: bytes, **asked: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(CHAT.decode(raw, aim(), asking(**asked)).body)
    return told


def choice(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    (only,) = decoded(body(*parts, **candidate))["choices"]
    assert isinstance(only, dict)
    return only


def failure(raw: bytes, **asked: Any) -> UpstreamError:
    with pytest.raises(UpstreamError) as raised:
        decoded(raw, **asked)
    return raised.value


def call(**members: Any) -> dict[str, Any]:
    return {"functionCall": {"name": "f"} | members}


def test_calls_without_an_id_get_one_from_the_answer() -> None:
    calls = choice(call(), call(args={"a": 1}))["message"]["tool_calls"]
    assert [each["id"] for each in calls] == ["gemini_a_0_0", "gemini_a_0_1"]


def test_calls_keep_the_services_id() -> None:
    (only,) = choice(call(id="x"))["message"]["tool_calls"]
    assert only["id"] == "x"


@pytest.mark.parametrize(
    ("members", "arguments"), [({}, "{}"), ({"args": None}, "{}"), ({"args": {"a": [1, 2]}}, '{"a":[1,2]}')]
)
def test_arguments_are_compact_json(members: dict[str, Any], arguments: str) -> None:
    (only,) = choice(call(**members))["message"]["tool_calls"]
    assert only["function"]["arguments"] == arguments


def test_a_call_carries_its_signature() -> None:
    message = choice(call(id="x") | {"thoughtSignature": SIGNATURE})["message"]
    plain, carried = split(message["tool_calls"][0]["id"])
    assert (plain, carried) == ("x", ("gemini", SIGNATURE.encode()))
    assert message["reasoning_details"] == [
        {"type": "reasoning.encrypted", "data": SIGNATURE, "format": "google-gemini-v1", "index": 0, "id": "x"}
    ]


def test_a_signed_thought_is_shown_with_its_signature() -> None:
    message = choice({"text": "Hm", "thought": True, "thoughtSignature": SIGNATURE}, {"text": "Hi"})["message"]
    assert (message["content"], message["reasoning_content"]) == ("Hi", "Hm")
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "Hm", "signature": SIGNATURE, "format": "google-gemini-v1", "index": 0}
    ]


@pytest.mark.parametrize("kind", ["executableCode", "codeExecutionResult", "toolCall", "toolResponse"])
def test_what_tools_of_the_services_own_did_is_kept_for_the_next_turn(kind: str) -> None:
    message = choice({kind: {"id": "1"}, "thoughtSignature": SIGNATURE}, {kind: {"id": "2"}}, {"text": "Hi"})["message"]
    assert [detail["part"] for detail in message["reasoning_details"]] == [
        {kind: {"id": "1"}, "thoughtSignature": SIGNATURE},
        {kind: {"id": "2"}},
    ]


def test_a_text_may_say_that_it_is_no_thought() -> None:
    assert choice({"text": "Hi", "thought": False})["message"]["content"] == "Hi"


def test_pictures_on_the_way_to_the_picture_are_thoughts() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "eA=="}}
    message = choice(picture | {"thought": True}, {"inlineData": {"mimeType": "image/png", "data": "eQ=="}})["message"]
    assert [image["image_url"]["url"] for image in message["images"]] == ["data:image/png;base64,eQ=="]


def test_sound_is_one_piece() -> None:
    pieces = [base64.b64encode(piece).decode() for piece in (b"one", b"tw", b"o")]
    message = choice(*({"inlineData": {"mimeType": "audio/L16;rate=24000", "data": piece}} for piece in pieces))[
        "message"
    ]
    assert base64.b64decode(message["audio"]["data"]) == b"onetwo"


def test_unknown_parts_members_and_reasons_break_nothing() -> None:
    told = choice({"hologram": {}}, {"text": "Hi", "colour": 1}, finishReason="BORED", mood={})
    assert (told["message"]["content"], told["finish_reason"]) == ("Hi", "stop")


@pytest.mark.parametrize("content", [None, {}, {"parts": None}, {"role": "model"}])
def test_a_candidate_may_have_nothing_to_say(content: Any) -> None:
    raw = json.dumps({"candidates": [{"content": content, "finishReason": "MAX_TOKENS"}]}).encode()
    (only,) = decoded(raw)["choices"]
    assert (only["message"]["content"], only["finish_reason"]) == ("", "length")


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("OTHER", "stop"),
    ],
)
def test_a_text_ends_for_one_of_openais_reasons(reason: str, expected: str) -> None:
    assert choice({"text": "Hi"}, finishReason=reason)["finish_reason"] == expected


def test_calls_make_the_reason() -> None:
    assert choice(call(), finishReason="STOP")["finish_reason"] == "tool_calls"


def test_an_answer_without_a_reason_stopped() -> None:
    raw = json.dumps({"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]}).encode()
    assert decoded(raw)["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "NO_IMAGE", "OTHER"])
def test_a_model_that_went_wrong_and_said_nothing_is_an_error_to_try_again(reason: str) -> None:
    error = failure(body(finishReason=reason))
    assert (error.status, error.code, error.retryable) == (502, reason.lower(), True)


def test_such_an_error_says_what_the_service_says() -> None:
    assert failure(body(finishReason="OTHER", finishMessage="Odd")).message == "Odd"


def test_a_blocked_prompt_is_named_where_nobody_explains_it() -> None:
    told = decoded(json.dumps({"promptFeedback": {"blockReason": "SAFETY"}}).encode())
    (only,) = told["choices"]
    assert (only["finish_reason"], only["message"]["refusal"]) == ("content_filter", "The prompt was blocked: SAFETY.")


@pytest.mark.parametrize("raw", [b"{}", b'{"candidates": []}', b'{"promptFeedback": {"safetyRatings": []}}'])
def test_an_answer_without_candidates_is_an_error(raw: bytes) -> None:
    assert failure(raw).code == "empty_answer"


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'{"candidates": 1}', b"\xff", b"[" * 100_000])
def test_what_is_no_answer_is_an_error(raw: bytes) -> None:
    assert failure(raw).status == 502


def test_an_error_inside_an_answer_is_raised_without_the_key() -> None:
    raw = b'{"error": {"code": 429, "message": "Slow down, secret-key-1", "status": "RESOURCE_EXHAUSTED"}}'
    with pytest.raises(UpstreamError) as raised:
        CHAT.decode(raw, aim(api_key="secret-key-1"), asking())
    assert (raised.value.status, raised.value.message) == (429, "Slow down, [redacted]")


def test_an_error_that_says_nothing_is_an_error_still() -> None:
    assert failure(b'{"error": "odd"}').status == 502


def test_several_answers_are_several_choices() -> None:
    one, two = {"content": {"parts": [{"text": "A"}]}}, {"content": {"parts": [call()]}, "index": 1}
    choices = decoded(json.dumps({"candidates": [one, two], "responseId": "a"}).encode())["choices"]
    assert [each["index"] for each in choices] == [0, 1]
    assert choices[1]["message"]["tool_calls"][0]["id"] == "gemini_a_1_0"


def test_an_answer_without_an_id_gets_one() -> None:
    raw = json.dumps({"candidates": [{"content": {"parts": [{"text": "A"}]}}]}).encode()
    first, second = decoded(raw), decoded(raw)
    assert first["id"] != second["id"]
    assert first["model"] == "gemini-3-flash"


FORM = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object", "required": ["a"]}}}


def test_an_answer_in_the_form_that_was_asked_for_passes() -> None:
    assert decoded(body({"text": '{"a": 1}'}), response_format=FORM)["choices"][0]["message"]["content"] == '{"a": 1}'


@pytest.mark.parametrize("text", ["{}", "no JSON"])
def test_an_answer_in_another_form_is_an_error(text: str) -> None:
    assert failure(body({"text": text}), response_format=FORM).code == "invalid_structured_output"


def test_an_answer_that_was_cut_is_not_judged() -> None:
    raw = body({"text": '{"a'}, finishReason="MAX_TOKENS")
    assert decoded(raw, response_format=FORM)["choices"][0]["finish_reason"] == "length"


# Sources


def cited(text: str, **candidate: Any) -> list[tuple[str, str, str]]:
    """The stretches of text that are annotated, with their URL and title."""
    annotations = choice({"text": text}, **candidate)["message"].get("annotations", [])
    found = [each["url_citation"] for each in annotations]
    return [(text[each["start_index"] : each["end_index"]], each["url"], each["title"]) for each in found]


def grounding(*chunks: dict[str, Any], **support: Any) -> dict[str, Any]:
    supports = [support] if support else []
    return {"groundingMetadata": {"groundingChunks": list(chunks), "groundingSupports": supports}}


PAGE = {"web": {"uri": "https://a.test", "title": "A"}}


@pytest.mark.parametrize(
    ("chunk", "url"),
    [
        (PAGE, "https://a.test"),
        ({"retrievedContext": {"uri": "gs://b/doc"}}, "gs://b/doc"),
        ({"maps": {"uri": "https://maps.test"}}, "https://maps.test"),
        ({"image": {"sourceUri": "https://image.test"}}, "https://image.test"),
    ],
)
def test_sources_of_every_kind_are_cited(chunk: dict[str, Any], url: str) -> None:
    told = cited("Ümlaut", **grounding(chunk, segment={"endIndex": 3}, groundingChunkIndices=[0]))
    assert told == [("Üm", url, chunk.get("web", {}).get("title", ""))]


def test_a_source_that_belongs_to_no_segment_is_cited_at_the_start() -> None:
    assert cited("Hi", **grounding(PAGE)) == [("", "https://a.test", "A")]


def test_a_segment_counts_from_the_start_of_its_part() -> None:
    support = {"segment": {"partIndex": 2, "startIndex": 1, "endIndex": 3}, "groundingChunkIndices": [0]}
    message = choice({"text": "Hm", "thought": True}, {"text": "ab"}, {"text": "cdef"}, **grounding(PAGE, **support))
    citation = message["message"]["annotations"][0]["url_citation"]
    assert "abcdef"[citation["start_index"] : citation["end_index"]] == "de"


@pytest.mark.parametrize("support", [{"groundingChunkIndices": [7]}, {"segment": {"endIndex": 1}}])
def test_a_segment_without_a_source_cites_nothing_itself(support: dict[str, Any]) -> None:
    assert cited("Hi", **grounding(PAGE, **support)) == [("", "https://a.test", "A")]


@pytest.mark.parametrize("chunk", [{}, {"web": None}])
def test_a_source_of_an_unknown_kind_is_left_out(chunk: dict[str, Any]) -> None:
    assert cited("Hi", **grounding(chunk, segment={"endIndex": 2}, groundingChunkIndices=[0])) == []


@pytest.mark.parametrize("name", ["citations", "citationSources"])
def test_quotations_are_cited(name: str) -> None:
    quoted = [{"startIndex": 1, "endIndex": 2, "uri": "https://a.test", "title": "A"}, {"license": "mit"}]
    assert cited("Hi", citationMetadata={name: quoted}) == [("i", "https://a.test", "A")]


def test_an_empty_list_of_quotations_cites_nothing() -> None:
    assert cited("Hi", citationMetadata={}) == []


# Usage


def usage(**metadata: Any) -> Usage | None:
    raw = json.dumps({"candidates": [{"finishReason": "STOP"}], "usageMetadata": metadata}).encode()
    return CHAT.decode(raw, aim(), asking()).usage


def test_tokens_of_sound_are_told_apart_on_both_sides() -> None:
    told = usage(
        promptTokenCount=10,
        candidatesTokenCount=8,
        promptTokensDetails=[{"modality": "AUDIO", "tokenCount": 7}, {"modality": "TEXT", "tokenCount": 3}],
        candidatesTokensDetails=[{"modality": "AUDIO", "tokenCount": 6}, {"modality": "AUDIO"}],
    )
    assert told == Usage(10, 8, prompt_audio_tokens=7, completion_audio_tokens=6)


def test_usage_without_counts_is_none() -> None:
    assert usage(trafficType="ON_DEMAND") is None


def test_a_tier_that_openai_lacks_is_left_out() -> None:
    raw = json.dumps({"candidates": [{}], "usageMetadata": {"serviceTier": "gold"}}).encode()
    assert "service_tier" not in decoded(raw)


def test_a_token_without_alternatives_has_none() -> None:
    result = {"chosenCandidates": [{"token": "Ä", "logProbability": -1.5}]}
    assert choice({"text": "Ä"}, logprobsResult=result)["logprobs"] == {
        "content": [{"token": "Ä", "logprob": -1.5, "bytes": [195, 132], "top_logprobs": []}],
        "refusal": None,
    }


def answered(**arguments: Any) -> dict[str, Any]:
    return {"functionCall": {"name": FORCED_TOOL, "args": arguments}, "thoughtSignature": SIGNATURE}


def test_the_arguments_of_the_tool_that_stands_for_the_answer_are_the_answer() -> None:
    (only,) = decoded(body(answered(a=1)), response_format=FORM)["choices"]
    assert only["message"] == {"role": "assistant", "content": '{"a":1}', "refusal": None}
    assert only["finish_reason"] == "stop"


def test_of_several_answers_the_first_counts() -> None:
    (only,) = decoded(body(answered(a=1), answered(a=2)), response_format=FORM)["choices"]
    assert only["message"]["content"] == '{"a":1}'


def test_an_answer_by_a_tool_that_does_not_fit_is_an_error() -> None:
    assert failure(body(answered(b=1)), response_format=FORM).code == "invalid_structured_output"


def test_a_call_beside_the_answer_is_why_it_ended() -> None:
    (only,) = decoded(body(answered(a=1), call(id="x")), response_format=FORM)["choices"]
    assert (only["finish_reason"], len(only["message"]["tool_calls"])) == ("tool_calls", 1)
