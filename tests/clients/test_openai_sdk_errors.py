"""The official Python SDK: every error arrives as the exception class that its users catch."""

import asyncio
from collections.abc import Iterable, Iterator

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.clients.conftest import Service
from tests.conftest import NARROW_KEY, UPSTREAM_KEY
from tests.upstream import Cut, Hang, Pause, Step, Upstream, event_stream, frame, json_answer

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def client(scripted: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=scripted.base_url, api_key=scripted.api_key, max_retries=0, timeout=30) as made:
        yield made


UPSTREAM = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
}


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize(("status", "kind"), UPSTREAM.items())
def test_the_upstreams_refusals(client: OpenAI, status: int, kind: type[openai.APIStatusError], stream: bool) -> None:
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=f"scripted/error-{status}", messages=HELLO, stream=stream)
    assert caught.value.status_code == status
    assert caught.value.code == f"scripted_{status}"
    assert caught.value.request_id
    assert f"refuses with {status}" in caught.value.message
    assert UPSTREAM_KEY not in str(caught.value)


def test_a_rate_limit_says_when_to_come_back(client: OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="scripted/error-429", messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.response.headers["x-ratelimit-limit-requests"] == "10000"


def test_a_wrong_key(scripted: Service) -> None:
    with OpenAI(base_url=scripted.base_url, api_key="wrong-key-000000", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            client.chat.completions.create(model=scripted.model, messages=HELLO)
        assert caught.value.code == "invalid_api_key"
        with pytest.raises(openai.AuthenticationError):
            client.models.list()
        with pytest.raises(openai.AuthenticationError):
            client.embeddings.create(model=scripted.embedding_model, input="a")


def test_a_key_without_the_right(scripted: Service) -> None:
    with (
        OpenAI(base_url=scripted.base_url, api_key=NARROW_KEY, max_retries=0) as client,
        pytest.raises(openai.PermissionDeniedError) as caught,
    ):
        client.embeddings.create(model=scripted.embedding_model, input="a")
    assert caught.value.param == "model"


def test_an_unknown_model(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="scriptde/talker", messages=HELLO)
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"
    assert "scripted/" in caught.value.message
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nowhere/model")


def test_an_operation_that_is_not_served(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.images.generate(model="scripted/talker", prompt="a cat")
    assert caught.value.code == "unknown_url"


def test_a_wrong_request(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="", messages=HELLO)
    assert caught.value.param == "model"


def test_a_body_that_is_too_large(client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.embeddings.create(model="scripted/embedder", input="x" * 34_000_000)
    assert caught.value.status_code == 413
    assert caught.value.code == "request_too_large"


def test_an_upstream_that_breaks_off(client: OpenAI, upstream: Upstream) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=upstream.on([Cut()]).model, messages=HELLO)
    assert caught.value.status_code == 502
    assert caught.value.code == "upstream_unreachable"


def test_an_error_inside_a_stream(client: OpenAI, upstream: Upstream) -> None:
    piece = frame({"id": "1", "choices": [{"index": 0, "delta": {"content": "a"}}]})
    case = upstream.on(event_stream(piece, Pause(0.05), Cut()))
    stream = client.chat.completions.create(model=case.model, messages=HELLO, stream=True)
    assert next(stream).choices[0].delta.content == "a"
    with pytest.raises(openai.APIError) as caught:
        next(stream)
    assert "broke" in caught.value.message


def test_the_clients_own_timeout_ends_the_upstreams_call(scripted: Service, upstream: Upstream) -> None:
    case = upstream.on([Hang()])
    with (
        OpenAI(base_url=scripted.base_url, api_key=scripted.api_key, max_retries=0, timeout=0.3) as client,
        pytest.raises(openai.APITimeoutError),
    ):
        client.chat.completions.create(model=case.model, messages=HELLO)
    case.request().closed_at()


async def test_a_cancelled_task_ends_the_upstreams_call(scripted: Service, upstream: Upstream) -> None:
    case = upstream.on([Hang()])
    async with AsyncOpenAI(base_url=scripted.base_url, api_key=scripted.api_key, max_retries=0) as client:
        task = asyncio.create_task(client.chat.completions.create(model=case.model, messages=HELLO))
        request = await asyncio.to_thread(case.request)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(request.closed_at)


def test_nobody_listens() -> None:
    with (
        OpenAI(base_url="http://127.0.0.1:1/v1", api_key="any", max_retries=0) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        client.models.list()


def test_the_sdk_retries_what_may_succeed_later(scripted: Service, upstream: Upstream) -> None:
    steps: list[Iterable[Step]] = [[Cut()], json_answer({"id": "1", "object": "chat.completion", "choices": []})]
    answers = iter(steps)
    case = upstream.on(lambda _: next(answers))
    with OpenAI(base_url=scripted.base_url, api_key=scripted.api_key, max_retries=2) as client:
        assert client.chat.completions.create(model=case.model, messages=HELLO).id == "1"
    assert len(case.requests) == 2
