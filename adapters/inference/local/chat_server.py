"""The process of a chat model: OpenAI's chat and completions operations on a Unix socket, computed by llama.cpp.

Run by the engine as `python -m adapters.inference.local.chat_server <settings>`.
"""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from adapters.inference.local import chat, completion, lifetime, unix_server
from adapters.inference.local.chat import ChatAnswer
from adapters.inference.local.chunks import Tally
from adapters.inference.local.completion import CompletionAnswer
from adapters.inference.local.llama import Llama
from adapters.inference.local.options import ProcessSettings
from adapters.inference.local.slots import Slots
from adapters.inference.local.unix_server import Request, Response
from adapters.inference.local.weights import Weights, verify
from adapters.wire.body import Body, decode_field, parse
from adapters.wire.errors import GatewayError, NotFound
from adapters.wire.stream_end import DONE

_encode = msgspec.json.Encoder().encode
_count = msgspec.json.Decoder(int | None)


class ChatServer:
    """Answers requests with one model."""

    def __init__(self, settings: ProcessSettings, llama: Llama, knows_tools: bool) -> None:
        self._model = settings.name
        self._llama = llama
        self._knows_tools = knows_tools
        self._slots = Slots(settings.parallel, settings.queue)

    async def handle(self, request: Request) -> Response:
        """Answer one request. Raises BadRequest, NotFound, Overloaded, and GatewayError where the engine fails."""
        match request.method, request.path:
            case "POST", "/v1/chat/completions":
                body = parse(request.body)
                fields, demand = chat.prepare(body, self._knows_tools)
                return await self._answer(request.path, body, fields, ChatAnswer(self._model, demand))
            case "POST", "/v1/completions":
                body = parse(request.body)
                return await self._answer(request.path, body, completion.prepare(body), CompletionAnswer(self._model))
        raise NotFound(f"The local model '{self._model}' serves chat and completions only.")

    async def _answer(
        self, path: str, body: Body, fields: dict[str, Any], answer: ChatAnswer | CompletionAnswer
    ) -> Response:
        fields["stream"] = True
        fields["stream_options"] = {"include_usage": True}
        if "seed" in fields:
            fields.setdefault("cache_prompt", False)  # a prompt computed in other batches may be answered otherwise
        tally = Tally(decode_field(body.fields, "n", _count) or 1)
        chunks = self._chunks(path, fields, answer, tally)
        if not body.stream:
            told = [chunk async for chunk in chunks]
            return Response(_encode(answer.whole(told, tally.total())))
        first = await anext(chunks)  # what is refused is refused with its status
        frames = _frames(first, chunks, answer, tally if body.wants_usage else None)
        return Response(frames, content_type="text/event-stream")

    async def _chunks(
        self, path: str, fields: dict[str, Any], answer: ChatAnswer | CompletionAnswer, tally: Tally
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Wait for a turn, compute, and give OpenAI's chunks; every token is counted into the tally."""
        async with self._slots.turn(), self._llama.stream(path, fields) as chunks:
            async for chunk in chunks:
                if chunk.usage is not None:
                    tally.add(chunk.usage)
                if (told := answer.chunk(chunk)) is not None:
                    yield told


async def _frames(
    first: dict[str, Any],
    chunks: AsyncGenerator[dict[str, Any], None],
    answer: ChatAnswer | CompletionAnswer,
    tally: Tally | None,
) -> AsyncGenerator[bytes, None]:
    async with contextlib.aclosing(chunks):
        yield _frame(first)
        try:
            async for chunk in chunks:
                yield _frame(chunk)
        except GatewayError as error:
            yield b"data: " + error.body() + b"\n\n"
            return
    if tally is not None:
        yield _frame(answer.usage_chunk(tally.total()))
    yield DONE


def _frame(chunk: dict[str, Any]) -> bytes:
    return b"data: " + _encode(chunk) + b"\n\n"


async def main(settings: ProcessSettings) -> None:
    """Load the model, then listen: a socket that answers is a model that can."""
    verify(Weights(settings.file, settings.sha256))
    llama = Llama(settings)
    server = ChatServer(settings, llama, await llama.knows_tools())
    await unix_server.serve(server.handle, settings.socket, settings.idle_seconds, settings.lock)


if __name__ == "__main__":
    lifetime.run(main)
