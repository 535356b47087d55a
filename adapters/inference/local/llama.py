"""llama.cpp's own server inside this process, and how it is asked.

It listens on a second socket beside the process's own and is asked over HTTP rather than by function calls: closing the
connection is the one way to stop it that works while it reads a prompt, too.
"""

import contextlib
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import msgspec
import xllamacpp
from msgspec import Struct

from adapters.inference.local.chunks import Chunk, decode
from adapters.inference.local.options import ProcessSettings
from adapters.inference.local.unix_client import Answer, request
from adapters.wire.errors import BadRequest, GatewayError

_LOG_ERRORS = 1
_FIELD = re.compile(r"Field '(\w+)'")
"""How llama.cpp begins to tell what is wrong with a parameter."""
_POOLINGS = {
    "mean": xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN,
    "cls": xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_CLS,
    "last": xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_LAST,
}


class _Refusal(Struct):
    message: str = "The local model failed."
    type: str = ""
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class _Refused(Struct):
    error: _Refusal


class _Capabilities(Struct):
    supports_tools: bool = False


class _Properties(Struct):
    chat_template_caps: _Capabilities = msgspec.field(default_factory=_Capabilities)


class _Embedding(Struct):
    embedding: list[float]


class _EmbeddingUsage(Struct):
    prompt_tokens: int


class _Embeddings(Struct):
    data: list[_Embedding]
    usage: _EmbeddingUsage


class _Tokens(Struct):
    tokens: list[int]


class Llama:
    """A loaded model."""

    def __init__(self, settings: ProcessSettings) -> None:
        self._socket = settings.inner_socket
        self._context = settings.context
        self._server = xllamacpp.Server(_parameters(settings))

    async def knows_tools(self) -> bool:
        """Whether the model's chat template shows tools, their calls and their results to the model."""
        async with request(self._socket, "GET", "/props") as answer:
            properties = msgspec.json.decode(await answer.read(), type=_Properties)
        return properties.chat_template_caps.supports_tools

    @contextlib.asynccontextmanager
    async def stream(self, path: str, fields: dict[str, Any]) -> AsyncIterator[AsyncIterator[Chunk]]:
        """Ask, and give the chunks of the answer; leaving the context ends the computation.

        Raises BadRequest where the engine refuses, GatewayError where it fails; inside the stream too.
        """
        async with request(self._socket, "POST", path, msgspec.json.encode(fields)) as answer:
            await _check(answer)
            yield _chunks(answer)

    async def embed(self, texts: list[str], cut: int | None = None) -> tuple[list[list[float]], int]:
        """One vector for each text, and their tokens together.

        Texts are cut to `cut` tokens, and to the context. Without it, raises BadRequest on one that is too long.
        """
        inputs = texts if cut is None else [await self._cut(text, min(cut, self._context)) for text in texts]
        async with request(self._socket, "POST", "/v1/embeddings", msgspec.json.encode({"input": inputs})) as answer:
            await _check(answer)
            told = msgspec.json.decode(await answer.read(), type=_Embeddings)
        return [item.embedding for item in told.data], told.usage.prompt_tokens

    async def _cut(self, text: str, most: int) -> list[int]:
        """The ids of a text's tokens, the last one, which may be the mark of its end, always among them."""
        asked = msgspec.json.encode({"content": text, "add_special": True})
        async with request(self._socket, "POST", "/tokenize", asked) as answer:
            await _check(answer)
            ids = msgspec.json.decode(await answer.read(), type=_Tokens).tokens
        return ids if len(ids) <= most else [*ids[: most - 1], ids[-1]]


async def _chunks(answer: Answer) -> AsyncIterator[Chunk]:
    async for line in answer.lines():
        data = line.removeprefix(b"data: ")
        if not data.startswith(b"{"):  # pings, empty lines, `null` and `[DONE]`
            continue
        chunk = decode(data)
        if chunk.error is not None:
            raise _explained(HTTPStatus.INTERNAL_SERVER_ERROR, data)
        yield chunk


async def _check(answer: Answer) -> None:
    if answer.status != HTTPStatus.OK:
        raise _explained(answer.status, await answer.read())


def _explained(status: int, body: bytes) -> GatewayError:
    """What the engine says, as OpenAI says it."""
    try:
        refusal = msgspec.json.decode(body, type=_Refused).error
    except msgspec.DecodeError:
        refusal = _Refusal()
    if refusal.type == "exceed_context_size_error":
        return BadRequest(
            f"This model's maximum context length is {refusal.n_ctx} tokens, and the prompt has "
            f"{refusal.n_prompt_tokens}. Shorten it, or raise the model's `context` option.",
            code="context_length_exceeded",
        )
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        field = _FIELD.match(refusal.message)
        return BadRequest(refusal.message, param=field[1] if field else None)
    return GatewayError(refusal.message, code="model_failed")


def _parameters(settings: ProcessSettings) -> Any:
    """llama.cpp's parameters: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings.file
    parameters.model_alias = {settings.name}
    parameters.hostnames = [settings.inner_socket]
    parameters.n_parallel = settings.parallel
    parameters.n_ctx = settings.context * settings.parallel  # the slots share it
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = settings.threads
    parameters.embedding = settings.kind == "embeddings"
    if parameters.embedding:
        parameters.n_batch = parameters.n_ubatch = settings.context  # one text is one batch
        if settings.pooling is not None:
            parameters.pooling_type = _POOLINGS[settings.pooling]
    parameters.cache_ram_mib = 0  # it would keep up to 8 GiB of old prompts
    parameters.ui = False
    parameters.verbosity = _LOG_ERRORS
    return parameters
