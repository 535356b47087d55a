"""Cohere's API of version 2: chat, embeddings and rerank.

https://docs.cohere.com/reference/about
"""

from collections.abc import Callable
from functools import lru_cache

from adapters.inference import openai
from adapters.inference.cohere.embeddings import EMBEDDINGS_FIELDS, decode_embeddings, encode_embeddings, most_inputs
from adapters.inference.cohere.errors import explain
from adapters.inference.cohere.request import FIELDS, encode_chat
from adapters.inference.cohere.rerank import RERANK_FIELDS, decode_rerank, encode_rerank
from adapters.inference.cohere.response import decode_chat
from adapters.inference.cohere.stream import ChatStream
from adapters.inference.contract import Adapter, Codec, Target
from adapters.wire.body import Body

BASE_URL = "https://api.cohere.com"


def at(path: str) -> Callable[[Target, Body], str]:
    """The URL function of the operation that is served at a path of the API."""

    def url(target: Target, body: Body) -> str:
        return locate(target.settings.base_url or BASE_URL, path)

    return url


@lru_cache(maxsize=1_024)
def locate(base_url: str, path: str) -> str:
    """The URL of a path; a base URL may name the version."""
    base, mark, query = base_url.partition("?")
    return base.rstrip("/").removesuffix("/v2") + path + mark + query


ADAPTER = Adapter(
    name="cohere",
    codecs={
        "chat": Codec(at("/v2/chat"), encode_chat, decode_chat, ChatStream, fields=FIELDS),
        "embeddings": Codec(
            at("/v2/embed"),
            encode_embeddings,
            decode_embeddings,
            ChatStream,
            most_inputs=most_inputs,
            fields=EMBEDDINGS_FIELDS,
        ),
        "rerank": Codec(at("/v2/rerank"), encode_rerank, decode_rerank, ChatStream, fields=RERANK_FIELDS),
    },
    sign=openai.sign,
    explain=explain,
)
