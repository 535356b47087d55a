"""Models on this machine: a provider inside the gateway, with the weights that registry packages carry or any GGUF.

Each model runs in a process of its own that speaks OpenAI's dialect on a Unix socket. What is special about local
models is done there, so that on the gateway's side they are one more upstream and OpenAI's codecs serve them.
"""

from collections.abc import Callable

from msgspec import structs

from adapters.inference import openai
from adapters.inference.contract import Adapter, Codec, Encoded, Target
from adapters.inference.local.engine import LocalEngine
from adapters.inference.local.options import LocalOptions
from adapters.inference.local.rerank import encode_rerank
from adapters.inference.openai.embeddings import encode_embeddings
from adapters.inference.openai.errors import explain
from adapters.inference.openai.request import encode
from adapters.wire.body import Body
from adapters.wire.fields import UNSUPPORTED


def _at(path: str) -> Callable[[Target, Body], str]:
    """The URL function of an operation; the host has no meaning on a Unix socket."""
    return lambda target, body: f"http://localhost/v1{path}"


_IGNORED = (
    "audio",
    "best_of",
    "echo",
    "function_call",
    "functions",
    "metadata",
    "modalities",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "suffix",
    "user",
    "verbosity",
    "web_search_options",
)
"""OpenAI's parameters that a local model can't follow and llama.cpp passes over in silence."""


def _encode(body: Body, target: Target) -> Encoded:
    return encode(body, _honest(target))


def _encode_embeddings(body: Body, target: Target) -> Encoded:
    return encode_embeddings(body, _honest(target))


def _honest(target: Target) -> Target:
    """The target, with what it ignores among what it does not support: so it is reported, or refused."""
    unsupported = [*target.settings.unsupported, *_IGNORED]
    return structs.replace(target, settings=structs.replace(target.settings, unsupported=unsupported))


def _told(codec: Codec) -> Codec:
    """The codec with a table that is honest too."""
    ignored = codec.fields.keys() & set(_IGNORED)
    return structs.replace(codec, fields={**codec.fields, **dict.fromkeys(ignored, UNSUPPORTED)})


_CODECS = openai.codecs(_at, _encode, _encode_embeddings)
_CODECS["rerank"] = structs.replace(_CODECS["rerank"], encode=encode_rerank)

ADAPTER = Adapter(
    name="local",
    codecs={name: _told(codec) for name, codec in _CODECS.items()},
    sign=openai.sign,
    explain=explain,
    options=LocalOptions,
    models=lambda options: list(options.models),
    engine=LocalEngine,
)
