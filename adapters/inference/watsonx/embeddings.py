"""Embeddings through `POST /ml/v1/text/embeddings`. https://cloud.ibm.com/apidocs/watsonx-ai#text-embeddings"""

from typing import Any

import msgspec

from adapters.inference.contract import Answer, Encoded, Target
from adapters.inference.watsonx.request import RESERVED, whose
from adapters.inference.watsonx.schema import read_vectors
from adapters.wire.body import Body
from adapters.wire.embeddings import read_embeddings, wants_base64, write_embeddings
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import KEPT, MAPPED, UNSUPPORTED, Fields, Support, drops_for
from adapters.wire.usage import Usage

EMBEDDINGS_FIELDS: Fields = {
    "model": Support("mapped", "model_id"),
    "input": Support("mapped", "inputs: text only"),
    "dimensions": UNSUPPORTED,
    "encoding_format": Support("emulated", "base64 is made here"),
    "user": UNSUPPORTED,
    "parameters": KEPT,
    "watsonx": MAPPED,
}
"""Every field of OpenAI's request, and the service's own."""
_encode = msgspec.json.Encoder().encode


def encode_embeddings(body: Body, target: Target) -> Encoded:
    """The request for watsonx.ai. Raises BadRequest and UnsupportedParameter."""
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    body = drops.without(body, target.settings.unsupported)
    request = read_embeddings(body)
    drops.drop_unexpressed(body.fields, EMBEDDINGS_FIELDS, own="watsonx")
    asked: dict[str, Any] = {"model_id": target.model_json, "inputs": request.texts, **whose(target)}
    if (parameters := body.fields.get("parameters")) is not None:
        asked["parameters"] = parameters
    return Encoded(_encode(asked | vendor_extras(body, "watsonx", RESERVED | {"inputs"})), drops.dropped)


def decode_embeddings(raw: bytes, target: Target, body: Body) -> Answer:
    """The vectors in OpenAI's form. Raises UpstreamError on an answer without any."""
    answer = read_vectors(raw)
    usage = Usage(answer.input_token_count) if answer.input_token_count is not None else None
    vectors = [result.embedding for result in answer.results]
    return Answer(write_embeddings(vectors, answer.model_id or target.model, usage, wants_base64(body)), usage)
