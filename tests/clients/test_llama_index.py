"""LlamaIndex, by its classes for servers that are like OpenAI's."""

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel

from tests.clients.conftest import Service

HELLO = [ChatMessage(role="user", content="What is the capital of France?")]


class City(BaseModel):
    """A city."""

    name: str


@pytest.fixture
def llm(service: Service) -> OpenAILike:
    return OpenAILike(
        model=service.model,
        api_base=service.base_url,
        api_key=service.api_key,
        is_chat_model=True,
        is_function_calling_model=True,
        should_use_structured_outputs=True,
        context_window=4_096,
        max_tokens=60,
        max_retries=0,
        temperature=0,
    )


@pytest.fixture
def embedder(service: Service) -> OpenAILikeEmbedding:
    return OpenAILikeEmbedding(
        model_name=service.embedding_model, api_base=service.base_url, api_key=service.api_key, max_retries=0
    )


def test_a_chat(llm: OpenAILike) -> None:
    answer = llm.chat(HELLO)
    assert answer.message.content
    assert answer.message.role == "assistant"


async def test_an_async_chat(llm: OpenAILike) -> None:
    assert (await llm.achat(HELLO)).message.content


def test_a_streamed_chat(llm: OpenAILike) -> None:
    pieces = list(llm.stream_chat(HELLO))
    assert len(pieces) > 1
    assert pieces[-1].message.content == "".join(piece.delta or "" for piece in pieces)


async def test_an_async_streamed_chat(llm: OpenAILike) -> None:
    stream = await llm.astream_chat(HELLO)
    assert "".join([piece.delta or "" async for piece in stream])


def test_a_completion_by_chat(llm: OpenAILike) -> None:
    assert llm.complete("What is the capital of France?").text


def test_a_plain_completion(llm: OpenAILike) -> None:
    plain = llm.model_copy(update={"is_chat_model": False})
    assert plain.complete("Once upon a time").text
    assert "".join(piece.delta or "" for piece in plain.stream_complete("Once upon a time"))


def test_a_forced_tool(llm: OpenAILike) -> None:
    def get_weather(city: str) -> str:
        """Get the weather of a city."""
        return f"It is sunny in {city}."

    tool = FunctionTool.from_defaults(get_weather)
    answer = llm.chat_with_tools([tool], user_msg="What is the weather in Paris?", tool_required=True)
    calls = llm.get_tool_calls_from_response(answer)
    assert [call.tool_name for call in calls] == ["get_weather"]
    assert calls[0].tool_kwargs.keys() == {"city"}


def test_a_structured_answer(llm: OpenAILike) -> None:
    assert isinstance(llm.structured_predict(City, PromptTemplate("Name a city in France.")), City)


def test_embeddings(embedder: OpenAILikeEmbedding) -> None:
    one = embedder.get_text_embedding("a cat")
    assert len(one) > 8
    assert embedder.get_text_embedding_batch(["a cat", "a dog"])[0] == pytest.approx(one, abs=1e-5)


async def test_async_embeddings(embedder: OpenAILikeEmbedding) -> None:
    assert len(await embedder.aget_query_embedding("a cat")) > 8
