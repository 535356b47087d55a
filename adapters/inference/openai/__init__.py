"""OpenAI's own dialect, and that of every provider that speaks it."""

from collections.abc import Callable
from functools import lru_cache

from adapters.inference.contract import Adapter, Codec, Encoded, Headers, NoOptions, Target
from adapters.inference.openai.embeddings import decode_embeddings, encode_embeddings
from adapters.inference.openai.errors import explain
from adapters.inference.openai.fields import CHAT, COMPLETIONS, EMBEDDINGS
from adapters.inference.openai.mended import decode_chat, decode_completion, stream_chat, stream_completion
from adapters.inference.openai.moderations import decode_moderations, encode_moderations
from adapters.inference.openai.request import encode
from adapters.inference.openai.rerank import decode_rerank, encode_rerank
from adapters.inference.openai.stream import Stream
from adapters.wire.body import Body
from adapters.wire.rerank import RERANK_FIELDS
from config.schema import Operation, Provider

_HEADER_AUTH = "header:"


def at(path: str) -> Callable[[Target, Body], str]:
    """The URL function of an operation that is served at a path under `base_url`."""

    def url(target: Target, body: Body) -> str:
        return join(target.settings.base_url or "", path)

    return url


@lru_cache(maxsize=1_024)
def join(base_url: str, path: str) -> str:
    """A path under a base URL, which may end in a slash and may have a query."""
    base, mark, query = base_url.partition("?")
    return base.rstrip("/") + path + mark + query


def sign(target: Target, url: str, body: bytes, secret: str | None) -> Headers:
    """The key as `auth` says, and the provider's own headers, which win over it."""
    settings = target.settings
    headers: dict[bytes, bytes] = {}
    if secret and settings.auth == "bearer":
        headers[b"authorization"] = b"Bearer " + secret.encode()
    elif secret and settings.auth.startswith(_HEADER_AUTH):
        headers[settings.auth.removeprefix(_HEADER_AUTH).lower().encode()] = secret.encode()
    for name, value in settings.headers.items():
        headers[name.lower().encode()] = value.encode()
    return list(headers.items())


def models_url(settings: Provider, options: NoOptions) -> str:
    """Where the provider lists its models."""
    return join(settings.base_url or "", "/models")


def codecs(
    located: Callable[[str], Callable[[Target, Body], str]] = at,
    encode: Callable[[Body, Target], Encoded] = encode,
    encode_embeddings: Callable[[Body, Target], Encoded] = encode_embeddings,
) -> dict[Operation, Codec]:
    """The operations of a dialect that is OpenAI's but for where they are located or how requests are encoded."""
    return {
        "chat": Codec(located("/chat/completions"), encode, decode_chat, stream_chat, fields=CHAT),
        "completions": Codec(located("/completions"), encode, decode_completion, stream_completion, fields=COMPLETIONS),
        "embeddings": Codec(located("/embeddings"), encode_embeddings, decode_embeddings, Stream, fields=EMBEDDINGS),
        "rerank": Codec(located("/rerank"), encode_rerank, decode_rerank, Stream, fields=RERANK_FIELDS),
        "moderations": Codec(located("/moderations"), encode_moderations, decode_moderations, Stream),
    }


ADAPTER = Adapter(name="openai", codecs=codecs(), sign=sign, explain=explain, models_url=models_url)
