"""Google Cloud's Vertex AI: Gemini as the Gemini API has it, Claude as Anthropic has it, at a project's own URLs.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
"""

import msgspec
from msgspec.structs import replace

from adapters.inference import openai
from adapters.inference.anthropic import passthrough
from adapters.inference.anthropic.errors import explain as explain_claude
from adapters.inference.anthropic.response import decode_chat as decode_claude
from adapters.inference.anthropic.stream import ChatStream as ClaudeStream
from adapters.inference.contract import Adapter, Answer, Codec, Encoded, Headers, StreamDecoder, Target
from adapters.inference.gemini.embeddings import FIELDS as EMBEDDINGS_FIELDS
from adapters.inference.gemini.errors import explain as explain_google
from adapters.inference.gemini.request import FIELDS, encode_as
from adapters.inference.gemini.response import decode_chat as decode_gemini
from adapters.inference.gemini.stream import ChatStream as GeminiStream
from adapters.inference.vertex import claude, embeddings, urls
from adapters.inference.vertex.credentials import lend
from adapters.inference.vertex.options import VertexOptions
from adapters.wire.body import Body
from adapters.wire.errors import GatewayError


def encode_chat(body: Body, target: Target) -> Encoded:
    """A chat request in the format of the model's maker."""
    if urls.is_claude(target.model):
        return claude.encode_chat(body, target)
    return Encoded(*encode_as("vertex", body, target))


def decode_chat(raw: bytes, target: Target, body: Body) -> Answer:
    """A chat completion from the format of the model's maker."""
    decode = decode_claude if urls.is_claude(target.model) else decode_gemini
    return decode(raw, target, body)


def stream_chat(target: Target, body: Body) -> StreamDecoder:
    """A stream's decoder for the format of the model's maker."""
    return ClaudeStream(target, body) if urls.is_claude(target.model) else GeminiStream(target, body)


def sign(target: Target, url: str, body: bytes, secret: str | None) -> Headers:
    """The key as `auth` says, or the token that was lent, which is always a bearer token."""
    if target.settings.api_key is None and secret:
        target = replace(target, settings=replace(target.settings, auth="bearer"))
    return openai.sign(target, url, body, secret)


class _Kind(msgspec.Struct):
    type: str


_kind = msgspec.json.Decoder(_Kind)


def explain(status: int, headers: Headers, body: bytes) -> GatewayError:
    """The error of the cloud, or of a model whose maker has a form of its own."""
    try:
        own = _kind.decode(body).type == "error"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        own = False
    return (explain_claude if own else explain_google)(status, headers, body)


ADAPTER = Adapter(
    name="vertex",
    codecs={
        "chat": Codec(urls.url_of_chat, encode_chat, decode_chat, stream_chat, fields=FIELDS),
        "embeddings": Codec(
            urls.url_of_embeddings,
            embeddings.encode_embeddings,
            embeddings.decode_embeddings,
            GeminiStream,
            fields=EMBEDDINGS_FIELDS,
            most_inputs=embeddings.most_inputs,
        ),
        "messages": Codec(
            urls.url_of_messages,
            claude.encode_messages,
            passthrough.decode,
            passthrough.MessagesStream,
            serves=urls.has_claude,
            stream_error=passthrough.stream_error,
        ),
        "count_tokens": Codec(
            urls.url_of_count,
            claude.encode_count,
            passthrough.decode_count,
            passthrough.MessagesStream,
            serves=urls.has_claude,
            stream_error=passthrough.stream_error,
        ),
    },
    sign=sign,
    explain=explain,
    options=VertexOptions,
    lend=lend,
)
