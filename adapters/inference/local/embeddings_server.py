"""The process of an embedding model: OpenAI's embeddings, and rerank made of them, on a Unix socket.

Run by the engine as `python -m adapters.inference.local.embeddings_server <settings>`.
https://platform.openai.com/docs/api-reference/embeddings/create
"""

import asyncio
import base64
from typing import Any, Literal, Protocol

import msgspec
import numpy as np

from adapters.inference.local import lifetime, unix_server
from adapters.inference.local.options import ProcessSettings
from adapters.inference.local.slots import Slots
from adapters.inference.local.unix_server import Request, Response
from adapters.inference.local.weights import Weights, verify
from adapters.wire.body import Body, decode_field, parse
from adapters.wire.errors import BadRequest, NotFound
from adapters.wire.rerank import Ranked, read_rerank, write_rerank
from adapters.wire.tokens import decode_ids
from adapters.wire.usage import Usage

_INPUTS_MAX = 2_048
"""What OpenAI takes in one request."""
_UNCUT = 1_000_000
"""Tokens: a bound that leaves only the model's own."""

_input = msgspec.json.Decoder(str | list[str | int | list[int]])
_format = msgspec.json.Decoder(Literal["float", "base64"] | None)
_integer = msgspec.json.Decoder(int | None)


class Embedder(Protocol):
    """A loaded embedding model."""

    async def embed(self, texts: list[str], cut: int | None = None) -> tuple[Any, int]:
        """Texts to their vectors, one row each (an array or a list of lists), and their tokens together.

        Texts are cut to `cut` tokens, and to what the model takes. Without it, raises BadRequest on one that is too
        long.
        """
        ...


class EmbeddingsServer:
    """Answers requests with one model."""

    def __init__(self, settings: ProcessSettings, embedder: Embedder, dimensions: int) -> None:
        self._model = settings.name
        self._embedder = embedder
        self._dimensions = dimensions
        self._slots = Slots(settings.parallel, settings.queue)

    async def handle(self, request: Request) -> Response:
        """Answer one request. Raises BadRequest, NotFound, Overloaded."""
        match request.method, request.path:
            case "POST", "/v1/embeddings":
                return await self._embeddings(parse(request.body))
            case "POST", "/v1/rerank":
                return await self._rerank(parse(request.body))
        raise NotFound(f"The local model '{self._model}' serves embeddings and rerank only.")

    async def _embeddings(self, body: Body) -> Response:
        texts = await asyncio.to_thread(_inputs, body)
        as_base64 = decode_field(body.fields, "encoding_format", _format) == "base64"
        dimensions = decode_field(body.fields, "dimensions", _integer)
        if dimensions not in (None, self._dimensions):
            raise BadRequest(
                f"The vectors of this model have {self._dimensions} dimensions and can't be shortened.",
                param="dimensions",
                code="unsupported_value",
            )
        async with self._slots.turn():
            vectors, tokens = await self._embedder.embed(texts)
        return Response(await asyncio.to_thread(self._rendered, vectors, tokens, as_base64))

    async def _rerank(self, body: Body) -> Response:
        request = await asyncio.to_thread(read_rerank, body)
        documents = request.documents
        if len(documents) > _INPUTS_MAX or not all(documents):
            message = f"'documents' must have up to {_INPUTS_MAX} texts that are not empty."
            raise BadRequest(message, param="documents", code="invalid_value")
        async with self._slots.turn():
            asked, asked_tokens = await self._embedder.embed([request.query], _UNCUT)
            found, found_tokens = await self._embedder.embed(documents, request.max_tokens_per_doc or _UNCUT)
        results = [Ranked(place, score) for place, score in enumerate(_cosines(found, asked[0]))]
        usage = Usage(prompt_tokens=asked_tokens + found_tokens)
        return Response(write_rerank(results, request, self._model, usage=usage))

    def _rendered(self, vectors: Any, tokens: int, as_base64: bool) -> bytes:
        rows = np.asarray(vectors, "<f4")
        values = [base64.b64encode(row.tobytes()).decode() if as_base64 else row.tolist() for row in rows]
        data = [
            {"object": "embedding", "index": index, "embedding": embedding} for index, embedding in enumerate(values)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return msgspec.json.encode({"object": "list", "data": data, "model": self._model, "usage": usage})


def _cosines(rows: Any, row: Any) -> list[float]:
    """The cosine of the angle between each of the vectors and one."""
    vectors, vector = np.asarray(rows, np.float32), np.asarray(row, np.float32)
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(vector)
    cosines: list[float] = (vectors @ vector / lengths).clip(-1, 1).tolist()
    return cosines


def _inputs(body: Body) -> list[str]:
    """The texts of a request. Token ids are those of OpenAI's embedding models, which clients write for any model."""
    value = decode_field(body.fields, "input", _input)
    if value is None:
        raise BadRequest("You must provide an 'input' parameter.", param="input", code="missing_required_parameter")
    items: list[Any] = [value] if isinstance(value, str) or _is_ids(value) else value
    if not items or len(items) > _INPUTS_MAX:
        raise _refused(f"'input' must have between 1 and {_INPUTS_MAX} texts.")
    texts = [_decoded(item) if isinstance(item, list) else item for item in items]
    if not all(isinstance(text, str) and text for text in texts):
        raise _refused("'input' must be a text, or a list of texts that are not empty.")
    return texts


def _is_ids(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(item, int) for item in value)


def _decoded(ids: list[int]) -> str:
    try:
        return decode_ids(ids)
    except ValueError as error:
        raise _refused(f"'input' can't be read: {error}") from None


def _refused(message: str) -> BadRequest:
    return BadRequest(message, param="input", code="invalid_value")


def _load(settings: ProcessSettings) -> Embedder:
    """The model behind a file; what it takes to run it is imported for it alone."""
    if settings.file.endswith(".onnx"):
        from adapters.inference.local.minilm import MiniLM

        return MiniLM(settings.file, settings.threads)
    from adapters.inference.local.llama import Llama

    return Llama(settings)


async def main(settings: ProcessSettings) -> None:
    """Load the model, use it once, then listen: a socket that answers is a model that can."""
    verify(Weights(settings.file, settings.sha256))
    embedder = _load(settings)
    vectors, _ = await embedder.embed(["ready"])
    server = EmbeddingsServer(settings, embedder, len(vectors[0]))
    await unix_server.serve(server.handle, settings.socket, settings.idle_seconds, settings.lock)


if __name__ == "__main__":
    lifetime.run(main)
