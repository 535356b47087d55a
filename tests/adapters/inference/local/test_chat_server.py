"""A real model in its process, asked as the gateway asks it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jsonschema
import pytest

from adapters.wire.errors import UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.local.asking import Model, eventually, user

pytestmark = pytest.mark.asyncio(loop_scope="session")

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["C", "F"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
TIME = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "Tell the time in a zone.",
        "parameters": {
            "type": "object",
            "properties": {"zone": {"$ref": "#/$defs/zone"}},
            "required": ["zone"],
            "additionalProperties": False,
            "$defs": {"zone": {"enum": ["UTC", "CET"]}},
        },
    },
}
PARAMETERS = {tool["function"]["name"]: tool["function"]["parameters"] for tool in (WEATHER, TIME)}  # type: ignore[index]
STORY = {"messages": user("Write a very long story."), "ignore_eos": True, "max_tokens": 900}


def text_of(answer: dict[str, Any]) -> str:
    text: str = answer["choices"][0]["message"]["content"]
    return text


async def until_busy(chat: Model, slots: int, seconds: float = 20) -> None:
    """Wait until so many slots compute."""

    async def so_many() -> bool:
        return await chat.busy_slots() == slots

    await eventually(so_many, seconds, every=0.1)


@asynccontextmanager
async def writing(chat: Model, count: int, stream: bool = False) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Endless answers under way, ended when the context is left."""
    await until_busy(chat, 0)
    tasks: list[asyncio.Task[Any]] = [
        asyncio.create_task(chat.send("chat", **STORY, stream=stream)) for _ in range(count)
    ]
    try:
        await until_busy(chat, min(count, 2))
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await until_busy(chat, 0)


async def test_it_answers_and_counts_tokens(chat: Model) -> None:
    answer = await chat.answer("chat", messages=user("Say hello."), max_tokens=8)
    told = json.loads(answer.body)
    assert told["choices"][0]["message"]["content"]
    assert (told["object"], told["model"]) == ("chat.completion", "smollm2")
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 20
    assert 1 <= answer.usage.completion_tokens <= 8


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_an_answer_has_no_more_tokens_than_asked(chat: Model, name: str) -> None:
    told = await chat.ask("chat", messages=user("Hi"), ignore_eos=True, **{name: 5})
    assert told["usage"]["completion_tokens"] == 5
    assert told["choices"][0]["finish_reason"] == "length"


async def test_a_stream_says_what_a_unary_answer_says(chat: Model) -> None:
    fields = {"messages": user("Tell me about the sea."), "max_tokens": 12, "temperature": 0, "seed": 1}
    chunks = await chat.stream("chat", **fields)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("content", "") for delta in deltas) == text_of(await chat.ask("chat", **fields))
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"


async def test_a_stream_tells_usage_where_asked(chat: Model) -> None:
    fields = {"messages": user("Hi"), "max_tokens": 3}
    *chunks, last = await chat.stream("chat", **fields, stream_options={"include_usage": True})
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 3
    assert all(chunk["choices"] for chunk in chunks)


async def test_the_same_seed_writes_the_same_text(chat: Model) -> None:
    fields = {"messages": user("Invent a name for a ship."), "max_tokens": 12, "temperature": 1.0, "seed": 42}
    assert text_of(await chat.ask("chat", **fields)) == text_of(await chat.ask("chat", **fields))


async def test_a_text_ends_before_a_stop_sequence(chat: Model) -> None:
    told = await chat.ask(
        "chat", messages=user("Count: 1, 2, 3, 4, 5, 6, 7, 8"), max_tokens=60, temperature=0, stop=[","]
    )
    assert "," not in text_of(told)
    assert told["choices"][0]["finish_reason"] == "stop"


async def test_an_answer_fits_the_json_schema_asked_for(chat: Model) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "maximum": 120}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": schema}}
    told = await chat.ask("chat", messages=user("Describe a person."), response_format=wanted, max_tokens=120, seed=1)
    jsonschema.validate(json.loads(text_of(told)), schema)


async def test_every_choice_has_its_text_and_its_tokens_are_counted(chat: Model) -> None:
    told = await chat.ask("chat", messages=user("Hi"), n=2, max_tokens=3, ignore_eos=True)
    assert [choice["index"] for choice in told["choices"]] == [0, 1]
    assert told["usage"]["completion_tokens"] == 6
    assert told["usage"]["prompt_tokens"] < 60


async def test_token_probabilities_are_told(chat: Model) -> None:
    told = await chat.ask("chat", messages=user("Hi"), max_tokens=2, logprobs=True, top_logprobs=3)
    tokens = told["choices"][0]["logprobs"]["content"]
    assert len(tokens) == 2
    assert all(token["logprob"] <= 0 and len(token["top_logprobs"]) == 3 for token in tokens)


async def test_a_prompt_is_continued(chat: Model) -> None:
    told = await chat.ask("completions", prompt="The capital of France is", max_tokens=1, temperature=0)
    assert told["choices"][0]["text"] == " Paris"
    assert told["object"] == "text_completion"


async def test_several_prompts_are_continued_each(chat: Model) -> None:
    told = await chat.ask(
        "completions", prompt=["One, two,", "The capital of France is"], max_tokens=2, ignore_eos=True
    )
    assert [choice["index"] for choice in told["choices"]] == [0, 1]
    assert told["usage"]["completion_tokens"] == 4


async def test_a_continuation_streams(chat: Model) -> None:
    chunks = await chat.stream("completions", prompt="The capital of France is", max_tokens=3, temperature=0)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks).startswith(" Paris")


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
async def test_a_demanded_call_is_made(chat: Model, choice: Any) -> None:
    told = await chat.ask(
        "chat", messages=user("What is the weather in Paris?"), tools=[WEATHER, TIME], tool_choice=choice, seed=1
    )
    (only,) = told["choices"]
    (call,) = only["message"]["tool_calls"]
    assert (only["finish_reason"], only["message"]["content"], call["type"]) == ("tool_calls", None, "function")
    jsonschema.validate(json.loads(call["function"]["arguments"]), PARAMETERS[call["function"]["name"]])


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_time"}}])
async def test_a_demanded_call_streams(chat: Model, choice: Any) -> None:
    chunks = await chat.stream("chat", messages=user("What time is it?"), tools=[TIME, WEATHER], tool_choice=choice)
    deltas = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert deltas[0]["id"].startswith("call_")
    arguments = "".join(delta["function"]["arguments"] for delta in deltas)
    jsonschema.validate(json.loads(arguments), PARAMETERS[deltas[0]["function"]["name"]])
    assert len(deltas) > 2
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_a_model_that_may_call_answers_as_it_can(chat: Model) -> None:
    told = await chat.ask("chat", messages=user("Say hello."), tools=[WEATHER], tool_choice="auto", max_tokens=5)
    assert told["choices"][0]["message"]["content"]


async def test_the_result_of_a_call_is_used(chat: Model) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    history = [
        *user("What's the weather in Paris?"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny, 21 C"},
    ]
    told = await chat.ask("chat", messages=history, tools=[WEATHER], max_tokens=40, temperature=0, seed=1)
    assert "sunny" in text_of(told)


async def test_the_template_shows_the_model_a_system_message(chat: Model) -> None:
    prompt = await chat.prompt(messages=[{"role": "system", "content": "Be brief."}, *user("Hi")])
    assert prompt.startswith("<|im_start|>system\nBe brief.<|im_end|>")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_that_is_too_long_is_refused_with_openais_code(chat: Model, stream: bool) -> None:
    with pytest.raises(UpstreamError, match="maximum context length is 1024 tokens") as caught:
        await chat.send("chat", messages=user("hello " * 1_500), stream=stream)
    assert (caught.value.status, caught.value.code) == (400, "context_length_exceeded")
    assert caught.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"messages": "Hi"},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
        {"messages": [{"role": "wizard", "content": "Hi"}]},
        {"temperature": "hot"},
        {"n": 100},
        {"n": "two"},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "wizard"}}}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"$ref": "#/nowhere"}}}},
        {"tool_choice": "required"},
        {"tools": [{"type": "wand"}], "tool_choice": "required"},
    ],
)
async def test_what_can_not_be_answered_is_a_clean_400(chat: Model, fields: dict[str, Any]) -> None:
    with pytest.raises(UpstreamError) as caught:
        await chat.send("chat", **{"messages": user("Hi"), "max_tokens": 1, **fields})
    assert (caught.value.status, caught.value.type) == (400, "invalid_request_error")
    assert set(json.loads(caught.value.body())["error"]) == {"message", "type", "param", "code"}


async def test_other_operations_are_refused(chat: Model) -> None:
    with pytest.raises(UpstreamError) as caught:
        await chat.send("embeddings", input="Hi")
    assert caught.value.status == 404


async def test_many_requests_are_answered_at_once(chat: Model) -> None:
    async def ask() -> int:
        try:
            answer = await chat.answer("chat", messages=user("Say hello."), max_tokens=8)
        except UpstreamError as error:
            return error.status
        assert isinstance(answer.usage, Usage)
        return 200

    statuses = await asyncio.gather(*(ask() for _ in range(4)))
    assert statuses == [200] * 4


async def test_a_full_queue_is_refused_with_the_time_to_come_again(chat: Model) -> None:
    async with writing(chat, 4):
        with pytest.raises(UpstreamError) as caught:
            await chat.send("chat", messages=user("Hi"))
        assert (caught.value.status, caught.value.code, caught.value.retryable) == (503, "overloaded", True)
        assert caught.value.retry_after == 1


async def test_health_is_told_while_all_slots_compute(chat: Model) -> None:
    async with writing(chat, 2):
        assert (await chat.client.get("/health")).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_frees_its_slot(chat: Model, stream: bool) -> None:
    async with writing(chat, 1, stream) as (task,):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until_busy(chat, 0, seconds=5)  # the whole answer takes longer


async def test_a_client_that_leaves_frees_its_slot_while_others_write(chat: Model) -> None:
    async with writing(chat, 2) as (leaver, stayer):
        leaver.cancel()
        await until_busy(chat, 1, seconds=5)
        assert not stayer.done()


async def test_a_client_that_leaves_the_queue_gives_its_place_up(chat: Model) -> None:
    async with writing(chat, 4) as tasks:
        tasks[3].cancel()
        await asyncio.gather(tasks[3], return_exceptions=True)
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(chat.ask("chat", messages=user("Hi"), max_tokens=1))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        waiting.cancel()
