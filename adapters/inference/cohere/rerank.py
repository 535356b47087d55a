"""Rerank: https://docs.cohere.com/reference/rerank"""

import math
from typing import Any

import msgspec
from msgspec import structs

from adapters.inference.cohere.request import DIALECT
from adapters.inference.cohere.response import input_usage
from adapters.inference.cohere.schema import Meta, read_meta
from adapters.inference.cohere.schema import read_rerank as read_answer
from adapters.inference.contract import Answer, Encoded, Target
from adapters.wire import rerank
from adapters.wire.body import Body
from adapters.wire.errors import UpstreamError
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import Fields, Support, drops_for
from adapters.wire.rerank import read_rerank, write_rerank
from adapters.wire.usage import Usage

RERANK_FIELDS: Fields = {**rerank.RERANK_FIELDS, "return_documents": Support("emulated", "texts are put in here")}

_NATIVE = ("priority", "relevant_spans")
_RESERVED = frozenset({"model", "query", "documents"})
_SEARCHES_MAX = 2**40
_encode = msgspec.json.Encoder().encode


def encode_rerank(body: Body, target: Target) -> Encoded:
    """A rerank request for Cohere.

    Raises BadRequest on what is wrong in it, and UnsupportedParameter where fields without counterpart are refused.
    """
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    body = drops.without(body, target.settings.unsupported)
    request = read_rerank(body)
    drops.drop_unexpressed(body.fields, RERANK_FIELDS, own=DIALECT, native=_NATIVE)
    for path in request.unknown:
        drops.drop(path, "unknown")
    told: dict[str, Any] = {
        "model": target.model_json,
        "query": request.query,
        "documents": request.documents,
        "top_n": request.top_n,
        "max_tokens_per_doc": request.max_tokens_per_doc,
    }
    fields = {name: value for name, value in told.items() if value is not None}
    native = {name: value for name, value in request.extra.items() if name in _NATIVE}
    return Encoded(_encode(fields | native | vendor_extras(body, DIALECT, _RESERVED)), drops.dropped)


def decode_rerank(raw: bytes, target: Target, body: Body) -> Answer:
    """The results in the form of the hub. Raises UpstreamError on an answer without them."""
    try:
        answer = read_answer(raw)
        meta = read_meta(answer.meta)
    except (msgspec.DecodeError, RecursionError):
        raise UpstreamError("The provider's answer has no rerank results.") from None
    usage = input_usage(meta.tokens if meta is not None else None)
    request = read_rerank(body)
    told = answer.meta if meta is not None else None
    written = write_rerank(answer.results, request, target.model, id=answer.id, usage=usage, meta=told)
    return Answer(written, _with_searches(usage, meta))


def _with_searches(usage: Usage | None, meta: Meta | None) -> Usage | None:
    """The usage with the searches that are billed in the place of its tokens."""
    units = meta.billed_units.search_units if meta is not None and meta.billed_units is not None else None
    if units is None or not 0 < units <= _SEARCHES_MAX:
        return usage
    return structs.replace(usage or Usage(), searches=math.ceil(units))
