"""Rerank: texts in the order in which they answer a query. The request as types, and the answer.

OpenAI has no such operation. Its form is Cohere's, which Jina, Together, OpenRouter and vLLM share:
https://docs.cohere.com/reference/rerank, https://docs.vllm.ai/en/stable/serving/openai_compatible_server/
"""

import secrets
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from adapters.wire.body import Body
from adapters.wire.errors import BadRequest
from adapters.wire.fields import KEPT, Fields
from adapters.wire.usage import Usage

RERANK_FIELDS: Fields = dict.fromkeys(
    ("model", "query", "documents", "top_n", "return_documents", "max_tokens_per_doc"), KEPT
)
"""What a request has, whoever answers it."""


class Document(Struct):
    """A text that is to be judged, where it is not written as a string."""

    text: str


class RerankRequest(Struct, kw_only=True):
    """What to judge by what, and how much to tell of it."""

    query: str
    documents: list[str]
    top_n: int | None = None
    """How many results are wanted, all where None."""
    return_documents: bool = False
    """Whether results have the texts."""
    max_tokens_per_doc: int | None = None
    """Longer texts are cut to this before they are judged."""
    extra: dict[str, Raw]
    """Fields that are not in `RERANK_FIELDS`, as they came."""
    unknown: list[str]
    """Members of documents beside `text`, as paths."""


class Ranked(Struct, omit_defaults=True):
    """One result: the place of a document in the request, and how well it answers the query."""

    index: int
    relevance_score: float
    document: Document | None = None
    relevant_spans: Raw | UnsetType = UNSET
    """The passages that count, where a service tells them, as it tells them."""


_Positive = Annotated[int, Meta(ge=1)]
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    "query": msgspec.json.Decoder(str),
    "documents": msgspec.json.Decoder(list[str | dict[str, Raw]]),
    "top_n": msgspec.json.Decoder(_Positive | None),
    "return_documents": msgspec.json.Decoder(bool | None),
    "max_tokens_per_doc": msgspec.json.Decoder(_Positive | None),
}
_text = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode


def read_rerank(body: Body) -> RerankRequest:
    """Read a request whole.

    Raises BadRequest on a wrong type, a missing query, no documents and a document without text, naming the place.
    """
    values = {name: _decoded(name, body.fields[name]) for name in _DECODERS if name in body.fields}
    for name in ("query", "documents"):
        if not values.get(name):
            raise BadRequest(f"You must provide '{name}'.", param=name, code="missing_required_parameter")
    documents = values["documents"]
    return RerankRequest(
        query=values["query"],
        documents=[_text_of(document, f"documents[{place}]") for place, document in enumerate(documents)],
        top_n=values.get("top_n"),
        return_documents=bool(values.get("return_documents")),
        max_tokens_per_doc=values.get("max_tokens_per_doc"),
        extra={name: value for name, value in body.fields.items() if name not in RERANK_FIELDS},
        unknown=[
            f"documents[{place}].{name}"
            for place, document in enumerate(documents)
            if isinstance(document, dict)
            for name in document
            if name != "text"
        ],
    )


def write_rerank(
    results: Iterable[Ranked],
    request: RerankRequest,
    model: str,
    *,
    id: str | None = None,
    usage: Usage | None = None,
    meta: Any = None,
) -> bytes:
    """The answer: the best results first, as many as were asked for, with their texts where the client wants them.

    `meta` is what Cohere calls so, such as the search units that are billed. An id is made up where there is none.
    """
    told: dict[str, Any] = {
        "id": id or f"rerank-{secrets.token_hex(12)}",
        "model": model,
        "results": sort_results(results, request),
    }
    if usage is not None:
        told["usage"] = {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.prompt_tokens}
    if meta is not None:
        told["meta"] = meta
    return _encode(told)


def sort_results(results: Iterable[Ranked], request: RerankRequest) -> list[Ranked]:
    """The best first, as many as were asked for; texts that the client wants and the service left out are put in."""
    best = sorted(results, key=lambda result: result.relevance_score, reverse=True)[: request.top_n]
    if request.return_documents:
        for result in best:
            if result.document is None and 0 <= result.index < len(request.documents):
                result.document = Document(request.documents[result.index])
    return best


def _decoded(name: str, raw: Raw) -> Any:
    try:
        return _DECODERS[name].decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        message, _, place = str(error).partition(" - at `$")
        param = name + place.rstrip("`")
        raise BadRequest(f"Invalid '{param}': {message}.", param=param, code="invalid_type") from None


def _text_of(document: str | dict[str, Raw], param: str) -> str:
    if isinstance(document, str):
        return document
    try:
        return _text.decode(document.get("text", Raw(b"null")))
    except msgspec.DecodeError:
        raise BadRequest(
            f"'{param}' must be a string or an object with a 'text'.", param=f"{param}.text", code="invalid_type"
        ) from None
