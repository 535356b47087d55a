"""Search in one vector store: by meaning and by words at once, fused, ranked anew where that is wanted, and cut.

A search does all that was asked, or says what failed: there is no answer made of one half of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from adapters.vector_io.contract import BackendUnavailable, Hit, VectorBackend
from adapters.vector_io.filters import Filter
from adapters.wire.errors import Unavailable
from config.vector_stores import VectorStores
from gateway.auth import Caller
from gateway.inside import Inside
from gateway.search.fusion import Ranking, Scored, best_of, by_meaning, by_words, fuse, in_order
from gateway.search.models import embed, rerank, rewrite
from gateway.search.question import Page, Question, Result, Text, Weights

_T = TypeVar("_T")


class Place(Struct, frozen=True, kw_only=True):
    """Where to look."""

    store: str
    backend: VectorBackend
    model: str
    """What made the store's vectors."""
    dimensions: int | None
    """What its vectors have; None while there is none."""
    names: Callable[[Collection[str]], Awaitable[Mapping[str, str]]]
    """The names of files by their ids, without those that are not in the store any more."""


class Found(Struct, frozen=True):
    """The answer, and which parts of the request nobody here could serve."""

    page: Page
    dropped: tuple[str, ...] = ()


class Search:
    """Searches by the configuration of the moment: made for a request, or kept as long as the configuration is."""

    __slots__ = ("_embedding", "_inside", "_settings")

    def __init__(self, inside: Inside, settings: VectorStores) -> None:
        self._inside = inside
        self._embedding = settings.embedding
        self._settings = settings.search

    async def find(self, caller: Caller, place: Place, question: Question) -> Found:
        """What a question finds. Raises GatewayError."""
        queries, dropped = await self._queries(caller, question)
        reranker = self._settings.reranker if question.reranked else None
        there, names = await self._there(caller, place, question, queries, is_reranked=reranker is not None)
        if reranker and there:
            there = await self._reranked(caller, question, there[: self._most(question)], reranker)
        best = [scored for scored in there if scored.score >= question.threshold][: question.limit]
        results = [
            Result(
                scored.hit.file_id,
                names[scored.hit.file_id],
                scored.score,
                scored.hit.attributes,
                [Text(scored.hit.text)],
            )
            for scored in best
        ]
        return Found(Page(list(queries), results), dropped)

    async def _queries(self, caller: Caller, question: Question) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is looked for, and what of the request was dropped."""
        if not question.rewrite:
            return question.queries, ()
        if self._settings.rewriter is None:
            return question.queries, ("rewrite_query",)
        return await rewrite(self._inside, caller, question.queries, self._settings.rewriter), ()

    async def _there(
        self, caller: Caller, place: Place, question: Question, queries: Sequence[str], *, is_reranked: bool
    ) -> tuple[list[Scored], Mapping[str, str]]:
        """Candidates whose files are in the store still, best first, and what these are called.

        Where nothing changes their order any more, no more are asked for than are wanted, unless files are gone.
        """
        weights = question.weights or self._weights()
        is_fused = len(queries) > 1 or (weights.embedding_weight and weights.text_weight)
        most = self._most(question)
        for limit in (most,) if is_fused or is_reranked else (question.limit, most):
            candidates = await self._candidates(caller, place, question, queries, weights, limit)
            names = await _names(place, candidates, len(candidates) if is_reranked else question.limit)
            there = [scored for scored in candidates if scored.hit.file_id in names]
            if len(there) == len(candidates) or len(there) >= question.limit:
                break
        return there, names

    async def _candidates(
        self,
        caller: Caller,
        place: Place,
        question: Question,
        queries: Sequence[str],
        weights: Weights,
        limit: int,
    ) -> list[Scored]:
        """What both searches found for every query, in one order."""
        if question.wanted is False or place.dimensions is None:
            return []
        only = None if question.wanted is True else question.wanted
        near, matching = await _together(
            self._near(caller, place, queries, limit, only) if weights.embedding_weight else _nothing(queries),
            self._matching(place, queries, limit, only) if weights.text_weight else _nothing(queries),
        )
        return best_of([_order(*hits, weights) for hits in zip(near, matching, strict=True)])

    async def _near(
        self, caller: Caller, place: Place, queries: Sequence[str], limit: int, filter: Filter | None
    ) -> list[list[Hit]]:
        assert place.dimensions is not None  # noqa: S101 - nothing is looked for where nothing is
        vectors = await embed(self._inside, caller, queries, place.model, place.dimensions, self._embedding)
        searches = (place.backend.nearest(place.store, vector, limit, filter) for vector in vectors)
        return await _together(*map(_answered, searches))

    async def _matching(
        self, place: Place, queries: Sequence[str], limit: int, filter: Filter | None
    ) -> list[list[Hit]]:
        searches = (place.backend.matching(place.store, query, limit, filter) for query in queries)
        return await _together(*map(_answered, searches))

    async def _reranked(
        self, caller: Caller, question: Question, found: Sequence[Scored], reranker: str
    ) -> list[Scored]:
        """The same as the reranker has it, by the queries as they were written."""
        texts = [scored.hit.text for scored in found]
        scores = await rerank(self._inside, caller, question.queries, texts, reranker)
        return in_order(Scored(scored.hit, score) for scored, score in zip(found, scores, strict=True))

    def _most(self, question: Question) -> int:
        return max(self._settings.candidates, question.limit)

    def _weights(self) -> Weights:
        mode = self._settings.mode
        if mode == "hybrid":
            return Weights(self._settings.embedding_weight, self._settings.text_weight)
        return Weights(float(mode == "vector"), float(mode == "keyword"))


def _order(near: list[Hit], matching: list[Hit], weights: Weights) -> list[Scored]:
    """What was found for one query."""
    if not weights.text_weight:
        return by_meaning(near)
    if not weights.embedding_weight:
        return by_words(matching)
    return fuse([Ranking(weights.embedding_weight, near), Ranking(weights.text_weight, matching)])


async def _names(place: Place, candidates: Sequence[Scored], most: int) -> Mapping[str, str]:
    """The names of the files of the first so many; of all, where some are gone and others take their place."""
    first = {scored.hit.file_id for scored in candidates[:most]}
    names = await place.names(first) if first else {}
    if len(names) == len(first) or len(candidates) <= most:
        return names
    return await place.names({scored.hit.file_id for scored in candidates})


async def _nothing(queries: Sequence[str]) -> list[list[Hit]]:
    """A search that is not made."""
    return [[] for _ in queries]


async def _answered(search: Awaitable[list[Hit]]) -> list[Hit]:
    try:
        return await search
    except BackendUnavailable as error:
        message = f"The vector store could not be searched: {error}"
        raise Unavailable(message, code="vector_backend_unavailable", retry_after=1) from error


async def _together(*work: Coroutine[Any, Any, _T]) -> list[_T]:
    """Do it all at once; where one part fails, so does the whole, and nothing of it goes on."""
    if len(work) == 1:
        return [await work[0]]
    tasks = [asyncio.create_task(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
