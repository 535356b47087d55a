"""Anthropic's SDK in front of any provider: what its users do, against a model that speaks OpenAI's format only."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import Message, MessageParam, ToolUseBlock
from pydantic import BaseModel

from tests.clients.conftest import Service
from tests.conftest import KEY, NARROW_KEY, UPSTREAM_KEY, StartGateway
from tests.upstream import Cut, Hang, Pause, Upstream, event_stream, frame, json_answer

HELLO: list[MessageParam] = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        "required": ["city", "unit"],
    },
}
TIME: Any = {"name": "get_time", "input_schema": {"type": "object", "properties": {"zone": {"type": "string"}}}}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


class City(BaseModel):
    """What a model is asked for."""

    name: str
    people: int


def root(service: Service) -> str:
    """Anthropic's SDK writes `/v1` itself."""
    return service.base_url.removesuffix("/v1")


@pytest.fixture
def client(service: Service) -> Iterator[Anthropic]:
    with Anthropic(base_url=root(service), api_key=service.api_key, max_retries=0, timeout=60) as made:
        yield made


@pytest.fixture
def scripted_client(scripted: Service) -> Iterator[Anthropic]:
    with Anthropic(base_url=root(scripted), api_key=scripted.api_key, max_retries=0, timeout=30) as made:
        yield made


@pytest.fixture
async def async_client(service: Service) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=root(service), api_key=service.api_key, max_retries=0, timeout=60) as made:
        yield made


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return frame({"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})


def completion(message: dict[str, Any], finish: str = "stop", **further: Any) -> Any:
    choice = {"index": 0, "message": {"role": "assistant", "content": None} | message, "finish_reason": finish}
    return json_answer({"id": "c1", "object": "chat.completion", "model": "m", "choices": [choice]} | further)


def text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def calls_of(message: Message) -> list[ToolUseBlock]:
    return [block for block in message.content if block.type == "tool_use"]


# Answers


def test_a_message(client: Anthropic, service: Service) -> None:
    message = client.messages.create(model=service.model, max_tokens=20, messages=HELLO, system="Be brief.")
    assert (message.type, message.role) == ("message", "assistant")
    assert text_of(message)
    assert message.stop_reason in ("end_turn", "max_tokens")
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0
    assert message._request_id


async def test_an_async_message(async_client: AsyncAnthropic, service: Service) -> None:
    assert text_of(await async_client.messages.create(model=service.model, max_tokens=20, messages=HELLO))


def test_a_stream_of_events_in_anthropics_order(client: Anthropic, service: Service) -> None:
    stream = client.messages.create(model=service.model, max_tokens=12, messages=HELLO, stream=True)
    kinds = [event.type for event in stream]
    assert kinds[:3] == ["message_start", "content_block_start", "content_block_delta"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[3:-3]) <= {"content_block_delta"}


def test_the_streaming_helper(client: Anthropic, service: Service) -> None:
    with client.messages.stream(model=service.model, max_tokens=12, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text == text_of(message) != ""
    assert message.stop_reason in ("end_turn", "max_tokens")
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


async def test_the_async_streaming_helper(async_client: AsyncAnthropic, service: Service) -> None:
    async with async_client.messages.stream(model=service.model, max_tokens=12, messages=HELLO) as stream:
        text = "".join([piece async for piece in stream.text_stream])
    assert text


def test_a_count_of_tokens(client: Anthropic, service: Service) -> None:
    few = client.messages.count_tokens(model=service.model, messages=HELLO).input_tokens
    more = client.messages.count_tokens(model=service.model, messages=HELLO, system="Be brief.", tools=[WEATHER])
    assert 0 < few < more.input_tokens


def test_a_count_says_that_it_is_an_estimate(client: Anthropic, service: Service) -> None:
    raw = client.messages.with_raw_response.count_tokens(model=service.model, messages=HELLO)
    assert raw.headers["x-isthmus-estimated"] == "input_tokens"


def test_a_stop_at_the_bound(scripted_client: Anthropic, scripted: Service) -> None:
    message = scripted_client.messages.create(model=scripted.model, max_tokens=2, messages=HELLO)
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens == 2


def test_stop_sequences(scripted_client: Anthropic, scripted: Service) -> None:
    message = scripted_client.messages.create(
        model=scripted.model, max_tokens=20, messages=HELLO, stop_sequences=["capital"]
    )
    assert text_of(message) == "You said: What is the "


def test_structured_outputs(scripted_client: Anthropic, scripted: Service) -> None:
    message = scripted_client.messages.parse(
        model=scripted.model,
        max_tokens=100,
        messages=[{"role": "user", "content": "'Paris' has 2100000 people"}],
        output_format=City,
    )
    assert message.parsed_output == City(name="Paris", people=2100000)


# Tools


def ask_for_tools(client: Anthropic, model: str, stream: bool, **further: Any) -> Message:
    asked: Any = {"model": model, "max_tokens": 60, "tools": [WEATHER, TIME], **further}
    if not stream:
        made: Message = client.messages.create(**asked)
        return made
    with client.messages.stream(**asked) as events:
        return events.get_final_message()


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_a_forced_tool(client: Anthropic, service: Service, stream: bool) -> None:
    choice = {"type": "tool", "name": "get_weather"}
    message = ask_for_tools(client, service.model, stream, messages=HELLO, tool_choice=choice)
    (call,) = calls_of(message)
    assert call.id
    assert call.name == "get_weather"
    assert call.input.keys() == {"city", "unit"}


BOTH: list[MessageParam] = [{"role": "user", "content": "get_weather and get_time of 'Paris'"}]


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_parallel_tools(scripted_client: Anthropic, scripted: Service, stream: bool) -> None:
    message = ask_for_tools(scripted_client, scripted.model, stream, messages=BOTH)
    assert [call.name for call in calls_of(message)] == ["get_weather", "get_time"]
    assert message.stop_reason == "tool_use"


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("kind", ["auto", "any"])
def test_no_parallel_tools(scripted_client: Anthropic, scripted: Service, stream: bool, kind: str) -> None:
    choice = {"type": kind, "disable_parallel_tool_use": True}
    message = ask_for_tools(scripted_client, scripted.model, stream, messages=BOTH, tool_choice=choice)
    assert len(calls_of(message)) == 1


def test_no_tools(scripted_client: Anthropic, scripted: Service) -> None:
    message = ask_for_tools(scripted_client, scripted.model, False, messages=BOTH, tool_choice={"type": "none"})
    assert text_of(message).startswith("You said")


def test_the_results_of_tools(client: Anthropic, service: Service) -> None:
    asked = ask_for_tools(
        client, service.model, False, messages=HELLO, tool_choice={"type": "tool", "name": "get_weather"}
    )
    (call,) = calls_of(asked)
    result: Any = {"type": "tool_result", "tool_use_id": call.id, "content": "Sunny, 21 degrees"}
    message = client.messages.create(
        model=service.model,
        max_tokens=30,
        tools=[WEATHER],
        messages=[*HELLO, asked.to_param(), {"role": "user", "content": [result]}],
    )
    assert text_of(message)


def test_a_tool_that_shows_an_image(scripted_client: Anthropic, upstream: Upstream) -> None:
    case = upstream.on(completion({"content": "A pixel."}))
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    shown: Any = {
        "type": "tool_result",
        "tool_use_id": "call_1",
        "content": [{"type": "text", "text": "Here."}, {"type": "image", "source": source}],
    }
    called: Any = {"type": "tool_use", "id": "call_1", "name": "look", "input": {}}
    scripted_client.messages.create(
        model=case.model,
        max_tokens=10,
        messages=[*HELLO, {"role": "assistant", "content": [called]}, {"role": "user", "content": [shown]}],
    )
    tool, user = case.request().json["messages"][-2:]
    assert (tool["role"], tool["tool_call_id"]) == ("tool", "call_1")
    assert tool["content"].startswith("Here.")
    assert user["content"][-1] == {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}


# Thoughts

THOUGHTS = event_stream(
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "They want "}),
    chunk({"reasoning_content": "a capital."}),
    chunk({"content": "Paris."}),
    chunk({}, "stop"),
    frame("[DONE]"),
)


def test_thoughts_come_as_thinking_blocks(scripted_client: Anthropic, upstream: Upstream) -> None:
    with scripted_client.messages.stream(model=upstream.on(THOUGHTS).model, max_tokens=9, messages=HELLO) as stream:
        thoughts = "".join(event.thinking for event in stream if event.type == "thinking")
        message = stream.get_final_message()
    thinking, text = message.content
    assert thinking.type == "thinking"
    assert thinking.thinking == thoughts == "They want a capital."
    assert thinking.signature
    assert text.type == "text"


def test_thoughts_go_back_to_who_thought_them(scripted_client: Anthropic, upstream: Upstream) -> None:
    case = upstream.on(completion({"content": "Paris.", "reasoning_content": "They want a capital."}))
    asked: Any = {"model": case.model, "max_tokens": 9}
    message = scripted_client.messages.create(messages=HELLO, **asked)
    case.request()
    scripted_client.messages.create(messages=[*HELLO, message.to_param(), *HELLO], **asked)
    sent = case.request().json["messages"][1]
    assert sent == {"role": "assistant", "content": "Paris.", "reasoning_content": "They want a capital."}


def test_a_budget_for_thoughts_is_an_effort(scripted_client: Anthropic, upstream: Upstream) -> None:
    case = upstream.on(completion({"content": "Paris."}))
    scripted_client.messages.create(
        model=case.model, max_tokens=20_000, messages=HELLO, thinking={"type": "enabled", "budget_tokens": 10_000}
    )
    assert case.request().json["reasoning_effort"] == "medium"


# What agents send


def test_a_request_as_coding_agents_write_it(scripted_client: Anthropic, scripted: Service) -> None:
    hint: Any = {"type": "ephemeral"}
    asked: Any = {
        "model": scripted.model,
        "max_tokens": 32_000,
        "system": [
            {"type": "text", "text": "You are an agent."},
            {"type": "text", "text": "Be good.", "cache_control": hint},
        ],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello", "cache_control": hint}]}],
        "metadata": {"user_id": "user_" + "0" * 150},
        "tools": [{**TIME, "cache_control": hint}],
        "thinking": {"type": "adaptive"},
        "betas": ["interleaved-thinking-2025-05-14"],
    }
    message = scripted_client.beta.messages.create(**asked)
    assert message.content[0].type == "text"
    assert message.content[0].text == "You said: Hello"


def test_what_is_left_out_is_told(scripted_client: Anthropic, scripted: Service) -> None:
    raw = scripted_client.messages.with_raw_response.create(
        model=scripted.model, max_tokens=9, messages=HELLO, extra_body={"container": "c", "cache_control": {}}
    )
    assert raw.headers["x-isthmus-dropped"] == "container=unsupported, cache_control=other-dialect"


def test_both_ways_to_send_the_key(scripted: Service) -> None:
    with Anthropic(base_url=root(scripted), auth_token=KEY, api_key=None, max_retries=0) as client:
        assert text_of(client.messages.create(model=scripted.model, max_tokens=9, messages=HELLO))


# Usage


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_usage_that_the_provider_does_not_tell_is_counted(
    scripted_client: Anthropic, upstream: Upstream, stream: bool
) -> None:
    said = "The capital of France is Paris."
    script = (
        event_stream(chunk({"content": said}), chunk({}, "stop"), frame("[DONE]"))
        if stream
        else completion({"content": said})
    )
    message = ask_for_tools(scripted_client, upstream.on(script).model, stream, messages=HELLO)
    assert message.usage.output_tokens == 7
    assert message.usage.input_tokens > 10


def test_cached_tokens_are_no_part_of_the_input(scripted_client: Anthropic, upstream: Upstream) -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 5,
        "total_tokens": 105,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    case = upstream.on(completion({"content": "a"}, usage=usage))
    told = scripted_client.messages.create(model=case.model, max_tokens=9, messages=HELLO).usage
    assert (told.input_tokens, told.cache_read_input_tokens, told.output_tokens) == (36, 64, 5)
    assert told.output_tokens_details is not None
    assert told.output_tokens_details.thinking_tokens == 2


def test_counts_are_logged_and_count_tokens_uses_none(start_gateway: StartGateway, upstream: Upstream) -> None:
    with start_gateway() as gateway, Anthropic(base_url=gateway.url, api_key="any", max_retries=0) as client:
        client.messages.count_tokens(model="scripted/talker", messages=HELLO)
        client.messages.create(model="scripted/talker", max_tokens=9, messages=HELLO)
        gateway.terminate()
        gateway.wait()
        told = json.loads(
            next(line for line in gateway.log.splitlines() if '"event":"usage"' in line).partition("usage: ")[2]
        )
    assert (told["requests"], told["prompt_tokens"], told["completion_tokens"]) == (2, 6, 8)
    assert told["estimated_requests"] == 0


# Errors

STATUSES = {
    400: (anthropic.BadRequestError, "invalid_request_error"),
    401: (anthropic.AuthenticationError, "authentication_error"),
    403: (anthropic.PermissionDeniedError, "permission_error"),
    404: (anthropic.NotFoundError, "not_found_error"),
    409: (anthropic.ConflictError, "conflict_error"),
    422: (anthropic.UnprocessableEntityError, "invalid_request_error"),
    429: (anthropic.RateLimitError, "rate_limit_error"),
    500: (anthropic.InternalServerError, "api_error"),
    503: (anthropic.InternalServerError, "overloaded_error"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize(("status", "kind"), STATUSES.items())
def test_the_upstreams_refusals(
    scripted_client: Anthropic, status: int, kind: tuple[type[anthropic.APIStatusError], str], stream: bool
) -> None:
    with pytest.raises(kind[0]) as caught:
        scripted_client.messages.create(model=f"scripted/error-{status}", max_tokens=9, messages=HELLO, stream=stream)
    assert caught.value.status_code == status
    assert caught.value.type == kind[1]
    assert caught.value.error_code == f"scripted_{status}"
    assert f"refuses with {status}" in caught.value.message
    assert caught.value.request_id
    assert UPSTREAM_KEY not in str(caught.value)


def test_a_rate_limit_says_when_to_come_back(scripted_client: Anthropic) -> None:
    with pytest.raises(anthropic.RateLimitError) as caught:
        scripted_client.messages.create(model="scripted/error-429", max_tokens=9, messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "7"


def test_a_wrong_key(scripted: Service) -> None:
    with (
        Anthropic(base_url=root(scripted), api_key="wrong-key-000000", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError) as caught,
    ):
        client.messages.create(model=scripted.model, max_tokens=9, messages=HELLO)
    assert (caught.value.type, caught.value.error_code) == ("authentication_error", "invalid_api_key")


def test_a_key_without_the_right(scripted: Service) -> None:
    with (
        Anthropic(base_url=root(scripted), api_key=NARROW_KEY, max_retries=0) as client,
        pytest.raises(anthropic.PermissionDeniedError),
    ):
        client.messages.create(model="scripted/other", max_tokens=9, messages=HELLO)


def test_an_unknown_model(scripted_client: Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        scripted_client.messages.create(model="scriptde/talker", max_tokens=9, messages=HELLO)
    assert caught.value.type == "not_found_error"
    assert "scripted/" in caught.value.message


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            "tools[0]: The tool 'web_search_20250305'",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "server_tool_use", "id": "a"}]}]},
            "messages[0].content[0]: Blocks of type 'server_tool_use'",
        ),
        ({"mcp_servers": [{"type": "url", "url": "https://mcp.example", "name": "m"}]}, "'mcp_servers'"),
        ({"messages": []}, "'messages'"),
        ({"messages": [{"role": "user", "content": 1}]}, "'messages[0].content'"),
        ({"max_tokens": "many"}, "'max_tokens'"),
    ],
)
@pytest.mark.parametrize("counts", [False, True], ids=["messages", "count_tokens"])
def test_what_cant_be_said_is_refused_by_name(
    scripted_client: Anthropic, scripted: Service, asked: Any, named: str, counts: bool
) -> None:
    body = {"model": scripted.model, "max_tokens": 9, "messages": HELLO, **asked}
    with pytest.raises(anthropic.BadRequestError) as caught:
        scripted_client.post(f"/v1/messages{'/count_tokens' * counts}", body=body, cast_to=object)
    assert caught.value.type == "invalid_request_error"
    assert named in str(caught.value.api_message)


def test_a_body_that_is_too_large(scripted_client: Anthropic, scripted: Service) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        scripted_client.messages.create(model=scripted.model, max_tokens=9, messages=HELLO, system="x" * 34_000_000)
    assert caught.value.status_code == 413
    assert caught.value.body["error"]["type"] == "request_too_large"  # type: ignore[index]


def test_an_error_inside_a_stream(scripted_client: Anthropic, upstream: Upstream) -> None:
    case = upstream.on(event_stream(chunk({"content": "a"}), Pause(0.05), Cut()))
    stream = scripted_client.messages.create(model=case.model, max_tokens=9, messages=HELLO, stream=True)
    with pytest.raises(anthropic.APIStatusError, match="broke") as caught:
        list(stream)
    assert caught.value.type == "api_error"


def test_an_error_that_the_provider_reports_inside_a_stream(scripted_client: Anthropic, upstream: Upstream) -> None:
    told = frame({"error": {"message": "too busy", "type": "server_error", "code": 503}})
    case = upstream.on(event_stream(chunk({"content": "a"}), told))
    stream = scripted_client.messages.create(model=case.model, max_tokens=9, messages=HELLO, stream=True)
    with pytest.raises(anthropic.APIStatusError, match="too busy") as caught:
        list(stream)
    assert caught.value.type == "overloaded_error"


def test_a_stream_that_ends_before_it_begins(scripted_client: Anthropic, upstream: Upstream) -> None:
    case = upstream.on(event_stream())
    with pytest.raises(anthropic.InternalServerError, match="ended before its answer did"):
        scripted_client.messages.create(model=case.model, max_tokens=9, messages=HELLO, stream=True)


def test_a_provider_that_is_too_slow(start_gateway: StartGateway, upstream: Upstream) -> None:
    with (
        start_gateway({"timeouts": {"first_byte": 0.2}}) as gateway,
        Anthropic(base_url=gateway.url, api_key="any", max_retries=0) as client,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        client.messages.create(model=upstream.on([Hang()]).model, max_tokens=9, messages=HELLO)
    assert (caught.value.status_code, caught.value.type) == (504, "timeout_error")


def test_a_client_that_leaves_ends_the_upstreams_call(scripted_client: Anthropic, upstream: Upstream) -> None:
    case = upstream.on(event_stream(chunk({"content": "a"}), Hang()))
    with scripted_client.messages.stream(model=case.model, max_tokens=9, messages=HELLO) as stream:
        next(iter(stream))
    case.request().closed_at()


def test_a_next_deployment_answers(start_gateway: StartGateway, upstream: Upstream) -> None:
    broken = {"provider": "scripted", "model": "error-503"}
    models = {"fast": {"deployments": [broken, {"provider": "scripted", "model": "talker"}]}}
    with (
        start_gateway(models=models) as gateway,
        Anthropic(base_url=gateway.url, api_key="any", max_retries=0) as client,
    ):
        assert text_of(client.messages.create(model="fast", max_tokens=20, messages=HELLO))
