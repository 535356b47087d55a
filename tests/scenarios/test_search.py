"""Search in vector stores through a real gateway: by meaning, by words and by both, with OpenAI's own client."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.gateway_process import GatewayProcess
from tests.scenarios.scrape import Scrape
from tests.scenarios.vector_stores import client_of, sections, wait_until_settled
from tests.upstream import Upstream, model
from tests.upstream.chat import chat
from tests.upstream.script import Step
from tests.upstream.server import Request

TEXTS = {
    "tea.txt": "Green tea is brewed at eighty degrees.",
    "coffee.txt": "Coffee of error E4711 is brewed under pressure.",
    "water.md": "# Water\n\nIt boils at a hundred degrees, and freezes at zero.",
}
ATTRIBUTES: dict[str, dict[str, str | float | bool]] = {
    "tea.txt": {"drink": "tea", "degrees": 80, "has_caffeine": True},
    "coffee.txt": {"drink": "coffee", "degrees": 93.5, "has_caffeine": True},
    "water.md": {"drink": "water", "degrees": 100, "has_caffeine": False},
}
WORDS = {"embedding_weight": 0, "text_weight": 1}
MEANING = {"embedding_weight": 1, "text_weight": 0}


class Embedder:
    """A model of the upstream that can be down."""

    def __init__(self, upstream: Upstream) -> None:
        self.is_down = False
        self.model = upstream.on(self._answer).model

    def _answer(self, request: Request) -> Iterator[Step]:
        yield from model.refusal(401) if self.is_down else model.answer(request)


class Served:
    """A store that is full, and who asks it."""

    def __init__(self, gateway: GatewayProcess, embedder: Embedder) -> None:
        self.gateway = gateway
        self.client: OpenAI = client_of(gateway)
        self.embedder = embedder
        self.store = self.client.vector_stores.create(name="drinks").id
        for name, text in TEXTS.items():
            file = self.client.files.create(file=(name, text.encode()), purpose="assistants").id
            self.client.vector_stores.files.create(self.store, file_id=file, attributes=ATTRIBUTES[name])
        wait_until_settled(self.client, self.store)

    def search(self, query: Any, **more: Any) -> Any:
        return self.client.vector_stores.search(self.store, query=query, **more)

    def names(self, query: Any, **more: Any) -> list[str]:
        return [result.filename for result in self.search(query, **more).data]


@pytest.fixture(scope="module")
def served(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    embedder = Embedder(upstream)
    rewriter = upstream.on(lambda request: chat(request.json | {"messages": SAID}, ())).model
    search = {"reranker": "scripted/judge", "rewriter": rewriter}
    config = {
        "server": {"port": 0},
        "providers": {"scripted": {"base_url": upstream.base_url}},
        **sections(tmp_path_factory.mktemp("state"), embedder.model, search=search),
    }
    with GatewayProcess(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield Served(gateway, embedder)


SAID = [{"role": "user", "content": "coffee pressure"}]
"""The scripted model says it again, after words of its own."""


def test_words_find_what_has_them(served: Served) -> None:
    (found,) = served.search("E4711", ranking_options={"ranker": "none", "hybrid_search": WORDS}).data
    assert (found.filename, found.score) == ("coffee.txt", 1)
    assert found.content[0].text == TEXTS["coffee.txt"]
    assert found.attributes == ATTRIBUTES["coffee.txt"]


def test_meaning_finds_what_is_near(served: Served) -> None:
    near = served.search(TEXTS["water.md"], ranking_options={"ranker": "none", "hybrid_search": MEANING}).data
    assert near[0].filename == "water.md"
    assert near[0].score == pytest.approx(1, abs=1e-3)
    assert len(near) == 3


def test_both_find_and_what_both_find_is_first(served: Served) -> None:
    page = served.search(TEXTS["tea.txt"], ranking_options={"ranker": "none"})
    assert page.data[0].filename == "tea.txt"
    assert page.data[0].score == 1
    assert sorted((result.score for result in page.data), reverse=True) == [result.score for result in page.data]
    assert (page.object, page.search_query, page.has_more) == (
        "vector_store.search_results.page",
        [TEXTS["tea.txt"]],
        False,
    )


@pytest.mark.parametrize("weights", [WORDS, MEANING, {"embedding_weight": 1, "text_weight": 1}])
@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"type": "eq", "key": "drink", "value": "tea"}, ["tea.txt"]),
        ({"type": "ne", "key": "drink", "value": "tea"}, ["coffee.txt", "water.md"]),
        ({"type": "gt", "key": "degrees", "value": 93.5}, ["water.md"]),
        ({"type": "gte", "key": "degrees", "value": 93.5}, ["coffee.txt", "water.md"]),
        ({"type": "lt", "key": "degrees", "value": 93}, ["tea.txt"]),
        ({"type": "lte", "key": "drink", "value": "coffee"}, ["coffee.txt"]),
        ({"type": "in", "key": "drink", "value": ["tea", "water", 5]}, ["tea.txt", "water.md"]),
        ({"type": "nin", "key": "drink", "value": ["tea"]}, ["coffee.txt", "water.md"]),
        ({"type": "eq", "key": "has_caffeine", "value": True}, ["coffee.txt", "tea.txt"]),
        ({"type": "eq", "key": "degrees", "value": "80"}, []),
        ({"type": "and", "filters": [{"type": "eq", "key": "has_caffeine", "value": True},
                                     {"type": "or", "filters": [{"type": "lt", "key": "degrees", "value": 90},
                                                                {"type": "eq", "key": "drink", "value": "water"}]}]},
         ["tea.txt"]),
    ],
)  # fmt: skip
def test_filters_hold_whatever_finds(
    served: Served, wanted: dict[str, Any], names: list[str], weights: dict[str, float]
) -> None:
    options = {"ranker": "none", "hybrid_search": weights}
    assert sorted(served.names("degrees brewed", filters=wanted, ranking_options=options)) == names


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"filters": {"type": "eq", "key": "a", "value": ["b"]}}, "filters.value"),
        ({"filters": {"type": "gt", "key": "a", "value": True}}, "filters.value"),
        (
            {"filters": {"type": "and", "filters": [{"type": "like", "key": "a", "value": 1}]}},
            "filters.filters[0].type",
        ),
        ({"max_num_results": 51}, "max_num_results"),
        ({"ranking_options": {"score_threshold": 2}}, "ranking_options.score_threshold"),
        ({"extra_body": {"query": 5}}, "query"),
        ({"extra_body": {"limit": 5}}, "limit"),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(served: Served, more: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        served.search("tea", **more)
    assert raised.value.param == param
    assert raised.value.type == "invalid_request_error"


def test_a_reranker_of_the_gateway_gives_order_and_scores(served: Served) -> None:
    page = served.search("freezes at zero", ranking_options={"ranker": "auto", "score_threshold": 0.5})
    assert [(result.filename, result.score) for result in page.data] == [("water.md", pytest.approx(1, abs=0.4))]


def test_a_question_is_rewritten_by_a_model_of_the_gateway(served: Served) -> None:
    page = served.search("Would you tell me?", rewrite_query=True, ranking_options={"ranker": "none"})
    assert "coffee pressure" in " ".join(page.search_query)
    assert page.data[0].filename == "coffee.txt"


def test_several_queries_are_asked_at_once(served: Served) -> None:
    page = served.search(["tea", "E4711"], ranking_options={"ranker": "none"}, max_num_results=2)
    assert page.search_query == ["tea", "E4711"]
    assert {result.filename for result in page.data} == {"tea.txt", "coffee.txt"}


def test_the_models_that_a_search_asks_are_counted_as_its(served: Served) -> None:
    before = Scrape(served.gateway)
    served.search("tea")
    counts = Scrape(served.gateway)
    for operation in ("embeddings", "rerank"):
        asked = counts.sum("requests_total", operation=operation)
        assert asked == before.sum("requests_total", operation=operation) + 1


def test_no_half_answer_comes_while_no_model_embeds(served: Served) -> None:
    served.embedder.is_down = True
    try:
        with pytest.raises(openai.APIStatusError) as raised:
            served.search("tea")
        assert "The query could not be embedded by the model" in raised.value.message
        assert served.names("tea", ranking_options={"ranker": "none", "hybrid_search": WORDS}) == ["tea.txt"]
    finally:
        served.embedder.is_down = False
    assert "tea.txt" in served.names("tea")
