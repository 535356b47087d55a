"""Rerank through `POST /ml/v1/text/rerank`. https://cloud.ibm.com/apidocs/watsonx-ai#text-rerank"""

from typing import Any

import msgspec

from adapters.inference.contract import Answer, Encoded, Target
from adapters.inference.watsonx.request import RESERVED, whose
from adapters.inference.watsonx.schema import read_ranks
from adapters.wire.body import Body
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import KEPT, MAPPED, Fields, Support, drops_for
from adapters.wire.rerank import Ranked, read_rerank, write_rerank
from adapters.wire.usage import Usage

RERANK_FIELDS: Fields = {
    "model": Support("mapped", "model_id"),
    "query": KEPT,
    "documents": Support("mapped", "inputs"),
    "top_n": Support("mapped", "parameters.return_options.top_n"),
    "return_documents": Support("emulated", "put in here"),
    "max_tokens_per_doc": Support("mapped", "parameters.truncate_input_tokens"),
    "watsonx": MAPPED,
}
"""Every field of a request."""
_encode = msgspec.json.Encoder().encode


def encode_rerank(body: Body, target: Target) -> Encoded:
    """The request for watsonx.ai. Raises BadRequest and UnsupportedParameter."""
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    body = drops.without(body, target.settings.unsupported)
    request = read_rerank(body)
    drops.drop_unexpressed(body.fields, RERANK_FIELDS, own="watsonx")
    for path in request.unknown:
        drops.drop(path, "unknown")
    asked: dict[str, Any] = {
        "model_id": target.model_json,
        "query": request.query,
        "inputs": [{"text": text} for text in request.documents],
        **whose(target),
    }
    parameters: dict[str, Any] = {}
    if request.max_tokens_per_doc is not None:
        parameters["truncate_input_tokens"] = request.max_tokens_per_doc
    if request.top_n is not None:
        parameters["return_options"] = {"top_n": request.top_n}
    if parameters:
        asked["parameters"] = parameters
    return Encoded(_encode(asked | vendor_extras(body, "watsonx", RESERVED | {"inputs", "query"})), drops.dropped)


def decode_rerank(raw: bytes, target: Target, body: Body) -> Answer:
    """The results, the best first. Raises UpstreamError on an answer without any."""
    answer = read_ranks(raw)
    usage = Usage(answer.input_token_count) if answer.input_token_count is not None else None
    results = [Ranked(index=result.index, relevance_score=result.score) for result in answer.results]
    model = answer.model_id or target.model
    return Answer(write_rerank(results, read_rerank(body), model, usage=usage), usage)
