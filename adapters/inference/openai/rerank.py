"""Rerank at providers of OpenAI's dialect, which have it under Cohere's or Jina's names, or nearly.

The request goes on as chats do. An answer that deviates is brought into the form of the hub, and any other goes back
byte for byte: Voyage calls its results `data` (https://docs.voyageai.com/reference/reranker-api), it and Fireworks
write texts as strings, Together leaves empty documents where it was not asked for any.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from adapters.inference.contract import Answer, Encoded, Target
from adapters.inference.openai.request import adapt
from adapters.inference.openai.response import decode
from adapters.wire.body import Body
from adapters.wire.errors import UpstreamError
from adapters.wire.usage import read_input_usage

_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, Raw])
_top_n = msgspec.json.Decoder(Annotated[int, Meta(ge=1)] | None)


class _Result(Struct):
    """One result, under each of the names that its parts have somewhere."""

    index: int
    relevance_score: float | None = None
    score: float | None = None
    document: str | dict[str, Any] | None = None


_results = msgspec.json.Decoder(list[_Result])
_members = msgspec.json.Decoder(list[dict[str, Raw]])


def encode_rerank(body: Body, target: Target) -> Encoded:
    """A rerank request as the target takes it. Raises UnsupportedParameter where the settings say to refuse."""
    fields, dropped = adapt(body, target)
    return Encoded(_encode(fields), dropped)


def decode_rerank(raw: bytes, target: Target, body: Body) -> Answer:
    """The provider's answer with `results`, the best first, and its usage.

    Raises UpstreamError on an answer without results, and on an error inside an answer of status 200.
    """
    usage = decode(raw, target, body, read_input_usage).usage
    try:
        fields = _fields.decode(raw)
        written = fields.get("results", fields.get("data", Raw(b"null")))
        results, members = _results.decode(written), _members.decode(written)
    except (msgspec.DecodeError, RecursionError):
        raise UpstreamError("The provider's answer has no rerank results.") from None
    places = _best(results)[: _wanted(body)]
    if "results" in fields and places == list(range(len(results))) and all(map(_is_usual, results)):
        return Answer(raw, usage)
    usual = [_usual(results[place], members[place]) for place in places]
    fields = {"results" if name == "data" else name: value for name, value in fields.items()}
    return Answer(_encode(fields | {"results": Raw(_encode(usual))}), usage)


def _wanted(body: Body) -> int | None:
    """How many results the client asked for; a number that is none is the provider's to judge, and it did."""
    try:
        wanted: int | None = _top_n.decode(body.fields.get("top_n", Raw(b"null")))
    except (msgspec.DecodeError, RecursionError):
        return None
    return wanted


def _best(results: list[_Result]) -> list[int]:
    """The places of results, the best first."""
    return sorted(range(len(results)), key=lambda place: _score(results[place]), reverse=True)


def _score(result: _Result) -> float:
    score = result.relevance_score if result.relevance_score is not None else result.score
    if score is None:
        raise UpstreamError("The provider's answer has a rerank result without a score.")
    return score


def _is_usual(result: _Result) -> bool:
    if result.document is not None and not (result.document and isinstance(result.document, dict)):
        return False
    return result.relevance_score is not None


def _usual(result: _Result, members: dict[str, Raw]) -> dict[str, Any]:
    """The result under the hub's names, with all its other members."""
    further = {name: value for name, value in members.items() if name not in _Result.__struct_fields__}
    usual: dict[str, Any] = {"index": result.index, "relevance_score": _score(result)}
    if document := result.document:
        usual["document"] = {"text": document} if isinstance(document, str) else members["document"]
    return usual | further
