"""Google's Gemini API: https://ai.google.dev/api"""

from functools import lru_cache
from urllib.parse import quote

from adapters.inference import openai
from adapters.inference.contract import Adapter, Codec, NoOptions, Target
from adapters.inference.gemini import embeddings
from adapters.inference.gemini.errors import explain
from adapters.inference.gemini.request import FIELDS, encode_chat
from adapters.inference.gemini.response import decode_chat
from adapters.inference.gemini.stream import ChatStream
from adapters.wire.body import Body
from config.schema import Provider

BASE_URL = "https://generativelanguage.googleapis.com/v1beta"


def url_of_chat(target: Target, body: Body) -> str:
    """Where a chat goes; a stream has a method of its own."""
    method = "streamGenerateContent?alt=sse" if body.stream else "generateContent"
    return locate(target.settings.base_url or BASE_URL, target.model, method)


def url_of_embeddings(target: Target, body: Body) -> str:
    """Where texts go, one or many."""
    return locate(target.settings.base_url or BASE_URL, target.model, "batchEmbedContents")


@lru_cache(maxsize=1_024)
def locate(base_url: str, model: str, method: str) -> str:
    """The URL of a model's method; a name such as `tunedModels/mine` says itself what it is of."""
    path = quote(model, safe="/") if "/" in model else f"models/{quote(model)}"
    return f"{base_url.rstrip('/')}/{path}:{method}"


def models_url(settings: Provider, options: NoOptions) -> str:
    """Where the service lists its models in OpenAI's shape: https://ai.google.dev/gemini-api/docs/openai#list-models"""
    return f"{(settings.base_url or BASE_URL).rstrip('/')}/openai/models"


ADAPTER = Adapter(
    name="gemini",
    codecs={
        "chat": Codec(url_of_chat, encode_chat, decode_chat, ChatStream, fields=FIELDS),
        "embeddings": Codec(
            url_of_embeddings,
            embeddings.encode_embeddings,
            embeddings.decode_embeddings,
            ChatStream,
            fields=embeddings.FIELDS,
        ),
    },
    sign=openai.sign,
    explain=explain,
    models_url=models_url,
)
