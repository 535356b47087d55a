"""Embeddings over InvokeModel, where each maker has a form of its own.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from adapters.inference.bedrock.carrying import DIALECT
from adapters.inference.bedrock.families import Family, family_of
from adapters.inference.contract import Answer, Encoded, Target
from adapters.wire.body import Body
from adapters.wire.embeddings import EmbeddingsRequest, read_embeddings, wants_base64, write_embeddings
from adapters.wire.errors import BadRequest, UpstreamError
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import MAPPED, UNSUPPORTED, Drops, Fields, Support, drops_for
from adapters.wire.usage import Usage

FIELDS: Fields = {
    "model": Support("mapped", "in the URL"),
    "input": MAPPED,
    "dimensions": Support("mapped", "for Titan from v2 on and Cohere from v4 on"),
    "encoding_format": Support("emulated", "vectors are packed by the gateway"),
    "user": UNSUPPORTED,
    "input_type": Support("kept", "Cohere's: `search_document` where it is left out"),
    "truncate": Support("kept", "Cohere's"),
    "normalize": Support("kept", "Titan's, from v2 on"),
}
_RESERVED = frozenset(("model", "modelid", "inputtext", "texts", "inputs"))
_OWN = ("input_type", "truncate", "normalize")
_TITAN_INPUTS = 1
_COHERE_INPUTS = 96
_USUAL_INPUT_TYPE = Raw(b'"search_document"')

_encode = msgspec.json.Encoder().encode


class _Answer(Struct):
    """What both makers answer: Titan one vector, Cohere a list of them, or one list for each type."""

    embedding: Raw = Raw()
    embeddings: Raw = Raw()
    tokens: int | None = msgspec.field(name="inputTextTokenCount", default=None)


class _ByType(Struct):
    float: list[Raw]


_answer = msgspec.json.Decoder(_Answer)
_vectors = msgspec.json.Decoder(list[Raw] | _ByType)


def most_inputs(target: Target) -> int | None:
    """Titan takes one text at a time, Cohere 96; of others the configuration may know."""
    family = family_of(target.model)
    if _is_titan(family):
        return _TITAN_INPUTS
    return _COHERE_INPUTS if family.vendor == "cohere" else target.settings.embeddings.max_inputs


def encode_embeddings(body: Body, target: Target) -> Encoded:
    """A request in the form of the model's maker. Raises BadRequest for a model of another maker."""
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    body = drops.without(body, target.settings.unsupported)
    extras = vendor_extras(body, DIALECT, _RESERVED)
    request = read_embeddings(body)
    drops.drop_unexpressed(body.fields, FIELDS, own=DIALECT)
    family = family_of(target.model)
    if _is_titan(family):
        fields = _titan(request, body, family, drops)
    elif family.vendor == "cohere":
        fields = _cohere(request, body, family, drops)
    else:
        raise BadRequest(
            f"Embeddings of '{target.model}' are not known here: of Bedrock's models, Titan's and Cohere's are.",
            param="model",
            code="unsupported_model",
        )
    return Encoded(_encode(fields | extras), drops.dropped)


def decode_embeddings(raw: bytes, target: Target, body: Body) -> Answer:
    """The vectors in OpenAI's form; Cohere tells its tokens in a header alone. Raises UpstreamError without vectors."""
    try:
        told = _answer.decode(raw)
        vectors = [told.embedding] if bytes(told.embedding) else _listed(told.embeddings)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamError("The provider's answer has no embeddings.") from None
    usage = Usage(prompt_tokens=told.tokens) if told.tokens is not None else None
    return Answer(write_embeddings(vectors, target.model, usage, wants_base64(body)), usage)


def _listed(raw: Raw) -> list[Raw]:
    vectors = _vectors.decode(raw)
    return vectors.float if isinstance(vectors, _ByType) else vectors


def _is_titan(family: Family) -> bool:
    return family.vendor == "amazon" and family.name.startswith("titan-embed")


def _titan(request: EmbeddingsRequest, body: Body, family: Family, drops: Drops) -> dict[str, Any]:
    if len(request.texts) > _TITAN_INPUTS:
        raise BadRequest("This model embeds one text at a time.", param="input", code="too_many_inputs")
    fields: dict[str, Any] = {"inputText": request.texts[0]}
    if "titan-embed-image" in family.name:
        if request.dimensions is not None:
            fields["embeddingConfig"] = {"outputEmbeddingLength": request.dimensions}
        return fields | _native(body, (), drops)
    is_first = "text-v2" not in family.name
    if request.dimensions is not None and is_first:
        drops.drop("dimensions")
    elif request.dimensions is not None:
        fields["dimensions"] = request.dimensions
    return fields | _native(body, () if is_first else ("normalize",), drops)


def _cohere(request: EmbeddingsRequest, body: Body, family: Family, drops: Drops) -> dict[str, Any]:
    fields: dict[str, Any] = {"texts": request.texts, "input_type": _USUAL_INPUT_TYPE}
    if request.dimensions is not None and "v3" in family.name:
        drops.drop("dimensions")
    elif request.dimensions is not None:
        fields["output_dimension"] = request.dimensions
    return fields | _native(body, ("input_type", "truncate"), drops)


def _native(body: Body, names: tuple[str, ...], drops: Drops) -> dict[str, Raw]:
    """The maker's own fields; those of the other maker are noted."""
    given = {name: body.fields[name] for name in _OWN if name in body.fields and bytes(body.fields[name]) != b"null"}
    for name in given:
        if name not in names:
            drops.drop(name)
    return {name: given[name] for name in names if name in given}
