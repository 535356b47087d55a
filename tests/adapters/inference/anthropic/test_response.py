"""Whole answers as chat completions."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from adapters.inference.anthropic import ADAPTER
from adapters.wire.errors import BadRequest, UpstreamError
from adapters.wire.structured import FORCED_TOOL
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import request, target

SECRET = "sk-ant-secret-key"
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FORM = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}


def text(told: str, **further: Any) -> dict[str, Any]:
    return {"type": "text", "text": told, **further}


def calling(name: str = "add", call_id: str = "toolu_1", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def told(*content: Any, **further: Any) -> dict[str, Any]:
    usage = {"input_tokens": 5, "output_tokens": 7}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5", "content": content}
    return message | {"stop_reason": "end_turn", "usage": usage} | further


def decoded(message: Any, **asked: Any) -> Any:
    raw = message if isinstance(message, bytes) else json.dumps(message).encode()
    body = ADAPTER.codecs["chat"].decode(raw, target(api_key=SECRET), request(**asked)).body
    ChatCompletion.model_validate_json(body)
    return json.loads(body)


def said(*content: Any, **further: Any) -> Any:
    return decoded(told(*content, **further))["choices"][0]["message"]


def test_a_message_is_a_completion() -> None:
    completion = decoded(told(text("Hello"), usage={"input_tokens": 5, "output_tokens": 7, "service_tier": "standard"}))
    assert completion["id"] == "msg_1"
    assert completion["model"] == "claude-opus-5"
    assert completion["service_tier"] == "default"
    assert completion["choices"][0]["message"] == {"role": "assistant", "content": "Hello", "refusal": None}
    assert completion["usage"]["total_tokens"] == 12


@pytest.mark.parametrize(("tier", "name"), [("priority", "priority"), ("batch", None), (None, None)])
def test_a_tier_is_told_where_openai_has_the_like(tier: str | None, name: str | None) -> None:
    assert decoded(told(usage={"input_tokens": 1, "service_tier": tier})).get("service_tier") == name


def test_an_answer_without_an_id_and_a_model_gets_them() -> None:
    completion = decoded(told(text("Hi"), id="", model=""))
    assert completion["id"].startswith("msg_")
    assert completion["model"] == "upstream-model"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("something_new", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
    ],
)
def test_stop_reasons_in_openais_words(reason: str, finish: str) -> None:
    assert decoded(told(text("Hi"), stop_reason=reason))["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize(("reason", "finish"), [("tool_use", "tool_calls"), ("max_tokens", "length")])
def test_calls_finish_an_answer_unless_its_length_does(reason: str, finish: str) -> None:
    assert decoded(told(calling(), stop_reason=reason))["choices"][0]["finish_reason"] == finish


def test_a_refusal_says_why_where_the_service_does() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "Not this"}
    message = said(stop_reason="refusal", stop_details=details)
    assert (message["refusal"], message["content"]) == ("Not this", "")
    assert said(text("I"), stop_reason="refusal", stop_details=None)["refusal"] is None


def test_calls_keep_their_ids_and_arguments() -> None:
    message = said(calling(a=1), calling("other", "toolu_2"), stop_reason="tool_use")
    assert message["content"] is None
    assert [(call["id"], call["function"]["name"]) for call in message["tool_calls"]] == [
        ("toolu_1", "add"),
        ("toolu_2", "other"),
    ]
    assert [json.loads(call["function"]["arguments"]) for call in message["tool_calls"]] == [{"a": 1}, {}]


def test_thoughts_come_in_clear_and_with_their_signatures() -> None:
    first, second = ({"type": "thinking", "thinking": told, "signature": f"sig {told}"} for told in ("Hm", " so"))
    message = said(first, text("Hi"), second)
    assert message["reasoning_content"] == "Hm so"
    common = {"type": "reasoning.text", "format": "anthropic-claude-v1"}
    assert message["reasoning_details"] == [
        common | {"text": "Hm", "signature": "sig Hm", "index": 0},
        common | {"text": " so", "signature": "sig  so", "index": 2},
    ]


def test_thoughts_that_only_the_service_reads_come_sealed() -> None:
    message = said({"type": "redacted_thinking", "data": "sealed"}, text("Hi"))
    assert message["reasoning_details"] == [
        {"type": "reasoning.encrypted", "data": "sealed", "format": "anthropic-claude-v1", "index": 0}
    ]
    assert "reasoning_content" not in message


@pytest.mark.parametrize(
    "block",
    [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "a"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"encrypted_content": "e"}]},
        {"type": "something_new", "deep": {"er": [1, None]}},
        {"type": "text", "text": None},
    ],
)
def test_blocks_that_openais_format_does_not_have_come_along_whole(block: Any) -> None:
    message = said(block, text("Hi"))
    assert message["content"] == "Hi"
    assert message["reasoning_details"] == [
        {"type": "anthropic.block", "block": block, "format": "anthropic-claude-v1", "index": 0}
    ]


def test_what_is_no_block_at_all_breaks_nothing() -> None:
    assert said("?", text("Hi"))["content"] == "Hi"


@pytest.mark.parametrize(("title", "shown"), [("Sums", "Sums"), (None, "")])
def test_web_pages_are_cited_as_openai_does_it(title: str | None, shown: str) -> None:
    citation = {
        "type": "web_search_result_location",
        "url": "https://example.com",
        "title": title,
        "cited_text": "1 + 1 = 2",
        "encrypted_index": "x",
    }
    message = said(text("So: "), text("it is 2", citations=[citation]), text("."))
    assert message["content"] == "So: it is 2."
    (annotation,) = message["annotations"]
    cited = annotation["url_citation"]
    assert annotation["type"] == "url_citation"
    assert (cited["url"], cited["title"], cited["content"]) == ("https://example.com", shown, "1 + 1 = 2")
    assert message["content"][cited["start_index"] : cited["end_index"]] == "it is 2"


def test_documents_are_cited_as_the_service_does_it() -> None:
    citation = {"type": "page_location", "cited_text": "Fun", "document_index": 0, "start_page_number": 1}
    raw = json.dumps(told(text("Fun", citations=[citation]))).encode()
    completion = json.loads(ADAPTER.codecs["chat"].decode(raw, target(), request()).body)
    (annotation,) = completion["choices"][0]["message"]["annotations"]
    assert annotation == citation | {"start_index": 0, "end_index": 3}


def test_where_code_ran_is_told() -> None:
    container = {"id": "container_1", "expires_at": "2026-11-22T10:00:00Z"}
    assert decoded(told(text("Hi"), container=container))["container"] == container


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        ({"input_tokens": 3, "output_tokens": 4}, Usage(3, 4)),
        (
            {
                "input_tokens": 3,
                "cache_read_input_tokens": 10,
                "cache_creation_input_tokens": 100,
                "output_tokens": 4,
                "output_tokens_details": {"thinking_tokens": 2},
            },
            Usage(113, 4, cached_tokens=10, reasoning_tokens=2, cache_write_tokens=100),
        ),
        ({"input_tokens": 3}, Usage(3, 0)),
        ({"output_tokens": 4, "output_tokens_details": {"thinking_tokens": None}}, Usage(0, 4)),
        ({"input_tokens": "many"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_usage_in_openais_sense(counts: Any, usage: Usage | None) -> None:
    raw = json.dumps(told(usage=counts)).encode()
    assert ADAPTER.codecs["chat"].decode(raw, target(), request()).usage == usage


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'{"id":1}', b"{}", b'{"content":[]}', b"\xff"])
def test_what_is_no_message_is_an_error(raw: bytes) -> None:
    with pytest.raises(UpstreamError, match="not a message") as caught:
        decoded(raw)
    assert caught.value.status == 502


@pytest.mark.parametrize("further", [{"type": ""}, {"stop_reason": None}])
def test_a_message_is_known_by_its_type_or_its_end(further: Any) -> None:
    assert said(text("Hi"), **further)["content"] == "Hi"


def test_an_error_inside_an_answer_is_one_and_keeps_the_key_secret() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": f"Overloaded for {SECRET}"}}
    with pytest.raises(UpstreamError) as caught:
        decoded(error)
    assert (caught.value.status, caught.value.retryable) == (529, True)
    assert SECRET not in caught.value.message


def test_the_arguments_of_the_tool_that_stands_in_for_a_form_are_the_answer() -> None:
    (choice,) = decoded(told(calling(FORCED_TOOL, a=1), stop_reason="tool_use"), response_format=FORM)["choices"]
    assert json.loads(choice["message"]["content"]) == {"a": 1}
    assert choice["finish_reason"] == "stop"
    assert "tool_calls" not in choice["message"]


@pytest.mark.parametrize("asked", [{}, {"response_format": {"type": "text"}}])
def test_a_tool_of_that_name_is_a_clients_where_no_form_was_asked_for(asked: Any) -> None:
    (choice,) = decoded(told(calling(FORCED_TOOL, a=1), stop_reason="tool_use"), **asked)["choices"]
    assert choice["message"]["tool_calls"][0]["function"]["name"] == FORCED_TOOL


@pytest.mark.parametrize("content", [text("no JSON"), text('{"a":"x"}'), calling(FORCED_TOOL, a="x")])
def test_an_answer_that_does_not_fit_its_form_is_an_error(content: Any) -> None:
    with pytest.raises(UpstreamError) as caught:
        decoded(told(content), response_format=FORM)
    assert caught.value.code == "invalid_structured_output"


@pytest.mark.parametrize("reason", ["max_tokens", "refusal"])
def test_an_answer_that_was_cut_is_not_judged(reason: str) -> None:
    assert decoded(told(text("{"), stop_reason=reason), response_format=FORM)["choices"][0]["message"]["content"] == "{"


def test_a_form_that_is_no_schema_is_the_clients_fault() -> None:
    with pytest.raises(BadRequest):
        decoded(told(text("{}")), response_format={"type": "json_schema", "json_schema": {"schema": {"type": "x"}}})
