"""What an engine says that a healthy one does not."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from adapters.inference.local.unix_server import Request, Response
from adapters.wire.errors import GatewayError
from tests.adapters.inference.local.serving import serving, settings_with

if TYPE_CHECKING:
    from adapters.inference.local.llama import Llama

Saying: TypeAlias = Callable[[Response], AbstractAsyncContextManager["Llama"]]

FAULT = {"error": {"code": 500, "message": "The cache is full.", "type": "server_error"}}


@pytest.fixture
def saying(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Saying:
    """Makes models whose engine gives one answer to whatever it is asked."""
    import xllamacpp

    from adapters.inference.local.llama import Llama

    monkeypatch.setattr(xllamacpp, "Server", lambda parameters: None)

    @asynccontextmanager
    async def model(answer: Response) -> AsyncIterator[Llama]:
        async def engine(request: Request) -> Response:
            return answer

        async with serving(engine) as (path, _):
            yield Llama(settings_with(inner_socket=path))

    return model


def events(*told: dict[str, Any]) -> Response:
    return Response(b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in told))


def text(content: str, finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}]}


async def streamed(model: "Llama", **fields: Any) -> list[bytes]:
    """What a client that streams a chat gets."""
    from adapters.inference.local.chat_server import ChatServer

    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True, **fields}
    server = ChatServer(settings_with(), model, knows_tools=True)
    response = await server.handle(Request("POST", "/v1/chat/completions", json.dumps(body).encode()))
    assert not isinstance(response.body, bytes)
    frames = b"".join([frame async for frame in response.body])
    return [frame.removeprefix(b"data: ") for frame in frames.split(b"\n\n")[:-1]]


async def test_a_failure_inside_a_stream_is_told_in_it_and_ends_it(saying: Saying) -> None:
    async with saying(events(text("a"), FAULT, text("b"))) as model:
        first, last = map(json.loads, await streamed(model))
    assert first["choices"][0]["delta"] == {"content": "a"}
    assert (last["error"]["message"], last["error"]["code"]) == ("The cache is full.", "model_failed")


async def test_a_failure_before_a_streams_first_token_is_refused_with_its_status(saying: Saying) -> None:
    async with saying(events(FAULT)) as model:
        with pytest.raises(GatewayError, match=r"The cache is full\.") as caught:
            await streamed(model)
    assert caught.value.status == 500


async def test_a_stream_tells_no_usage_where_nobody_asked(saying: Saying) -> None:
    async with saying(events(text("a", "stop"), {"choices": [], "usage": {"prompt_tokens": 1}})) as model:
        only, done = await streamed(model)
    assert "usage" not in json.loads(only)
    assert done == b"[DONE]"


async def test_a_failure_that_says_nothing_is_the_models(saying: Saying) -> None:
    async with saying(Response(b"oops", status=500)) as model:
        with pytest.raises(GatewayError, match=r"The local model failed\.") as caught:
            await model.embed(["Hi"])
    assert (caught.value.status, caught.value.code) == (500, "model_failed")
