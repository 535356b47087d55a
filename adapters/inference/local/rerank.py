"""Rerank by an embedding model: how near the vectors of texts are to that of the query.

No packaged model reads a query and a text together, as rerankers of services do. This is the nearest thing that works
with what is installed: it finds what is about the same, and knows less of what answers a question.
"""

from typing import Any

import msgspec

from adapters.inference.contract import Encoded, Target
from adapters.wire.body import Body
from adapters.wire.fields import drops_for
from adapters.wire.rerank import RERANK_FIELDS, read_rerank

_encode = msgspec.json.Encoder().encode


def encode_rerank(body: Body, target: Target) -> Encoded:
    """A rerank request for the process of an embedding model.

    Raises BadRequest on what is wrong in it, and UnsupportedParameter where the settings say to refuse.
    """
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    body = drops.without(body, target.settings.unsupported)
    request = read_rerank(body)
    drops.drop_unexpressed(body.fields, RERANK_FIELDS, own="local")
    for path in request.unknown:
        drops.drop(path, "unknown")
    fields: dict[str, Any] = {name: body.fields[name] for name in RERANK_FIELDS if name in body.fields}
    return Encoded(_encode(fields | {"model": target.model_json, "documents": request.documents}), drops.dropped)
