"""Streams that break after content went out: an error event that says what is known, or a continuation elsewhere."""

import json
from typing import Any

import pytest

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import Answer, RawClient, ask, chat
from tests.scenarios.reliability import DONE, chunks_of, delta, text_of, told, usage_chunk
from tests.upstream import Case, Cut, Hang, Reset, Step, Upstream, event_stream, frame
from tests.upstream.dialects.asked import KEY

INSIDE = frame({"error": {"message": "Worker died.", "type": "server_error", "param": None, "code": "died"}})
ENDED = frame({"id": "one", "model": "model-one", "choices": []})
"""A last chunk after which a stream ends as if whole, though nothing said that it would."""
CALL = [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a'}}]
ROLE = delta("", id="two", role="assistant")
REST = event_stream(ROLE, delta(" you?", id="two"), delta(id="two", finish="stop"), usage_chunk(7, 2, "two"), DONE)


def serve(start_gateway: StartGateway, *cases: Case, **settings: Any) -> GatewayProcess:
    """A gateway with these deployments, all of which go on with text; `other` is the second's provider."""
    names = [case.name for case in cases]
    facts = {f"scripted/{name}": {"continues": True} for name in names}
    deployments = [{"provider": "scripted", "model": name} for name in names]
    model = {"deployments": deployments, "broken_stream": "continue", "retry": {"attempts": 1}, **settings}
    return start_gateway(models={"m": model}, facts=facts)


def last_error(answer: Answer) -> Any:
    """The event that ends a stream."""
    assert b"[DONE]" not in answer.body
    return chunks_of(answer.body)[-1]["error"]


@pytest.mark.parametrize(
    ("death", "code"),
    [
        pytest.param(Cut(), "upstream_unreachable", id="cut"),
        pytest.param(Reset(), "upstream_unreachable", id="reset"),
        pytest.param(INSIDE, "died", id="an error inside"),
        pytest.param(ENDED, "stream_incomplete", id="an end untold"),
    ],
)
def test_the_stream_ends_with_an_error_that_says_what_was_sent(
    start_gateway: StartGateway, upstream: Upstream, death: bytes | Step, code: str
) -> None:
    case = upstream.on(event_stream(delta("Hello, "), delta("world"), death))
    gateway = serve(start_gateway, case, broken_stream="error")
    answer = ask(gateway.port, chat("m", stream=True))
    error = last_error(answer)
    assert (error["code"], error["sent"]) == (code, {"characters": 12, "tokens": 3, "estimated": True})
    assert error["message"]
    assert text_of(answer) == "Hello, world"


def test_a_half_tool_call_is_never_left_as_if_whole(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(event_stream(delta("Hm"), delta(tool_calls=CALL), Cut()))
    good = upstream.on(REST)
    answer = ask(serve(start_gateway, case, good).port, chat("m", stream=True))
    assert last_error(answer)["code"] == "upstream_unreachable"
    assert all(not choice["finish_reason"] for chunk in chunks_of(answer.body)[:-1] for choice in chunk["choices"])
    assert not good.requests


@pytest.mark.parametrize("death", [Cut(), INSIDE, ENDED], ids=["cut", "an error inside", "an end untold"])
def test_another_deployment_goes_on_with_the_text(
    start_gateway: StartGateway, upstream: Upstream, death: bytes | Step
) -> None:
    case = upstream.on(event_stream(delta("", role="assistant"), delta("How are"), death))
    good = upstream.on(REST)
    gateway = serve(start_gateway, case, good)
    answer = ask(gateway.port, chat("m", stream=True, stream_options={"include_usage": True}, max_tokens=50))
    assert text_of(answer) == "How are you?"
    *chunks, done = chunks_of(answer.body)
    assert done == "[DONE]"
    assert {(chunk["id"], chunk["model"]) for chunk in chunks} == {("one", "model-one")}
    assert sum("role" in choice["delta"] for chunk in chunks for choice in chunk["choices"]) == 1
    asked = good.request().json
    assert asked["messages"][-1] == {"role": "assistant", "content": "How are"}
    assert asked["max_tokens"] == 48


def test_the_usage_of_both_is_added(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(event_stream(delta("How are"), usage_chunk(5, 2), Cut()))
    gateway = serve(start_gateway, case, upstream.on(REST))
    answer = ask(gateway.port, chat("m", stream=True, stream_options={"include_usage": True}))
    told = [chunk["usage"] for chunk in chunks_of(answer.body)[:-1] if chunk.get("usage")]
    assert (told[-1]["prompt_tokens"], told[-1]["completion_tokens"]) == (12, 4)


def test_a_continuation_that_breaks_is_continued_once_more(start_gateway: StartGateway, upstream: Upstream) -> None:
    first = upstream.on(event_stream(delta("How"), Cut()))
    second = upstream.on(event_stream(delta(" are", id="three"), Cut()))
    third = upstream.on(REST)
    answer = ask(serve(start_gateway, first, second, third).port, chat("m", stream=True))
    assert text_of(answer) == "How are you?"
    assert third.request().json["messages"][-1]["content"] == "How are"


def test_when_nobody_can_continue_the_error_is_told(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(event_stream(delta("How"), Cut()))
    answer = ask(serve(start_gateway, case, upstream.on([Cut()])).port, chat("m", stream=True))
    error = last_error(answer)
    assert [each["cause"] for each in error["attempts"]] == ["first", "continuation"]


def test_white_space_at_the_end_is_not_given_twice(start_gateway: StartGateway, upstream: Upstream) -> None:
    case, good = upstream.on(event_stream(delta("How are "), Cut())), upstream.on(REST)
    answer = ask(serve(start_gateway, case, good).port, chat("m", stream=True))
    assert text_of(answer) == "How are you?"
    assert good.request().json["messages"][-1]["content"] == "How are"


@pytest.mark.parametrize(
    ("prefill", "mark", "beside"),
    [
        ("plain", {}, {}),
        ("prefix", {"prefix": True}, {}),
        ("continue_final_message", {}, {"continue_final_message": True, "add_generation_prompt": False}),
    ],
)
def test_the_text_so_far_is_marked_as_the_provider_wants_it(
    start_gateway: StartGateway, upstream: Upstream, prefill: str, mark: dict[str, Any], beside: dict[str, Any]
) -> None:
    case, good = upstream.on(event_stream(delta("How are"), Cut())), upstream.on(REST)
    names = [case.name, good.name]
    gateway = start_gateway(
        provider={"prefill": prefill},
        models={
            "m": {
                "deployments": [{"provider": "scripted", "model": name} for name in names],
                "broken_stream": "continue",
                "retry": {"attempts": 1},
            }
        },
        facts={f"scripted/{name}": {"continues": True} for name in names},
    )
    assert text_of(ask(gateway.port, chat("m", stream=True))) == "How are you?"
    asked = good.request().json
    assert asked["messages"][-1] == {"role": "assistant", "content": "How are", **mark}
    assert {
        name: asked[name] for name in ("continue_final_message", "add_generation_prompt") if name in asked
    } == beside


@pytest.mark.parametrize(
    "fields",
    [{"n": 2}, {"response_format": {"type": "json_object"}}],
    ids=["several choices", "a format"],
)
def test_what_can_not_be_continued_ends_with_an_error(
    start_gateway: StartGateway, upstream: Upstream, fields: dict[str, Any]
) -> None:
    case, good = upstream.on(event_stream(delta("How"), Cut())), upstream.on(REST)
    answer = ask(serve(start_gateway, case, good).port, chat("m", stream=True, **fields))
    assert last_error(answer)["code"] == "upstream_unreachable"
    assert not good.requests


def test_only_deployments_that_go_on_with_a_text_are_asked(start_gateway: StartGateway, upstream: Upstream) -> None:
    case, good = upstream.on(event_stream(delta("How"), Cut())), upstream.on(REST)
    model = {
        "deployments": [{"provider": "scripted", "model": each.name} for each in (case, good)],
        "broken_stream": "continue",
    }
    answer = ask(start_gateway(models={"m": model}).port, chat("m", stream=True))
    assert last_error(answer)
    assert not good.requests


@pytest.mark.parametrize("death", [Cut(), ENDED], ids=["cut", "an end untold"])
def test_a_messages_stream_ends_with_an_error_event(
    start_gateway: StartGateway, upstream: Upstream, death: bytes | Step
) -> None:
    case = upstream.on(event_stream(delta("Hello"), death))
    answer = ask(
        serve(start_gateway, case, broken_stream="error").port, chat("m", stream=True, max_tokens=9), "/v1/messages"
    )
    name, data = answer.body.rstrip().split(b"\n\n")[-1].split(b"\n")
    assert name == b"event: error"
    assert json.loads(data.removeprefix(b"data: "))["error"]["details"]["sent"]["characters"] == 5
    assert b"message_stop" not in answer.body


def test_completions_that_end_untold_end_with_an_error_event(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(
        event_stream(frame({"id": "one", "choices": [{"index": 0, "text": "Hi", "finish_reason": None}]}))
    )
    gateway = serve(start_gateway, case, broken_stream="error")
    answer = ask(gateway.port, {"model": "m", "prompt": "?", "stream": True}, "/v1/completions")
    error = last_error(answer)
    assert (error["code"], error["sent"]["characters"]) == ("stream_incomplete", 2)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_stream_that_ends_untold_before_its_content_is_asked_for_elsewhere(
    start_gateway: StartGateway, upstream: Upstream, path: str
) -> None:
    case, good = upstream.on(event_stream(delta("", role="assistant"), usage_chunk(3, 0))), upstream.on(REST)
    answer = ask(serve(start_gateway, case, good).port, chat("m", stream=True, max_tokens=9), path)
    assert b" you?" in answer.body
    assert [(each.cause, each.error) for each in told(answer)] == [("first", "stream_incomplete"), ("fallback", None)]


def test_another_dialect_goes_on_with_the_text(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(event_stream(delta("How are"), Cut()))
    root = upstream.base_url.removesuffix("/v1")
    gateway = start_gateway(
        providers={
            "scripted": {"base_url": upstream.base_url},
            "other": {"extends": "anthropic", "base_url": f"{root}/anthropic/v1", "api_key": KEY},
        },
        models={
            "m": {
                "deployments": [
                    {"provider": "scripted", "model": case.name},
                    {"provider": "other", "model": "claude-sonnet-4-5-talker"},
                ],
                "broken_stream": "continue",
            }
        },
        facts={"other/claude-sonnet-4-5-talker": {"continues": True}},
    )
    answer = ask(gateway.port, chat("m", stream=True, max_tokens=50))
    *chunks, done = chunks_of(answer.body)
    assert (text_of(answer), done) == ("How areYou said: Hello there", "[DONE]")
    assert {chunk["id"] for chunk in chunks} == {"one"}


def test_a_client_that_leaves_ends_the_continuation(start_gateway: StartGateway, upstream: Upstream) -> None:
    first = upstream.on(event_stream(delta("How"), Cut()))
    second = upstream.on(event_stream(delta(" are", id="two"), Hang()))
    with RawClient(serve(start_gateway, first, second).port) as client:
        client.post(chat("m", stream=True))
        client.head()
        chunks = client.chunks()
        assert b"How" in next(chunks)
        assert b" are" in next(chunks)
    second.request().closed_at()
