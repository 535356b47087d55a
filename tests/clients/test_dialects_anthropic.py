"""Anthropic's SDK over services that speak another language: what it does with Claude, it does with each."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from anthropic.types import Message
from pydantic import BaseModel

from tests.clients.dialects import DIALECTS, Dialect
from tests.gateway_process import GatewayProcess
from tests.upstream.dialects.asked import THOUGHT

QUESTION = "What is the capital of France?"
HELLO: Any = [{"role": "user", "content": QUESTION}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CACHED = {"cache_control": {"type": "ephemeral"}}


def tool(name: str) -> Any:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
        "required": ["city", "unit"],
        "additionalProperties": False,
    }
    return {"name": name, "description": f"{name} of a city.", "input_schema": schema}


WEATHER, TIME = tool("get_weather"), tool("get_time")
THINKING: Any = {"type": "enabled", "budget_tokens": 2_000}


class City(BaseModel):
    """What a model is asked for."""

    name: str
    people: int


@pytest.fixture
def client(dialects_gateway: GatewayProcess) -> Iterator[Anthropic]:
    with Anthropic(base_url=dialects_gateway.url, api_key="any", max_retries=0, timeout=60) as made:
        yield made


@pytest.fixture(params=DIALECTS, ids=str)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Each service."""
    chosen: Dialect = request.param
    if chosen.name == "bedrock":
        pytest.skip("the scripted Bedrock knows Converse alone, and Claude is asked in its own format over InvokeModel")
    return chosen


@pytest.fixture(params=[False, True], ids=["unary", "stream"])
def stream(request: pytest.FixtureRequest) -> bool:
    """Whether the answer is one."""
    chosen: bool = request.param
    return chosen


def needs(dialect: Dialect, feature: str) -> None:
    if feature in dialect.lacks:
        pytest.skip(f"{dialect} has no {feature}")


def ask(client: Anthropic, dialect: Dialect, messages: Any, stream: bool, **further: Any) -> Message:
    asked: Any = {"model": dialect.model, "max_tokens": 4_000, "messages": messages, **further}
    if not stream:
        made: Message = client.messages.create(**asked)
        return made
    with client.messages.stream(**asked) as events:
        return events.get_final_message()


def text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def results(message: Message) -> Any:
    """The user's turn after the calls of a message."""
    calls = [block for block in message.content if block.type == "tool_use"]
    return [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"fine {number}"}
        for number, call in enumerate(calls)
    ]


def test_an_answer(client: Anthropic, dialect: Dialect, stream: bool) -> None:
    message = ask(client, dialect, HELLO, stream, system="Be brief.")
    assert text_of(message) == f"You said: {QUESTION}"
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 1


def test_an_answer_that_is_cut_says_so(client: Anthropic, dialect: Dialect, stream: bool) -> None:
    message = ask(client, dialect, HELLO, stream, max_tokens=2)
    assert text_of(message) == "You said: "
    assert message.stop_reason == "max_tokens"


def test_tools_are_called_side_by_side_and_answered(client: Anthropic, dialect: Dialect, stream: bool) -> None:
    needs(dialect, "parallel_tool_calls")
    turns: Any = [{"role": "user", "content": "The weather and the time in 'Paris', please"}]
    asked = {"tools": [WEATHER, TIME | CACHED]}
    said = ask(client, dialect, turns, stream, **asked)
    assert said.stop_reason == "tool_use"
    calls = [(call.name, call.input) for call in said.content if call.type == "tool_use"]
    here = {"city": "Paris", "unit": "celsius"}
    assert calls == [("get_weather", here), ("get_time", here)]
    turns += [said.to_param(), {"role": "user", "content": results(said)}]
    assert text_of(ask(client, dialect, turns, stream, **asked)) == "The tool said: fine 1"


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}], ids=["any", "tool"])
def test_a_tool_is_forced(client: Anthropic, dialect: Dialect, choice: Any) -> None:
    needs(dialect, "tool_choice")
    message = ask(client, dialect, HELLO, False, tools=[WEATHER], tool_choice=choice)
    assert [block.name for block in message.content if block.type == "tool_use"] == ["get_weather"]


def test_thoughts_come_back_with_the_tools_answer(client: Anthropic, dialect: Dialect, stream: bool) -> None:
    needs(dialect, "signatures")
    turns: Any = [{"role": "user", "content": "The weather in 'Paris', please"}]
    asked: Any = {"tools": [WEATHER], "thinking": THINKING}
    said = ask(client, dialect, turns, stream, **asked)
    thoughts = [block for block in said.content if block.type == "thinking"]
    assert "".join(block.thinking for block in thoughts) == THOUGHT
    assert all(block.signature for block in thoughts)
    turns += [said.to_param(), {"role": "user", "content": results(said)}]
    assert text_of(ask(client, dialect, turns, stream, **asked)) == "The tool said: fine 0"


def test_an_image_is_seen(client: Anthropic, dialect: Dialect) -> None:
    needs(dialect, "images")
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    parts = [{"type": "text", "text": "What is this?", **CACHED}, {"type": "image", "source": source}]
    assert "What is this?" in text_of(ask(client, dialect, [{"role": "user", "content": parts}], False))


def test_an_answer_in_a_form(client: Anthropic, dialect: Dialect) -> None:
    needs(dialect, "json_schema")
    asking: Any = [{"role": "user", "content": "'Paris' has 2102650 people"}]
    message = client.messages.parse(model=dialect.model, max_tokens=200, messages=asking, output_format=City)
    assert message.parsed_output == City(name="Paris", people=2102650)


def test_tokens_are_counted(client: Anthropic, dialect: Dialect) -> None:
    assert client.messages.count_tokens(model=dialect.model, messages=HELLO).input_tokens > 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
    ],
)
def test_a_refusal_is_the_sdks_own_exception(
    client: Anthropic, dialect: Dialect, status: int, kind: type[anthropic.APIStatusError], stream: bool
) -> None:
    with pytest.raises(kind) as caught:
        client.messages.create(model=dialect.refusing(status), max_tokens=9, messages=HELLO, stream=stream)
    assert f"The scripted model refuses with {status}." in str(caught.value.api_message)
    assert caught.value.type
