"""The official Python SDK over services that speak another language: what it does with OpenAI, it does with each."""

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from tests.clients.dialects import DIALECTS, Dialect
from tests.gateway_process import GatewayProcess
from tests.upstream.dialects.asked import THOUGHT
from tests.upstream.model import DIMENSIONS, vector

QUESTION = "What is the capital of France?"
HELLO: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


def function(name: str) -> Any:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
        "required": ["city", "unit"],
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": f"{name} of a city.", "parameters": schema}}


WEATHER, TIME = function("get_weather"), function("get_time")
STRICT_WEATHER = {**WEATHER, "function": {**WEATHER["function"], "strict": True}}
"""The SDK reads answers in a form beside strict tools alone."""
FORCED: Any = {"type": "function", "function": {"name": "get_weather"}}


def told_back(call: Any) -> dict[str, Any]:
    """A tool call as a client that knows OpenAI's fields alone sends it back."""
    function = {"name": call.function.name, "arguments": call.function.arguments}
    return {"id": call.id, "type": "function", "function": function}


class City(BaseModel):
    """What a model is asked for."""

    name: str
    people: int


@pytest.fixture
def client(dialects_gateway: GatewayProcess) -> Iterator[OpenAI]:
    with OpenAI(base_url=dialects_gateway.base_url, api_key="any", max_retries=0, timeout=60) as made:
        yield made


@pytest.fixture(params=DIALECTS, ids=str)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Each service."""
    chosen: Dialect = request.param
    return chosen


def needs(dialect: Dialect, feature: str) -> None:
    if feature in dialect.lacks:
        pytest.skip(f"{dialect} has no {feature}")


def test_a_chat(client: OpenAI, dialect: Dialect) -> None:
    answer = client.chat.completions.create(model=dialect.model, messages=HELLO)
    (choice,) = answer.choices
    assert choice.message.content == "You said: What is the capital of France?"
    assert choice.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 2


def test_a_stream(client: OpenAI, dialect: Dialect) -> None:
    chunks = list(client.chat.completions.create(model=dialect.model, messages=HELLO, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "You said: What is the capital of France?"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_tells_usage_when_asked(client: OpenAI, dialect: Dialect) -> None:
    options: Any = {"include_usage": True}
    *_, last = client.chat.completions.create(model=dialect.model, messages=HELLO, stream=True, stream_options=options)
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens > 1


def test_an_answer_that_is_cut_says_so(client: OpenAI, dialect: Dialect) -> None:
    answer = client.chat.completions.create(model=dialect.model, messages=HELLO, max_completion_tokens=2)
    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].message.content == "You said: "


def test_a_stop_sequence_ends_the_answer(client: OpenAI, dialect: Dialect) -> None:
    needs(dialect, "stop")
    answer = client.chat.completions.create(model=dialect.model, messages=HELLO, stop=["capital"])
    assert answer.choices[0].message.content == "You said: What is the "


@pytest.mark.parametrize("choice", [FORCED, "required", "auto"], ids=["named", "required", "auto"])
def test_a_tool_is_called(client: OpenAI, dialect: Dialect, choice: Any) -> None:
    if choice != "auto":
        needs(dialect, "tool_choice")
    asking: Any = [{"role": "user", "content": "The weather in 'Paris', please"}]
    answer = client.chat.completions.create(model=dialect.model, messages=asking, tools=[WEATHER], tool_choice=choice)
    (choice,) = answer.choices
    (call,) = choice.message.tool_calls
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris", "unit": "celsius"}
    assert choice.finish_reason == "tool_calls"


def test_a_tool_is_called_in_a_stream(client: OpenAI, dialect: Dialect) -> None:
    asking: Any = [{"role": "user", "content": "The weather in 'Paris', please"}]
    with client.chat.completions.stream(model=dialect.model, messages=asking, tools=[WEATHER]) as stream:
        answer = stream.get_final_completion()
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert json.loads(calls[0].function.arguments) == {"city": "Paris", "unit": "celsius"}
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_tools_are_called_side_by_side_and_answered(client: OpenAI, dialect: Dialect, stream: bool) -> None:
    needs(dialect, "parallel_tool_calls")
    turns: Any = [{"role": "user", "content": "The weather and the time in 'Paris', please"}]
    tools = [WEATHER, TIME]
    if stream:
        with client.chat.completions.stream(model=dialect.model, messages=turns, tools=tools) as events:
            said: Any = events.get_final_completion().choices[0].message
    else:
        said = client.chat.completions.create(model=dialect.model, messages=turns, tools=tools).choices[0].message
    assert [call.function.name for call in said.tool_calls] == ["get_weather", "get_time"]
    assert len({call.id for call in said.tool_calls}) == 2
    turns.append({"role": "assistant", "tool_calls": [told_back(call) for call in said.tool_calls]})
    for number, call in enumerate(said.tool_calls):
        turns.append({"role": "tool", "tool_call_id": call.id, "content": f"fine {number}"})
    answer = client.chat.completions.create(model=dialect.model, messages=turns, tools=tools)
    assert answer.choices[0].message.content == "The tool said: fine 1"


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_thoughts_come_back_with_the_tools_answer(client: OpenAI, dialect: Dialect, stream: bool) -> None:
    needs(dialect, "signatures")
    turns: Any = [{"role": "user", "content": "The weather in 'Paris', please"}]
    asked: Any = {"model": dialect.model, "tools": [WEATHER], "reasoning_effort": "high"}
    if stream:
        with client.chat.completions.stream(messages=turns, **asked) as events:
            said: Any = events.get_final_completion().choices[0].message
    else:
        said = client.chat.completions.create(messages=turns, **asked).choices[0].message
    assert said.reasoning_content == THOUGHT
    turns.append({"role": "assistant", "tool_calls": [told_back(call) for call in said.tool_calls]})
    turns.append({"role": "tool", "tool_call_id": said.tool_calls[0].id, "content": "fine"})
    after: Any = client.chat.completions.create(messages=turns, **asked).choices[0].message
    assert after.content == "The tool said: fine"
    assert after.reasoning_content == THOUGHT


def test_calls_of_another_model_are_no_hindrance_to_thinking(client: OpenAI, dialect: Dialect) -> None:
    function = {"name": "get_weather", "arguments": '{"city":"Paris","unit":"celsius"}'}
    turns: Any = [
        {"role": "user", "content": "The weather in 'Paris', please"},
        {"role": "assistant", "tool_calls": [{"id": "call_of.another:1", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "call_of.another:1", "content": "fine"},
    ]
    answer = client.chat.completions.create(
        model=dialect.model, messages=turns, tools=[WEATHER], reasoning_effort="high"
    )
    assert answer.choices[0].message.content == "The tool said: fine"


def test_only_one_tool_is_called_where_that_is_asked_for(client: OpenAI, dialect: Dialect) -> None:
    needs(dialect, "parallel_tool_calls=false")
    asking: Any = [{"role": "user", "content": "The weather and the time in 'Paris', please"}]
    answer = client.chat.completions.create(
        model=dialect.model, messages=asking, tools=[WEATHER, TIME], parallel_tool_calls=False
    )
    assert len(answer.choices[0].message.tool_calls or ()) == 1


def test_an_image_is_seen(client: OpenAI, dialect: Dialect) -> None:
    needs(dialect, "images")
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    seeing: Any = [{"role": "user", "content": parts}]
    answer = client.chat.completions.create(model=dialect.model, messages=seeing)
    assert "What is this?" in (answer.choices[0].message.content or "")


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_an_answer_in_a_form(client: OpenAI, dialect: Dialect, stream: bool) -> None:
    needs(dialect, "json_schema")
    asking: Any = [{"role": "user", "content": "'Paris' has 2102650 people"}]
    if stream:
        with client.chat.completions.stream(model=dialect.model, messages=asking, response_format=City) as events:
            answer = events.get_final_completion()
    else:
        answer = client.chat.completions.parse(model=dialect.model, messages=asking, response_format=City)
    assert answer.choices[0].message.parsed == City(name="Paris", people=2102650)
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_an_answer_in_a_form_beside_tools(client: OpenAI, dialect: Dialect, stream: bool) -> None:
    needs(dialect, "forms beside tools")
    asking: Any = [{"role": "user", "content": "'Paris' has 2102650 people"}]
    asked: Any = {"model": dialect.model, "messages": asking, "response_format": City, "tools": [STRICT_WEATHER]}
    if stream:
        with client.chat.completions.stream(**asked) as events:
            answer = events.get_final_completion()
    else:
        answer = client.chat.completions.parse(**asked)
    assert answer.choices[0].message.parsed == City(name="Paris", people=2102650)
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_a_refusal_is_the_sdks_own_exception(
    client: OpenAI, dialect: Dialect, status: int, kind: type[openai.APIStatusError], stream: bool
) -> None:
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=dialect.refusing(status), messages=HELLO, stream=stream)
    assert f"The scripted model refuses with {status}." in caught.value.message
    assert isinstance(caught.value.body, dict)
    assert {"message", "type", "param", "code"} <= set(caught.value.body)


def test_a_rate_limit_says_when_to_come_back(client: OpenAI, dialect: Dialect) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model=dialect.refusing(429), messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "7"


def test_what_can_not_be_expressed_is_told(client: OpenAI, dialect: Dialect) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=dialect.model, messages=HELLO, extra_body={"no_such_parameter": 1}
    )
    assert "no_such_parameter=unknown" in raw.headers["x-isthmus-dropped"]


def test_what_can_not_be_expressed_is_refused_where_the_client_says_so(client: OpenAI, dialect: Dialect) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=dialect.model,
            messages=HELLO,
            extra_body={"no_such_parameter": 1},
            extra_headers={"x-isthmus-unsupported": "refuse"},
        )
    assert caught.value.param == "no_such_parameter"


@pytest.fixture
def embedder(dialect: Dialect) -> str:
    """The service's embedding model, for services that have one."""
    if dialect.embedder is None:
        pytest.skip(f"{dialect} has no embeddings")
    return f"{dialect.name}/{dialect.embedder}"


def test_embeddings(client: OpenAI, embedder: str) -> None:
    answer = client.embeddings.create(model=embedder, input=["a blue door", "Grüße"], encoding_format="float")
    assert [item.index for item in answer.data] == [0, 1]
    assert [item.embedding for item in answer.data] == [vector(text, DIMENSIONS) for text in ("a blue door", "Grüße")]


def test_embeddings_in_base64_are_the_same_numbers(client: OpenAI, embedder: str) -> None:
    answer = client.embeddings.create(model=embedder, input="a blue door", encoding_format="base64")
    packed: Any = answer.data[0].embedding
    assert struct.unpack(f"<{DIMENSIONS}f", base64.b64decode(packed)) == tuple(vector("a blue door", DIMENSIONS))


def test_more_inputs_than_the_service_takes_at_once_stay_in_order(
    client: OpenAI, dialect: Dialect, embedder: str
) -> None:
    if dialect.most_inputs is None:
        pytest.skip(f"{dialect} takes as many as come")
    texts = [f"text {number}" for number in range(2 * dialect.most_inputs + 1)]
    answer = client.embeddings.create(model=embedder, input=texts, encoding_format="float")
    assert [item.index for item in answer.data] == list(range(len(texts)))
    assert [item.embedding for item in answer.data] == [vector(text, DIMENSIONS) for text in texts]


def test_embeddings_of_fewer_dimensions(client: OpenAI, dialect: Dialect, embedder: str) -> None:
    needs(dialect, "dimensions")
    answer = client.embeddings.create(model=embedder, input="a blue door", dimensions=4, encoding_format="float")
    assert answer.data[0].embedding == vector("a blue door", 4)


def test_dimensions_are_refused_by_name_where_there_are_none(client: OpenAI, dialect: Dialect, embedder: str) -> None:
    if "dimensions" not in dialect.lacks:
        pytest.skip(f"{dialect} has dimensions")
    refuse = {"x-isthmus-unsupported": "refuse"}
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=embedder, input="a blue door", dimensions=4, extra_headers=refuse)
    assert caught.value.param == "dimensions"


def test_an_embedders_refusal_is_the_sdks_own_exception(client: OpenAI, embedder: str) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        client.embeddings.create(model=f"{embedder}-error-429", input="a blue door")
    assert "The scripted model refuses with 429." in caught.value.message
