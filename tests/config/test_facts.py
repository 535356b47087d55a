"""The shipped facts are sane, and looked up as they are written."""

import datetime
import re

import pytest
import yaml

from config.catalogue import ROWS
from config.facts import Facts, Prices, find_facts, shipped

ROW_NAMES = set(yaml.safe_load(ROWS.read_text()))
MOST_USD = 1_000
"""For a million tokens: nobody asks for more."""


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_model_is_plausible(name: str) -> None:
    facts = shipped()[name]
    assert name.partition("/")[0] in ROW_NAMES
    assert facts.prices is not None
    if facts.context and facts.completion:
        assert facts.completion <= facts.context
    assert len(set(facts.can)) == len(facts.can)
    check_prices(facts.prices)


def check_prices(prices: Prices) -> None:
    day = datetime.date.fromisoformat(prices.version)
    assert datetime.date(2025, 1, 1) < day <= datetime.date.today()
    assert max(prices.prompt, prices.completion) <= MOST_USD
    assert prices.cached is None or prices.cached <= prices.prompt
    assert prices.cache_write is None or prices.prompt <= prices.cache_write <= 2 * prices.prompt
    if prices.long is not None:
        assert prices.long.over >= 32_000
        assert prices.long.prompt >= prices.prompt
        assert prices.long.completion >= prices.completion


def test_facts_cover_the_models_that_are_asked_for_most() -> None:
    rows = {name.partition("/")[0] for name in shipped()}
    assert len(shipped()) > 200
    assert {"openai", "azure", "anthropic", "bedrock", "gemini", "vertex", "mistral", "groq", "openrouter"} <= rows


def test_every_pattern_has_its_model_without_the_date() -> None:
    for name in shipped():
        if re.search(r"[-@](20)?\*$", name):
            assert re.sub(r"[-@](20)?\*$", "", name) in shipped()


@pytest.mark.parametrize(
    ("row", "model"),
    [
        ("openai", "gpt-5-2025-08-07"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("vertex", "claude-sonnet-4-5@20250929"),
        ("local", "any-model"),
    ],
)
def test_a_dated_name_has_the_facts_of_its_model(row: str, model: str) -> None:
    found = find_facts(row, model, {})
    assert found is not None
    assert found == shipped().get(f"{row}/{re.split('[-@]20', model)[0]}", shipped()["local/*"])


def test_a_longer_name_is_not_taken_for_a_dated_one() -> None:
    assert find_facts("openai", "gpt-5-mini", {}) != find_facts("openai", "gpt-5", {})
    assert find_facts("openai", "gpt-5-brand-new", {}) is None


def test_an_exact_name_wins_over_a_pattern() -> None:
    first, second = Facts(context=1), Facts(context=2)
    assert find_facts("lab", "llama", {"lab/*": first, "lab/llama": second}) is second


def test_what_the_operator_says_wins_over_what_is_shipped() -> None:
    own = Facts(context=1)
    assert find_facts("openai", "gpt-5", {"openai/*": own}) is own


def test_a_dot_in_a_name_is_a_dot() -> None:
    assert find_facts("lab", "llama-3x3-8b", {"lab/llama-3.3-*": Facts()}) is None


@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-sonnet-4-6", "claude-opus-4-7", "claude-sonnet-5"])
def test_newer_models_refuse_to_go_on_with_a_begun_answer(model: str) -> None:
    """https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6"""
    found = find_facts("anthropic", model, {})
    assert found is not None
    assert not found.continues


def test_models_up_to_the_four_fives_go_on_with_a_begun_answer() -> None:
    for model in ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5"):
        found = find_facts("anthropic", model, {})
        assert found is not None
        assert found.continues, model
