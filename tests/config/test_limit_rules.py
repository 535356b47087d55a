"""Limits that could not hold, or would limit nobody, are told when the file is read."""

import pytest

from config.limit_rules import limits_anybody, limits_money
from tests.config.loading import mistake, read

BASE = "providers: {local: {}}\n"
KEPT = BASE + "state: {records: {}}\n"
KEY = "keys: [{name: a, key: sk-0123456789, owner: alice, team: research, organisation: acme%s}]\n"


@pytest.mark.parametrize(
    ("limits", "path", "near"),
    [
        ("{owners: {alise: {requests_per_minute: 1}}}", "limits.owners.alise", "alice"),
        ("{teams: {reserch: {requests_per_minute: 1}}}", "limits.teams.reserch", "research"),
        ("{organisations: {acne: {requests_per_minute: 1}}}", "limits.organisations.acne", "acme"),
    ],
)
def test_a_limit_of_nobody_is_a_mistake(limits: str, path: str, near: str) -> None:
    told = mistake(BASE + KEY % "" + f"limits: {limits}")
    assert (told.path, told.nearest) == (path, near)


def test_a_limit_of_a_team_is_told_where_teams_come_from() -> None:
    told = mistake(BASE + "keys: [{name: a, key: sk-0123456789}]\nlimits: {teams: {research: {requests_per_day: 1}}}")
    assert (told.problem, told.allowed) == ("no key has this team", "a key with team: research")


def test_a_limit_of_a_model_that_is_not_served_is_a_mistake() -> None:
    models = "models: {fast: {deployments: [{provider: local, model: m}]}}\n"
    told = mistake(BASE + models + "limits: {models: {fasst: {requests_per_minute: 1}}}")
    assert (told.path, told.nearest) == ("limits.models.fasst", "fast")


def test_without_configured_models_any_may_be_limited() -> None:
    assert read(BASE + "limits: {models: {local/m: {requests_per_minute: 1}}}").limits.models


def test_an_owner_that_is_a_keys_own_name_is_known() -> None:
    text = BASE + "keys: [{name: a, key: sk-0123456789}]\nlimits: {owners: {a: {requests_per_minute: 1}}}"
    assert read(text).limits.owners


def test_names_that_tokens_bring_are_not_judged() -> None:
    text = (
        BASE + "server: {host: 127.0.0.1}\n"
        "issuers: [{issuer: 'https://id.example.com', audience: isthmus}]\nlimits: {owners: {x: {requests_per_day: 1}}}"
    )
    assert read(text).limits.owners


def test_the_soft_end_comes_before_the_hard_one() -> None:
    told = mistake(KEPT + KEY % ", limit: {budgets: [{per: day, usd: 5, warn_usd: 5}]}")
    assert told.path == "keys[0].limit.budgets[0].warn_usd"
    assert told.allowed == "less than 5"


def test_a_holder_has_one_budget_for_a_period() -> None:
    told = mistake(KEPT + KEY % ", limit: {budgets: [{per: day, usd: 5}, {per: month, usd: 50}, {per: day, usd: 6}]}")
    assert told.path == "keys[0].limit.budgets[2].per"


@pytest.mark.parametrize(
    "limited",
    [
        "limits: {each_key: {requests_per_minute: 1}}",
        "limits: {models: {local/m: {parallel_requests: 1}}}",
        "keys: [{name: a, key: sk-0123456789, limit: {tokens_per_day: 1}}]",
    ],
)
def test_several_workers_can_not_count_without_a_redis(limited: str) -> None:
    told = mistake(f"{BASE}server: {{workers: 2}}\n{limited}")
    assert told.problem == "2 workers can't count together without a Redis"
    assert told.allowed == "state.redis beside it, or server.workers: 1"
    assert read(f"{BASE}server: {{workers: 2}}\nstate: {{redis: {{url: 'redis://h'}}}}\n{limited}")
    assert read(f"{BASE}{limited}")


@pytest.mark.parametrize("url", ["http://hooks.example.com", "ftp://x", "hooks"])
def test_a_webhook_is_an_https_url(url: str) -> None:
    assert mistake(f"{BASE}limits: {{webhook: '{url}'}}").path == "limits.webhook"


@pytest.mark.parametrize(
    ("text", "some"),
    [
        ("", False),
        (KEY % "", False),
        (KEY % ", limit: {requests_per_minute: 1}", True),
        ("limits: {each_key: {requests_per_minute: 1}}", True),
    ],
)
def test_where_nobody_is_limited_there_is_no_layer(text: str, some: bool) -> None:
    config = read(BASE + text)
    assert limits_anybody(config) is some
    assert limits_anybody(config, with_records=True)


BUDGET = KEY % ", limit: {budgets: [{per: month, usd: 10}]}"


def test_a_budget_that_a_restart_would_forget_is_a_mistake() -> None:
    told = mistake(BASE + BUDGET)
    assert (told.path, told.problem) == ("keys[0].limit.budgets", "a restart would forget what was spent")
    assert told.allowed == "`state: {records: {}}` beside it"


@pytest.mark.parametrize("state", ["{records: {}}", "{redis: {url: 'redis://h'}}", "{records: {keep_days: 31}}"])
def test_a_budget_is_kept_in_a_ledger_or_in_redis(state: str) -> None:
    config = read(f"{BASE}{BUDGET}state: {state}\n")
    assert limits_money(config)


def test_a_budget_per_month_needs_a_ledger_of_a_month() -> None:
    told = mistake(f"{BASE}{BUDGET}state: {{records: {{keep_days: 30}}}}\n")
    assert (told.path, told.allowed) == ("state.records.keep_days", "31 or more")
