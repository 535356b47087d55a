"""Embeddings through `POST /api/embed`.

https://github.com/ollama/ollama/blob/main/docs/api.md#generate-embeddings
"""

from typing import Any

import msgspec

from adapters.inference.contract import Answer, Encoded, Target
from adapters.inference.ollama.request import OPTIONS, RESERVED, merge_options, without_nulls
from adapters.inference.ollama.schema import read_vectors
from adapters.wire.body import Body
from adapters.wire.embeddings import read_embeddings, wants_base64, write_embeddings
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import KEPT, MAPPED, UNSUPPORTED, Fields, Support, drops_for
from adapters.wire.usage import Usage

EMBEDDINGS_FIELDS: Fields = {
    "model": KEPT,
    "input": Support("kept", "text only"),
    "dimensions": KEPT,
    "encoding_format": Support("emulated", "base64 is made here"),
    "user": UNSUPPORTED,
    "ollama": MAPPED,
}
"""Every field of OpenAI's request."""
_NATIVE = ("keep_alive", "truncate")
_encode = msgspec.json.Encoder().encode


def encode_embeddings(body: Body, target: Target) -> Encoded:
    """The request for Ollama. Raises BadRequest and UnsupportedParameter."""
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    body = drops.without(body, target.settings.unsupported)
    request = read_embeddings(body)
    drops.drop_unexpressed(body.fields, EMBEDDINGS_FIELDS, own="ollama", native=(*_NATIVE, *OPTIONS, "options"))
    extras = vendor_extras(body, "ollama", RESERVED | {"input"})
    asked: dict[str, Any] = {
        "model": target.model_json,
        "input": request.texts,
        "dimensions": request.dimensions,
        "options": merge_options(body, extras) or None,
    }
    asked |= {name: body.fields[name] for name in _NATIVE if name in body.fields} | extras
    return Encoded(_encode(without_nulls(asked)), drops.dropped)


def decode_embeddings(raw: bytes, target: Target, body: Body) -> Answer:
    """The vectors in OpenAI's form. Raises UpstreamError on an answer without any."""
    answer = read_vectors(raw)
    usage = Usage(answer.prompt_eval_count) if answer.prompt_eval_count is not None else None
    return Answer(write_embeddings(answer.embeddings, answer.model or target.model, usage, wants_base64(body)), usage)
