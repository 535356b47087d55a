"""A search as a client asks for it, and what it is told.

https://platform.openai.com/docs/api-reference/vector-stores/search
"""

import re
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from adapters.vector_io.filters import Attribute
from adapters.wire.errors import BadRequest
from gateway.search.filters import Wanted, read_filter

MOST_QUERIES: Final = 16
MOST_CHARACTERS: Final = 32_768
"""Of all queries together."""
MOST_RESULTS: Final = 50

_FIELD: Final = re.compile(r"(?P<what>missing required|unknown) field `(?P<name>.*)`$", re.DOTALL)
_LONGEST_SHOWN: Final = 100


class Weights(Struct, frozen=True, forbid_unknown_fields=True):
    """How much each of two searches counts in the fusion: one that counts nothing is not made."""

    embedding_weight: Annotated[float, Meta(ge=0, le=1_000)]
    text_weight: Annotated[float, Meta(ge=0, le=1_000)]


class Question(Struct, frozen=True, kw_only=True):
    """What is looked for."""

    queries: tuple[str, ...]
    rewrite: bool = False
    limit: int = 10
    wanted: Wanted = True
    reranked: bool = True
    """Whether the gateway's reranker may put the results in order, where it has one."""
    threshold: float = 0.0
    weights: Weights | None = None
    """As the configuration says where None."""


class Text(Struct, frozen=True, tag="text"):
    """A part of a file."""

    text: str


class Result(Struct, frozen=True):
    """One chunk that was found."""

    file_id: str
    filename: str
    score: float
    attributes: dict[str, Attribute]
    content: list[Text]


class Page(Struct, frozen=True, tag="vector_store.search_results.page", tag_field="object"):
    """What a client is told; there is never more of it, since a search asks for all it wants."""

    search_query: list[str]
    data: list[Result]
    has_more: bool = False
    next_page: str | None = None


class _Ranking(Struct, frozen=True, forbid_unknown_fields=True):
    ranker: Literal["none", "auto", "default-2024-11-15"] = "auto"
    score_threshold: Annotated[float, Meta(ge=0, le=1)] = 0.0
    hybrid_search: Weights | UnsetType = UNSET


class _Written(Struct, forbid_unknown_fields=True):
    query: str | list[str]
    rewrite_query: bool = False
    max_num_results: Annotated[float, Meta(ge=1, le=MOST_RESULTS)] = 10
    filters: Any = UNSET
    ranking_options: _Ranking = _Ranking()


def read_question(body: bytes) -> Question:
    """The body of a request. Raises BadRequest that names the field."""
    try:
        return question_of(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("The request's body is no JSON.", code="invalid_json") from None


def question_of(asked: Any) -> Question:
    """The same from decoded JSON. Raises BadRequest."""
    try:
        written = msgspec.convert(asked, _Written)
    except msgspec.ValidationError as error:
        raise _told(error) from None
    ranking = written.ranking_options
    weights = None if ranking.hybrid_search is UNSET else ranking.hybrid_search
    if weights is not None and not (weights.embedding_weight or weights.text_weight):
        place = "ranking_options.hybrid_search"
        raise BadRequest(f"Invalid '{place}': one of its weights must be over 0.", param=place, code="invalid_value")
    return Question(
        queries=_queries(written.query),
        rewrite=written.rewrite_query,
        limit=_whole(written.max_num_results),
        wanted=True if written.filters is UNSET else read_filter(written.filters),
        reranked=ranking.ranker != "none",
        threshold=ranking.score_threshold,
        weights=weights,
    )


def _queries(query: str | list[str]) -> tuple[str, ...]:
    queries = (query,) if isinstance(query, str) else tuple(query)
    if not queries or not all(each.strip() for each in queries):
        message = "You must provide a 'query': a text, or an array of texts, none of them empty."
        raise BadRequest(message, param="query", code="missing_required_parameter")
    if len(queries) > MOST_QUERIES or sum(map(len, queries)) > MOST_CHARACTERS:
        message = f"Invalid 'query': it has more than {MOST_QUERIES} texts, or {MOST_CHARACTERS} characters."
        raise BadRequest(message, param="query", code="invalid_value")
    return queries


def _whole(number: float) -> int:
    """To JSON 5.0 and 5 are the same integer."""
    if number != int(number):
        message = "Invalid 'max_num_results': a whole number is wanted."
        raise BadRequest(message, param="max_num_results", code="invalid_value")
    return int(number)


def _told(error: msgspec.ValidationError) -> BadRequest:
    """What is wrong, by the name of the field, also where it is there that should not be, or not there."""
    reason, _, place = str(error).partition(" - at `$")
    param = place.strip(".`")
    field = _FIELD.search(reason)
    if field is None:
        about = f"Invalid '{param}': " if param else ""
        return BadRequest(f"{about}{reason}.", param=param or None, code="invalid_value")
    param = f"{param}.{field['name']}".lstrip(".")[:_LONGEST_SHOWN]
    if field["what"] == "missing required":
        return BadRequest(f"You must provide '{param}'.", param=param, code="missing_required_parameter")
    return BadRequest(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")
