"""lowest_cost: where this call is expected to cost least."""

import pytest

from config.facts import Facts, Prices
from config.routing import Model
from gateway.call import Call
from gateway.route import Route
from gateway.routing.strategies.contract import Candidate
from gateway.routing.strategies.lowest_cost import LowestCost
from tests.gateway.calls import a_call
from tests.gateway.routing.candidates import candidate, names


def priced(name: str, prompt: float, completion: float) -> Candidate:
    return candidate(name, facts=Facts(prices=Prices(prompt=prompt, completion=completion, version="2026-01-01")))


def order(call: Call, among: list[Candidate]) -> list[str]:
    settings = Model(deployments=[each.deployment for each in among])
    targets, facts = tuple(each.target for each in among), tuple(each.facts for each in among)
    return names(LowestCost(Route("m", settings, targets, facts)).order(call, among))


LONG = [{"role": "user", "content": "word " * 4_000}]
SHORT = [{"role": "user", "content": "word"}]
READS_CHEAPLY = ("reader", 1.0, 20.0)
WRITES_CHEAPLY = ("writer", 5.0, 5.0)


async def test_a_long_prompt_goes_where_reading_is_cheap() -> None:
    among = [priced(*WRITES_CHEAPLY), priced(*READS_CHEAPLY)]
    assert order(a_call(messages=LONG), among) == ["reader", "writer"]


async def test_a_short_prompt_goes_where_writing_is_cheap() -> None:
    among = [priced(*READS_CHEAPLY), priced(*WRITES_CHEAPLY)]
    assert order(a_call(messages=SHORT), among) == ["writer", "reader"]


async def test_an_answer_that_is_bounded_costs_no_more_than_its_bound() -> None:
    among = [priced(*WRITES_CHEAPLY), priced(*READS_CHEAPLY)]
    call = a_call(messages=[{"role": "user", "content": "word " * 40}], max_completion_tokens=1)
    assert order(call, among) == ["reader", "writer"]


async def test_the_length_of_its_usual_answers_counts() -> None:
    chatty, terse = priced("chatty", 1, 10), priced("terse", 1, 12)
    for _ in range(200):
        chatty.standing.answered(900)
        terse.standing.answered(100)
    assert order(a_call(messages=SHORT), [chatty, terse]) == ["terse", "chatty"]


async def test_embeddings_cost_their_input_alone() -> None:
    among = [priced(*WRITES_CHEAPLY), priced(*READS_CHEAPLY)]
    assert order(a_call("embeddings", input="word"), among) == ["reader", "writer"]


async def test_an_unknown_price_comes_last_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    among = [candidate("unknown"), candidate("unpriced", facts=Facts()), priced("dear", 500, 500)]
    assert order(a_call(messages=SHORT), among) == ["dear", "unknown", "unpriced"]
    assert [record.getMessage().partition(" comes last")[0] for record in caplog.records] == [
        "models.m: unknown/llama",
        "models.m: unpriced/llama",
    ]
