"""Messages calls inside the gateway: who is asked how, what is counted, what is written."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from adapters.messages.body import parse
from adapters.wire.errors import BadRequest, GatewayError
from adapters.wire.tokens import count_text
from adapters.wire.usage import Usage
from config.schema import Config, Operation, Provider
from gateway.api.formats import MESSAGES, OPENAI
from gateway.auth import ANYBODY
from gateway.call import Call, Reply
from gateway.dispatch import Dispatch
from gateway.observe.count import count, uncounted
from gateway.observe.usage import UsageTotals
from gateway.onion import Live, build
from gateway.relay import relay
from tests.gateway.calls import a_target, surroundings
from tests.upstream import Case, Upstream, event_stream, frame, json_answer

TEXT = "The quick brown fox jumps over the lazy dog."
USAGE = Usage(70, 7)
Ask = Callable[..., Any]


def messages_call(operation: Operation = "messages", **fields: Any) -> Call:
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}], **fields}
    return Call(operation, b"req_1", ANYBODY, parse(json.dumps(asked).encode()), {}, 0.0)


async def counted(call: Call) -> Usage:
    return USAGE


@pytest.fixture
async def ask(upstream: Upstream) -> AsyncIterator[Ask]:
    """Asks the model of a case, at a provider with these settings."""
    running: list[Live] = []

    async def attempt(case: Case, call: Call, counting: Any = counted, **settings: Any) -> Reply:
        around = surroundings()
        live = Live(build(Config(providers={"lab": Provider(base_url=upstream.base_url, **settings)}), around), around)
        running.append(live)
        target = live.onion.routes.find(f"lab/{case.name}").targets[0]
        return await Dispatch(live.onion.providers, counting).attempt(call, target)

    yield attempt
    for live in running:
        await live.close()


def completion(**further: Any) -> Any:
    choice = {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}
    return json_answer({"id": "c1", "model": "m", "choices": [choice], **further})


# Who is asked how


async def test_a_provider_that_does_not_speak_the_format_is_asked_for_a_chat(ask: Ask, upstream: Upstream) -> None:
    case = upstream.on(completion(usage={"prompt_tokens": 3, "completion_tokens": 4}))
    reply = await ask(case, messages_call())
    assert case.request().line == "POST /v1/chat/completions HTTP/1.1"
    assert json.loads(reply.body)["content"] == [{"type": "text", "text": TEXT}]


async def test_one_that_does_is_asked_in_it(ask: Ask, upstream: Upstream) -> None:
    case = upstream.on(json_answer({"type": "message"}))
    reply = await ask(case, messages_call(), dialect="anthropic")
    assert case.request().line == "POST /v1/messages HTTP/1.1"
    assert reply.body == b'{"type":"message"}'


async def test_an_operator_may_have_even_that_one_asked_for_a_chat(ask: Ask, upstream: Upstream) -> None:
    said = {"type": "message", "content": [{"type": "text", "text": TEXT}], "stop_reason": "end_turn"}
    case = upstream.on(json_answer(said | {"usage": {"input_tokens": 1, "output_tokens": 2}}))
    reply = await ask(case, messages_call(seed=1), dialect="anthropic", operations=["chat"])
    assert (b"x-isthmus-dropped", b"seed=unsupported") in reply.headers
    assert json.loads(reply.body)["content"] == [{"type": "text", "text": TEXT}]


@pytest.mark.parametrize("operation", ["messages", "count_tokens"])
async def test_a_provider_without_chats_has_none(ask: Ask, upstream: Upstream, operation: Operation) -> None:
    with pytest.raises(BadRequest, match=f"does not serve {operation}"):
        await ask(upstream.on([]), messages_call(operation), operations=["embeddings"])


# What is counted


async def test_usage_that_is_owed_is_put_into_the_answer(ask: Ask, upstream: Upstream) -> None:
    call = messages_call()
    reply = await ask(upstream.on(completion()), call)
    assert json.loads(reply.body)["usage"]["input_tokens"] == 70
    assert call.usage is USAGE
    assert (b"content-length", b"%d" % len(reply.body)) in reply.headers


async def test_usage_that_is_owed_is_put_into_the_stream(ask: Ask, upstream: Upstream) -> None:
    chunk = frame({"id": "c1", "choices": [{"index": 0, "delta": {"content": TEXT}, "finish_reason": "stop"}]})
    call = messages_call(stream=True)
    reply = await ask(upstream.on(event_stream(chunk, frame("[DONE]"))), call)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    await relay(call, reply, send, counted)
    assert b'"input_tokens":70' in b"".join(sent)
    assert count(uncounted(call)).completion_tokens == count_text(TEXT, call.target.model if call.target else "")


async def test_a_count_is_an_estimate_of_the_gateway(ask: Ask, upstream: Upstream) -> None:
    case = upstream.on([])
    reply = await ask(case, messages_call("count_tokens"))
    assert reply.body == b'{"input_tokens":70}'
    assert (b"x-isthmus-estimated", b"input_tokens") in reply.headers
    assert not case.requests


async def test_a_count_that_fails_is_an_error(ask: Ask, upstream: Upstream) -> None:
    async def fails(call: Call) -> Usage:
        return Usage(estimated=True)

    with pytest.raises(GatewayError, match="could not be counted"):
        await ask(upstream.on([]), messages_call("count_tokens"), fails)


async def test_what_could_not_be_asked_is_not_counted(ask: Ask, upstream: Upstream) -> None:
    with pytest.raises(BadRequest, match="messages"):
        await ask(upstream.on([]), messages_call("count_tokens", messages=[]))


async def test_a_count_uses_no_tokens() -> None:
    totals = UsageTotals(surroundings().estimates)
    call = messages_call("count_tokens")
    call.target, call.status = a_target(), 200
    totals(call)
    (total,) = totals.totals.values()
    assert (total.requests, total.prompt_tokens, total.estimated_requests) == (1, 0, 0)


def prompt_tokens(**fields: Any) -> int:
    call = messages_call(**fields)
    call.target = a_target()
    return count(uncounted(call)).prompt_tokens


def test_instructions_and_tools_are_part_of_a_prompt() -> None:
    tokens = count_text(TEXT, "llama")
    tool = {"name": "f", "description": TEXT, "input_schema": {"type": "object"}}
    for further in ({"system": TEXT}, {"system": [{"type": "text", "text": TEXT}]}, {"tools": [tool]}):
        assert prompt_tokens(**further) >= prompt_tokens() + tokens


def test_images_and_signatures_are_no_text() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 9_999}}
    thought = {"type": "thinking", "thinking": "a", "signature": "A" * 9_999}
    assert prompt_tokens(messages=[{"role": "user", "content": [image, thought]}]) < 20


@pytest.mark.parametrize(
    "sent",
    [
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": TEXT}},
        {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": TEXT}},
        {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": TEXT}},
        {"type": "content_block_start", "content_block": {"type": "tool_use", "name": TEXT, "input": {}}},
        {"type": "message", "content": [{"type": "text", "text": TEXT}]},
    ],
)
def test_what_was_sent_is_counted(sent: Any) -> None:
    call = messages_call()
    call.target = a_target()
    call.transcript = [b"event: e\n", frame(sent)]
    assert count(uncounted(call)).completion_tokens == count_text(TEXT, "llama")


def test_arguments_of_a_whole_answer_are_counted() -> None:
    call = messages_call()
    call.transcript = [frame({"content": [{"type": "tool_use", "name": "f", "input": {"a": TEXT}}]})]
    assert count(uncounted(call)).completion_tokens > count_text(TEXT, "m")


# What is written


def test_errors_are_written_in_the_doors_format() -> None:
    error = BadRequest("No.", param="model")
    assert json.loads(OPENAI.error_body(error, b"req_1"))["error"]["param"] == "model"
    assert json.loads(MESSAGES.error_body(error, b"req_1"))["request_id"] == "req_1"


def test_the_requests_id_has_the_name_that_the_sdk_reads() -> None:
    assert OPENAI.headers is None
    assert MESSAGES.headers is not None
    assert MESSAGES.headers(b"req_1") == ((b"request-id", b"req_1"),)


def test_a_body_in_the_format_always_wants_usage() -> None:
    assert messages_call(stream=True).body.wants_usage
    assert not messages_call().body.wants_usage
