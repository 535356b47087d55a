"""Cohere's SDK, which other services' users have for rerank, too: pointed at the gateway, of both its versions."""

import cohere
import pytest
from cohere.core.api_error import ApiError

from tests.clients.conftest import Service
from tests.gateway_process import GatewayProcess

QUERY = "Who wrote Faust?"
TEXTS = ["Faust is a fist in German.", "Paris is in France.", "Goethe is who wrote Faust?"]


@pytest.fixture
def root(service: Service) -> str:
    """Where the SDK puts its own `/v1` or `/v2` behind."""
    return service.base_url.removesuffix("/v1")


def test_version_2_ranks_texts(service: Service, root: str) -> None:
    client = cohere.ClientV2(service.api_key, base_url=root)
    answer = client.rerank(model=service.embedding_model, query=QUERY, documents=TEXTS, top_n=2)
    assert [result.index for result in answer.results] == [2, 0]
    assert answer.results[0].relevance_score > answer.results[1].relevance_score


async def test_version_2_ranks_texts_asynchronously(service: Service, root: str) -> None:
    client = cohere.AsyncClientV2(service.api_key, base_url=root)
    answer = await client.rerank(model=service.embedding_model, query=QUERY, documents=TEXTS)
    assert sorted(result.index for result in answer.results) == [0, 1, 2]


def test_version_1_gives_texts_back(service: Service, root: str) -> None:
    client = cohere.Client(service.api_key, base_url=root)
    answer = client.rerank(
        model=service.embedding_model, query=QUERY, documents=[{"text": text} for text in TEXTS], return_documents=True
    )
    assert answer.results[0].document is not None
    assert answer.results[0].document.text == TEXTS[2]


def test_cohere_itself_is_behind_the_gateway(dialects_gateway: GatewayProcess) -> None:
    client = cohere.Client("any", base_url=dialects_gateway.base_url.removesuffix("/v1"))
    answer = client.rerank(model="cohere/ranker", query=QUERY, documents=TEXTS, top_n=1, return_documents=True)
    assert [(result.index, result.document and result.document.text) for result in answer.results] == [(2, TEXTS[2])]
    assert answer.meta is not None
    assert answer.meta.billed_units is not None
    assert answer.meta.billed_units.search_units == 1


def test_a_model_that_is_none_is_told_as_the_sdk_knows_it(service: Service, root: str) -> None:
    client = cohere.ClientV2(service.api_key, base_url=root)
    with pytest.raises(cohere.NotFoundError):
        client.rerank(model="nobody/none", query=QUERY, documents=TEXTS)


def test_a_key_that_is_none_is_told_as_the_sdk_knows_it(scripted: Service) -> None:
    client = cohere.ClientV2("wrong-key-0123456789", base_url=scripted.base_url.removesuffix("/v1"))
    with pytest.raises(cohere.UnauthorizedError):
        client.rerank(model=scripted.embedding_model, query=QUERY, documents=TEXTS)


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_keeps_its_status(scripted: Service, status: int) -> None:
    client = cohere.ClientV2(scripted.api_key, base_url=scripted.base_url.removesuffix("/v1"))
    with pytest.raises(ApiError) as refused:
        client.rerank(
            model=f"scripted/error-{status}", query=QUERY, documents=TEXTS, request_options={"max_retries": 0}
        )
    assert refused.value.status_code == status
