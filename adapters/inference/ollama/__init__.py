"""Ollama's own API: chat with everything it can do, embeddings, and completions through its OpenAI surface.

Why not that surface for chat: it has no `options` (the size of the context among them), no `keep_alive` and no
`think`, and it sets temperature and top_p to 1 where a client says nothing, over what the model was made with.
https://github.com/ollama/ollama/blob/main/openai/openai.go
"""

from collections.abc import Callable
from functools import lru_cache

from adapters.inference import openai
from adapters.inference.contract import Adapter, Codec, NoOptions, Target
from adapters.inference.ollama.embeddings import EMBEDDINGS_FIELDS, decode_embeddings, encode_embeddings
from adapters.inference.ollama.errors import explain
from adapters.inference.ollama.request import FIELDS, encode
from adapters.inference.ollama.response import decode
from adapters.inference.ollama.stream import Stream
from adapters.inference.openai.stream import Stream as OpenAIStream
from adapters.wire.body import Body
from config.schema import Provider


def at(path: str) -> Callable[[Target, Body], str]:
    """The URL function of the operation that is served at a path of the server."""

    def url(target: Target, body: Body) -> str:
        return locate(target.settings.base_url or "", path)

    return url


@lru_cache(maxsize=1_024)
def locate(base_url: str, path: str) -> str:
    """The URL of a path; a base URL may be that of the OpenAI surface, or of the API."""
    base, mark, query = base_url.partition("?")
    root = base.rstrip("/").removesuffix("/v1").removesuffix("/api").rstrip("/")
    return root + path + mark + query


def models_url(settings: Provider, options: NoOptions) -> str:
    """Where the server lists its models in OpenAI's shape."""
    return locate(settings.base_url or "", "/v1/models")


ADAPTER = Adapter(
    name="ollama",
    codecs={
        "chat": Codec(at("/api/chat"), encode, decode, Stream, media_type=b"application/x-ndjson", fields=FIELDS),
        "completions": openai.codecs(lambda path: at("/v1" + path))["completions"],
        "embeddings": Codec(
            at("/api/embed"), encode_embeddings, decode_embeddings, OpenAIStream, fields=EMBEDDINGS_FIELDS
        ),
    },
    sign=openai.sign,
    explain=explain,
    models_url=models_url,
)
