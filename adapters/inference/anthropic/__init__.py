"""Anthropic's Messages API, spoken by Anthropic and by servers that take its place.

`draft`, `decode_chat` and `ChatStream` are the parts that clouds which carry Claude under an API of their own share.
https://platform.claude.com/docs/en/api/overview
"""

from collections.abc import Callable

from adapters.inference import openai
from adapters.inference.anthropic import passthrough
from adapters.inference.anthropic.errors import explain
from adapters.inference.anthropic.request import FIELDS, encode_chat
from adapters.inference.anthropic.response import decode_chat
from adapters.inference.anthropic.stream import ChatStream
from adapters.inference.contract import Adapter, Codec, Headers, NoOptions, Target
from adapters.wire.body import Body
from config.schema import Provider

BASE_URL = "https://api.anthropic.com/v1"
VERSION = (b"anthropic-version", b"2023-06-01")
"""The last version with `temperature`, `top_p` and `top_k`: https://platform.claude.com/docs/en/api/versioning"""
_MODELS_MAX = 1_000


def at(path: str) -> Callable[[Target, Body], str]:
    """The URL function of the operation that is served at a path under `base_url`."""

    def url(target: Target, body: Body) -> str:
        return openai.join(target.settings.base_url or BASE_URL, path)

    return url


def sign(target: Target, url: str, body: bytes, secret: str | None) -> Headers:
    """The key as `auth` says, and the version of the API unless the provider's own headers name one."""
    headers = openai.sign(target, url, body, secret)
    return headers if any(name == VERSION[0] for name, _ in headers) else [*headers, VERSION]


def models_url(settings: Provider, options: NoOptions) -> str:
    """Where the service lists its models, all on one page; OpenAI's shape is part of its own."""
    return openai.join(settings.base_url or BASE_URL, "/models") + f"?limit={_MODELS_MAX}"


ADAPTER = Adapter(
    name="anthropic",
    codecs={
        "chat": Codec(at("/messages"), encode_chat, decode_chat, ChatStream, fields=FIELDS),
        "messages": Codec(
            at("/messages"),
            passthrough.encode,
            passthrough.decode,
            passthrough.MessagesStream,
            stream_error=passthrough.stream_error,
        ),
        "count_tokens": Codec(
            at("/messages/count_tokens"),
            passthrough.encode,
            passthrough.decode_count,
            passthrough.MessagesStream,
            stream_error=passthrough.stream_error,
        ),
    },
    sign=sign,
    explain=explain,
    models_url=models_url,
)
