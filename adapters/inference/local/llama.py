"""llama.cpp's own server inside this process, and how it is asked.

It listens on a second socket beside the process's own and is asked over HTTP rather than by function calls: closing the
connection is the one way to stop it that works while it reads a prompt, too.
"""

import contextlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import msgspec
import xllamacpp
from msgspec import Struct

from adapters.inference.local.chunks import Chunk, decode
from adapters.inference.local.options import ProcessSettings
from adapters.wire.errors import BadRequest, GatewayError

_LOG_ERRORS = 1


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


class Llama:
    """A loaded model."""

    def __init__(self, settings: ProcessSettings) -> None:
        self._socket = f"{settings.socket}.llama"
        Path(self._socket).unlink(missing_ok=True)
        self._server = xllamacpp.Server(_parameters(settings, self._socket))
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=self._socket, limits=httpx.Limits(max_keepalive_connections=0)),
            base_url="http://llama",
            timeout=None,
        )

    async def knows_tools(self) -> bool:
        """Whether the model's chat template shows tools, their calls and their results to the model."""
        answer = await self._client.get("/props")
        return msgspec.json.decode(answer.content, type=_Properties).chat_template_caps.supports_tools

    @contextlib.asynccontextmanager
    async def stream(self, path: str, fields: dict[str, Any]) -> AsyncIterator[AsyncIterator[Chunk]]:
        """Ask, and give the chunks of the answer; leaving the context ends the computation.

        Raises BadRequest where the engine refuses, GatewayError where it fails; inside the stream too.
        """
        body = msgspec.json.encode(fields)
        async with self._client.stream("POST", path, content=body) as answer:
            if answer.status_code != HTTPStatus.OK:
                raise _explained(answer.status_code, await answer.aread())
            yield _chunks(answer)

    async def embed(self, texts: list[str]) -> tuple[list[list[float]], int]:
        """One vector for each text, and their tokens together."""
        answer = await self._client.post("/v1/embeddings", content=msgspec.json.encode({"input": texts}))
        if answer.status_code != HTTPStatus.OK:
            raise _explained(answer.status_code, answer.content)
        told = msgspec.json.decode(answer.content)
        return [item["embedding"] for item in told["data"]], told["usage"]["prompt_tokens"]


async def _chunks(answer: httpx.Response) -> AsyncIterator[Chunk]:
    async for line in answer.aiter_lines():
        if not line.startswith("data: {"):  # pings, `null` and `[DONE]`
            continue
        data = line.removeprefix("data: ").encode()
        chunk = decode(data)
        if chunk is None:
            continue
        if chunk.error is not None:
            raise _explained(HTTPStatus.INTERNAL_SERVER_ERROR, data)
        yield chunk


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
        return BadRequest(refusal.message)
    return GatewayError(refusal.message, code="model_failed")


def _parameters(settings: ProcessSettings, socket: str) -> Any:
    """llama.cpp's parameters: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings.file
    parameters.model_alias = {settings.name}
    parameters.hostnames = [socket]
    parameters.n_parallel = settings.parallel
    parameters.n_ctx = settings.context * settings.parallel  # the slots share it
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = settings.threads
    parameters.embedding = settings.kind == "embeddings"
    if parameters.embedding:
        parameters.n_batch = parameters.n_ubatch = settings.context  # one text is one batch
    parameters.cache_ram_mib = 0  # it would keep up to 8 GiB of old prompts
    parameters.ui = False
    parameters.verbosity = _LOG_ERRORS
    return parameters
