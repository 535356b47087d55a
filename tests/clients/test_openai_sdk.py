"""The official Python SDK: what its users do first, against a scripted and a real model."""

import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel

from tests.clients.conftest import Service

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
FORCED: Any = {"type": "function", "function": {"name": "get_weather"}}


class City(BaseModel):
    """What a model is asked for."""

    name: str
    people: int


@pytest.fixture
def client(service: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=service.base_url, api_key=service.api_key, max_retries=0, timeout=60) as made:
        yield made


@pytest.fixture
async def async_client(service: Service) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=service.base_url, api_key=service.api_key, max_retries=0, timeout=60) as made:
        yield made


def test_a_chat(client: OpenAI, service: Service) -> None:
    answer = client.chat.completions.create(model=service.model, messages=HELLO, max_tokens=20, temperature=0)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert answer._request_id


async def test_an_async_chat(async_client: AsyncOpenAI, service: Service) -> None:
    answer = await async_client.chat.completions.create(model=service.model, messages=HELLO, max_tokens=20)
    assert answer.choices[0].message.content


def test_a_stream(client: OpenAI, service: Service) -> None:
    stream = client.chat.completions.create(model=service.model, messages=HELLO, max_tokens=12, stream=True)
    chunks = list(stream)
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks)
    assert len([chunk for chunk in chunks if chunk.choices[0].delta.content]) > 1
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")
    assert not [chunk for chunk in chunks if chunk.usage], "usage came unasked"


async def test_an_async_stream(async_client: AsyncOpenAI, service: Service) -> None:
    stream = await async_client.chat.completions.create(model=service.model, messages=HELLO, max_tokens=12, stream=True)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text


def test_a_stream_tells_usage_when_asked(client: OpenAI, service: Service) -> None:
    stream = client.chat.completions.create(
        model=service.model, messages=HELLO, max_tokens=12, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = stream
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens > 0
    assert not [chunk for chunk in chunks if chunk.usage]


def test_the_streaming_helper(client: OpenAI, service: Service) -> None:
    with client.chat.completions.stream(model=service.model, messages=HELLO, max_tokens=30, stop=" ") as stream:
        kinds = {event.type for event in stream}
        answer = stream.get_final_completion()
    assert "content.delta" in kinds
    assert answer.choices[0].message.content


def test_a_raw_response(client: OpenAI, service: Service) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=service.model, messages=HELLO, max_tokens=8, extra_headers={"x-request-id": "sdk-1"}
    )
    assert raw.http_response.status_code == 200
    assert raw.headers["x-request-id"] == "sdk-1"
    provider, _, model = service.model.partition("/")
    assert raw.headers["x-isthmus-provider"] == provider
    assert raw.headers["x-isthmus-model"] == model
    assert raw.parse().choices


def test_a_streamed_raw_response(client: OpenAI, service: Service) -> None:
    with client.chat.completions.with_streaming_response.create(
        model=service.model, messages=HELLO, max_tokens=8, stream=True
    ) as raw:
        lines = [line for line in raw.iter_lines() if line]
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert lines[-1] == "data: [DONE]"


def test_a_forced_tool(client: OpenAI, service: Service) -> None:
    answer = client.chat.completions.create(
        model=service.model, messages=HELLO, tools=[WEATHER], tool_choice=FORCED, max_tokens=60, temperature=0
    )
    call = (answer.choices[0].message.tool_calls or [])[0]
    assert call.type == "function"
    assert call.id
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments).keys() == {"city", "unit"}


def test_a_forced_tool_in_a_stream(client: OpenAI, service: Service) -> None:
    stream = client.chat.completions.create(
        model=service.model,
        messages=HELLO,
        tools=[WEATHER],
        tool_choice=FORCED,
        max_tokens=60,
        temperature=0,
        stream=True,
    )
    pieces = [call for chunk in stream for call in chunk.choices[0].delta.tool_calls or ()]
    assert {piece.index for piece in pieces} == {0}
    assert [piece.id for piece in pieces if piece.id]
    functions = [piece.function for piece in pieces if piece.function]
    assert [function.name for function in functions if function.name] == ["get_weather"]
    arguments = "".join(function.arguments or "" for function in functions)
    assert json.loads(arguments).keys() == {"city", "unit"}


def test_a_tools_result_is_answered(client: OpenAI, service: Service) -> None:
    calls: Any = [{"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]
    answer = client.chat.completions.create(
        model=service.model,
        messages=[
            *HELLO,
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "tool", "tool_call_id": "call_1", "content": "It is sunny."},
        ],
        tools=[WEATHER],
        max_tokens=20,
    )
    assert answer.choices[0].message.content


def test_a_parsed_answer(client: OpenAI, service: Service) -> None:
    answer = client.chat.completions.parse(
        model=service.model, messages=HELLO, response_format=City, max_tokens=100, temperature=0
    )
    assert isinstance(answer.choices[0].message.parsed, City)


async def test_an_async_parsed_answer(async_client: AsyncOpenAI, service: Service) -> None:
    answer = await async_client.chat.completions.parse(
        model=service.model, messages=HELLO, response_format=City, max_tokens=100, temperature=0
    )
    assert isinstance(answer.choices[0].message.parsed, City)


def test_several_choices_with_their_odds(client: OpenAI, service: Service) -> None:
    answer = client.chat.completions.create(
        model=service.model, messages=HELLO, n=2, logprobs=True, top_logprobs=1, max_tokens=5
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    for choice in answer.choices:
        assert choice.logprobs is not None
        assert choice.logprobs.content
        assert choice.logprobs.content[0].logprob <= 0


def test_a_stop_sequence_ends_the_answer(client: OpenAI, service: Service) -> None:
    answer = client.chat.completions.create(model=service.model, messages=HELLO, stop=["a"], max_tokens=20)
    assert "a" not in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"


def test_a_completion(client: OpenAI, service: Service) -> None:
    answer = client.completions.create(model=service.model, prompt="Once upon a time", max_tokens=8)
    assert answer.object == "text_completion"
    assert answer.choices[0].text
    assert answer.usage is not None


def test_a_streamed_completion(client: OpenAI, service: Service) -> None:
    stream = client.completions.create(model=service.model, prompt="Once upon a time", max_tokens=8, stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream if chunk.choices)


def test_embeddings_are_the_same_as_floats_and_as_base64(client: OpenAI, service: Service) -> None:
    texts = ["a cat", "a dog"]
    by_default = client.embeddings.create(model=service.embedding_model, input=texts)  # the SDK asks for base64
    as_floats = client.embeddings.create(model=service.embedding_model, input=texts, encoding_format="float")
    assert [one.index for one in by_default.data] == [0, 1]
    for first, second in zip(by_default.data, as_floats.data, strict=True):
        assert first.embedding == pytest.approx(second.embedding, abs=1e-6)
    assert by_default.usage.prompt_tokens > 0


async def test_an_async_embedding_of_one_text(async_client: AsyncOpenAI, service: Service) -> None:
    answer = await async_client.embeddings.create(model=service.embedding_model, input="a cat")
    assert len(answer.data) == 1
    assert len(answer.data[0].embedding) > 8


def test_models_are_listed(client: OpenAI, service: Service) -> None:
    assert {service.model, service.embedding_model} <= {model.id for model in client.models.list()}


def test_a_model_with_a_slash_in_its_name_is_retrieved(client: OpenAI, service: Service) -> None:
    model = client.models.retrieve(service.model)
    assert model.id == service.model
    assert model.object == "model"


def test_several_clients_at_once(client: OpenAI, service: Service) -> None:
    def ask(_: int) -> str | None:
        answer = client.chat.completions.create(model=service.model, messages=HELLO, max_tokens=4)
        return answer.choices[0].message.content

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(ask, range(6)))


async def test_a_stream_that_is_left_early_leaves_the_service_usable(
    async_client: AsyncOpenAI, service: Service
) -> None:
    for _ in range(5):
        stream = await async_client.chat.completions.create(
            model=service.model, messages=HELLO, max_tokens=200, stream=True
        )
        async for _ in stream:
            break
        await stream.close()
    answer = await async_client.chat.completions.create(model=service.model, messages=HELLO, max_tokens=4)
    assert answer.choices
