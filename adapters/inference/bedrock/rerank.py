"""Rerank over InvokeModel: Cohere's form, which Amazon's own model shares.

https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-supported.html
"""

from typing import Any

import msgspec
from msgspec import Struct

from adapters.inference.bedrock.carrying import DIALECT
from adapters.inference.bedrock.families import family_of
from adapters.inference.contract import Answer, Encoded, Target
from adapters.wire.body import Body
from adapters.wire.errors import UpstreamError
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import MAPPED, Fields, Support, drops_for
from adapters.wire.rerank import Ranked, read_rerank, write_rerank

FIELDS: Fields = {
    "model": Support("mapped", "in the URL"),
    "query": MAPPED,
    "documents": MAPPED,
    "top_n": MAPPED,
    "return_documents": Support("emulated", "the gateway puts the texts in"),
    "max_tokens_per_doc": Support("mapped", "for Cohere"),
}
_RESERVED = frozenset(("model", "modelid", "query", "documents"))
_COHERE_VERSION = 2
"""Of its API, the only one that Bedrock takes."""

_encode = msgspec.json.Encoder().encode


class _Answer(Struct):
    results: list[Ranked]


_answer = msgspec.json.Decoder(_Answer)


def encode_rerank(body: Body, target: Target) -> Encoded:
    """A rerank request as the model takes it."""
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    body = drops.without(body, target.settings.unsupported)
    extras = vendor_extras(body, DIALECT, _RESERVED)
    request = read_rerank(body)
    drops.drop_unexpressed(body.fields, FIELDS, own=DIALECT)
    for path in request.unknown:
        drops.drop(path, "unknown")
    fields: dict[str, Any] = {"query": request.query, "documents": request.documents}
    if request.top_n is not None:
        fields["top_n"] = request.top_n
    of_amazon = family_of(target.model).vendor == "amazon"
    if not of_amazon:
        fields["api_version"] = _COHERE_VERSION
    if request.max_tokens_per_doc is not None and of_amazon:
        drops.drop("max_tokens_per_doc")
    elif request.max_tokens_per_doc is not None:
        fields["max_tokens_per_doc"] = request.max_tokens_per_doc
    return Encoded(_encode(fields | extras), drops.dropped)


def decode_rerank(raw: bytes, target: Target, body: Body) -> Answer:
    """The results, the best first. Raises UpstreamError on an answer without them."""
    try:
        results = _answer.decode(raw).results
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamError("The provider's answer has no rerank results.") from None
    return Answer(write_rerank(results, read_rerank(body), target.model))
