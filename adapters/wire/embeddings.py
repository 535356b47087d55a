"""OpenAI's embeddings: the request as types, the answer in the form that was asked for, and batches cut and joined.

https://platform.openai.com/docs/api-reference/embeddings/create
"""

import struct
from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from adapters.wire.body import Body, decode_field
from adapters.wire.errors import BadRequest, UpstreamError
from adapters.wire.fields import KEPT, Fields
from adapters.wire.usage import Usage

Vector: TypeAlias = list[float] | Raw
"""Numbers, or a JSON array of them that nobody has read."""

EMBEDDINGS_FIELDS: Fields = dict.fromkeys(("model", "input", "dimensions", "encoding_format", "user"), KEPT)
"""What OpenAI's own request has."""

_inputs = msgspec.json.Decoder(str | list[Raw])
_text = msgspec.json.Decoder(str)
_dimensions = msgspec.json.Decoder(int | None)
_encoding_format = msgspec.json.Decoder(Literal["float", "base64"] | None)
_numbers = msgspec.json.Decoder(list[float])
_encode = msgspec.json.Encoder().encode


class EmbeddingsRequest(Struct, frozen=True):
    """What to embed, and in which form to give it back."""

    texts: list[str]
    dimensions: int | None
    as_base64: bool


def read_embeddings(body: Body) -> EmbeddingsRequest:
    """Read a request for a service that takes text.

    Raises BadRequest on a wrong type, on no input, and on token ids.
    """
    return EmbeddingsRequest(_texts(body), decode_field(body.fields, "dimensions", _dimensions), wants_base64(body))


def wants_base64(body: Body) -> bool:
    """Whether the client asked for vectors as base64. Raises BadRequest on a form that is neither."""
    return decode_field(body.fields, "encoding_format", _encoding_format) == "base64"


def write_embeddings(vectors: Sequence[Vector], model: str, usage: Usage | None, as_base64: bool) -> bytes:
    """The answer with one vector for each input, in their order.

    Raises UpstreamError on a vector that is none.
    """
    data = [
        {"object": "embedding", "index": index, "embedding": pack(vector) if as_base64 else vector}
        for index, vector in enumerate(vectors)
    ]
    tokens = usage.prompt_tokens if usage is not None else 0
    told = {"prompt_tokens": tokens, "total_tokens": tokens}
    return _encode({"object": "list", "data": data, "model": model, "usage": told})


def pack(vector: Vector) -> str:
    """Floats of 32 bits in base64, the lowest byte first, as OpenAI packs them.

    Raises UpstreamError on a vector that is none.
    """
    try:
        numbers = _numbers.decode(vector) if isinstance(vector, Raw) else vector
        packed = struct.pack(f"<{len(numbers)}f", *numbers)
    except (msgspec.DecodeError, struct.error, TypeError, OverflowError):
        raise UpstreamError("The provider's answer has an embedding that is no list of numbers.") from None
    return b64encode(packed).decode()


def _texts(body: Body) -> list[str]:
    inputs = decode_field(body.fields, "input", _inputs)
    if not inputs:
        message = "You must provide an 'input': a text, or an array that holds at least one."
        raise BadRequest(message, param="input", code="missing_required_parameter")
    if isinstance(inputs, str):
        return [inputs]
    try:
        return [_text.decode(one) for one in inputs]
    except msgspec.DecodeError:
        raise BadRequest(
            "This provider takes text only: 'input' must be a string or an array of strings, not of token ids.",
            param="input",
            code="unsupported_value",
        ) from None


# Batches


def split_inputs(body: Body, most: int) -> list[Body]:
    """The request itself where it has no more than `most` inputs, else requests for that many each, in order."""
    inputs = decode_field(body.fields, "input", _inputs)
    if not isinstance(inputs, list) or len(inputs) <= most or bytes(inputs[0])[:1].isdigit():  # one list of token ids
        return [body]
    return [
        Body(body.fields | {"input": Raw(_encode(inputs[start : start + most]))}, body.model, False, False)
        for start in range(0, len(inputs), most)
    ]


class _Part(Struct):
    data: list[dict[str, Raw]]
    model: Raw = Raw(b"null")


_part = msgspec.json.Decoder(_Part)
_VECTOR_BEGINS = (b"[", b'"')
_any_inputs = msgspec.json.Decoder(str | list[str | int | list[int]])


class _Vector(Struct):
    embedding: Raw
    index: int


class _Vectors(Struct):
    data: list[_Vector]
    model: Raw = Raw(b"null")


_vectors = msgspec.json.Decoder(_Vectors)


def read_inputs(body: Body) -> list[bytes] | None:
    """Each input as JSON, written one way; None where they are none that can be told apart, which others judge."""
    try:
        inputs = _any_inputs.decode(body.fields.get("input", b""))
    except (msgspec.DecodeError, RecursionError):
        return None
    kinds = {str} if isinstance(inputs, str) else {type(one) for one in inputs}
    if len(kinds) > 1:
        return None
    if isinstance(inputs, str) or kinds == {int}:
        return [_encode(inputs)]
    return [_encode(one) for one in inputs]


def read_vectors(answer: bytes) -> tuple[list[bytes], bytes] | None:
    """The vectors of an answer as JSON, in the order of the inputs, and its model; None where it has no such."""
    try:
        read = _vectors.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    places = [item.index for item in read.data]
    if places != list(range(len(places))):
        if sorted(places) != list(range(len(places))):
            return None
        read.data.sort(key=lambda item: item.index)
    vectors = [bytes(item.embedding) for item in read.data]
    return (vectors, bytes(read.model)) if all(vector[:1] in _VECTOR_BEGINS for vector in vectors) else None


def write_vectors(vectors: Sequence[bytes], model: bytes, tokens: int) -> bytes:
    """An answer with these vectors, which are JSON."""
    data = [{"object": "embedding", "index": index, "embedding": Raw(vector)} for index, vector in enumerate(vectors)]
    told = {"prompt_tokens": tokens, "total_tokens": tokens}
    return _encode({"object": "list", "data": data, "model": Raw(model), "usage": told})


def join_answers(answers: Sequence[bytes], usage: Usage | None) -> bytes:
    """One answer from those of several requests, its vectors counted through.

    Raises UpstreamError on an answer without vectors.
    """
    data: list[dict[str, Any]] = []
    for raw in answers:
        try:
            part = _part.decode(raw)
        except msgspec.DecodeError:
            raise UpstreamError("The provider's answer has no embeddings.") from None
        data += [item | {"index": len(data) + place} for place, item in enumerate(part.data)]
    tokens = usage.prompt_tokens if usage is not None else 0
    told = {"prompt_tokens": tokens, "total_tokens": tokens}
    return _encode({"object": "list", "data": data, "model": part.model, "usage": told})
