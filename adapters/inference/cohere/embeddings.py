"""Embeddings: OpenAI's request for Cohere, and its vectors in OpenAI's form.

https://docs.cohere.com/reference/embed
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from adapters.inference.cohere.request import DIALECT
from adapters.inference.cohere.response import input_usage
from adapters.inference.cohere.schema import read_embed
from adapters.inference.contract import Answer, Encoded, Target, inputs_of_the_row
from adapters.wire.body import Body, decode_field
from adapters.wire.embeddings import read_embeddings, wants_base64, write_embeddings
from adapters.wire.errors import UpstreamError
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import KEPT, UNSUPPORTED, Fields, Support, drops_for

EMBEDDINGS_FIELDS: Fields = {
    "model": KEPT,
    "input": Support("mapped", "as texts"),
    "dimensions": Support("mapped", "as output_dimension"),
    "encoding_format": Support("emulated", "base64 is made here"),
    "user": UNSUPPORTED,
}
"""Every field of OpenAI's request."""

_NATIVE = ("embedding_types", "input_type", "max_tokens", "priority", "truncate")
_RESERVED = frozenset({"model", "texts"})
_INPUTS_MAX = 96
_INPUT_TYPE = "search_document"
"""Cohere wants to know what vectors are for; clients of OpenAI's format don't say. Queries are `search_query`."""

_OneType = Annotated[list[Literal["float", "int8", "uint8", "binary", "ubinary"]], Meta(min_length=1, max_length=1)]
_types = msgspec.json.Decoder(_OneType | None)
_encode = msgspec.json.Encoder().encode


def most_inputs(target: Target) -> int:
    """What the row says, else what Cohere does."""
    return inputs_of_the_row(target) or _INPUTS_MAX


def encode_embeddings(body: Body, target: Target) -> Encoded:
    """An embeddings request for Cohere.

    Raises BadRequest on what it can't take, and UnsupportedParameter where such fields are to be refused.
    """
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    body = drops.without(body, target.settings.unsupported)
    request = read_embeddings(body)
    drops.drop_unexpressed(body.fields, EMBEDDINGS_FIELDS, own=DIALECT, native=_NATIVE)
    fields: dict[str, Any] = {
        "model": target.model_json,
        "input_type": _INPUT_TYPE,
        "embedding_types": [_type_of(body)],
        "texts": request.texts,
    }
    if request.dimensions is not None:
        fields["output_dimension"] = request.dimensions
    extras = _extras(body)
    extras.pop("embedding_types", None)
    return Encoded(_encode(fields | extras), drops.dropped)


def decode_embeddings(raw: bytes, target: Target, body: Body) -> Answer:
    """The vectors in OpenAI's form. Raises UpstreamError on an answer without them."""
    try:
        answer = read_embed(raw)
    except (msgspec.DecodeError, RecursionError):
        raise UpstreamError("The provider's answer has no embeddings.") from None
    vectors = answer.embeddings.get(_type_of(body))
    if vectors is None:
        raise UpstreamError("The provider's answer has no embeddings of the type that was asked for.")
    usage = input_usage((answer.meta.tokens or answer.meta.billed_units) if answer.meta is not None else None)
    return Answer(write_embeddings(vectors, target.model, usage, wants_base64(body)), usage)


def _extras(body: Body) -> dict[str, Raw]:
    """Cohere's own fields; those in the member of its name win."""
    native = {name: value for name, value in body.fields.items() if name in _NATIVE}
    extras = native | vendor_extras(body, DIALECT, _RESERVED)
    return {name: value for name, value in extras.items() if bytes(value) != b"null"}


def _type_of(body: Body) -> str:
    """The one type of vectors that is asked for: an answer in OpenAI's form has room for no more."""
    types = decode_field(_extras(body), "embedding_types", _types)
    return types[0] if types else "float"
