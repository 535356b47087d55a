"""A real Prometheus in front of a gateway of two workers: what its queries, the dashboard's and the alerts' answer."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import KEY
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import ask, chat
from tests.scenarios.test_client_disconnect import until
from tests.services.prometheus import SHIPPED, Prometheus
from tests.services.redis import RedisServer
from tests.upstream import Upstream

METRICS_KEY = "metrics-0123456789"
LIMITED_KEY = "sk-isthmus-limited-0123456789"
TALKER = {"provider": "scripted", "model": "talker"}
FAILING = {"provider": "scripted", "model": "error-500"}
UNTOUCHED = {"attempts": 1}
DASHBOARD = json.loads((SHIPPED / "isthmus.json").read_text())
TARGETS = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
RULES = [rule for group in yaml.safe_load((SHIPPED / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
PAGE = (SHIPPED.parent / "telemetry.md").read_text()
COUNTED = re.compile("isthmus_.+_(total|count|sum|bucket)")
LISTED = re.findall(r"^\| `(isthmus_\w+)` \| (\w+) \| .* \| (.*) \|$", PAGE, re.MULTILINE)


def settings(upstream: Upstream, redis: RedisServer, folder: Path) -> dict[str, Any]:
    """Keys, limits, a cache, prices and a ledger; targets that fail, with and without another behind them."""
    return {
        "server": {"port": 0},
        "keys": [
            {"name": "everything", "key": KEY},
            {"name": "limited", "key": LIMITED_KEY, "limit": {"requests_per_day": 2}},
        ],
        "providers": {"scripted": {"base_url": upstream.base_url}},
        "models": {
            "cached": {"deployments": [TALKER], "cache": {}},
            "plain": {"deployments": [TALKER]},
            "broken": {"deployments": [FAILING], "retry": UNTOUCHED, "cooldown": {"failures": 1_000}},
            "resting": {"deployments": [FAILING, TALKER], "retry": UNTOUCHED, "cooldown": {"failures": 1}},
        },
        "facts": {"scripted/talker": {"prices": {"prompt": 2, "completion": 10, "version": "2026-11-01"}}},
        "cache": {"store": "redis"},
        "state": {"redis": {"url": redis.url, "timeout_ms": 2_000}, "records": {"folder": str(folder / "state")}},
        "telemetry": {"metrics_key": METRICS_KEY},
    }


@pytest.fixture(scope="module")
def gateway(
    upstream: Upstream, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """Two workers."""
    folder = tmp_path_factory.mktemp("gateway")
    with GatewayProcess(settings(upstream, redis, folder), folder, "--workers", "2") as running:
        yield running


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """It is there at first."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def prometheus(
    gateway: GatewayProcess, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """It has seen two rounds of calls, apart from each other, and a Redis that went away."""
    with Prometheus(tmp_path_factory.mktemp("prometheus"), gateway.port, METRICS_KEY) as running:
        for number in (1, 2):
            send_round(gateway, redis)
            running.await_value('sum(isthmus_requests_total{route="broken"})', 2 * number)
        redis.stop()
        ask(gateway.port, chat("plain"), authorization=f"Bearer {LIMITED_KEY}")
        running.await_value('max(isthmus_degraded{dependency="redis"})', 1)
        running.await_scrapes(2)
        yield running


def send_round(gateway: GatewayProcess, redis: RedisServer) -> None:
    """Six good calls, four of them to a route that caches, and one or two of every kind that goes wrong."""
    port = gateway.port
    for seed in (1, 2):
        for stream in (False, True):
            assert ask(port, chat("cached", seed=seed, stream=stream)).status == 200
            until(lambda least=seed: kept_in(redis) >= least)  # type: ignore[misc] # bound by its default
        assert ask(port, chat("plain", stream=True)).status == 200
        assert ask(port, chat("resting")).status == 200
        assert ask(port, chat("broken")).status == 500
    assert ask(port, chat("unknown")).status == 404
    assert ask(port, chat("plain"), authorization="").status == 401
    limited = [ask(port, chat("plain"), authorization=f"Bearer {LIMITED_KEY}").status for _ in range(3)]
    assert limited[-1] == 429


def kept_in(redis: RedisServer) -> int:
    """Answers that any worker finds."""
    with redis.client() as client:
        return len(list(client.scan_iter("*answer*")))


def written(expression: str, routes: str = ".*") -> str:
    """An expression of the dashboard as Grafana sends it."""
    return expression.replace("$__rate_interval", "5m").replace("$route", routes)


def test_the_target_is_up(prometheus: Prometheus) -> None:
    (target,) = prometheus.get("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    assert prometheus.value('up{job="isthmus"}') == 1


def test_a_gateway_refuses_a_prometheus_with_another_key(gateway: GatewayProcess, tmp_path: Path) -> None:
    with Prometheus(tmp_path, gateway.port, "another") as stranger:
        stranger.await_scrapes(1)
        (target,) = stranger.get("targets")["activeTargets"]
        assert target["health"] == "down"
        assert "401" in target["lastError"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('sum(isthmus_requests_total{route="cached",status="200"})', 8),
        ('sum(isthmus_requests_total{route="broken",status="500"})', 4),
        ('sum(isthmus_requests_total{key="limited",status="429"})', 4),
        ('sum(isthmus_errors_total{code="model_not_found"})', 2),
        ('sum(isthmus_refused_requests_total{code="missing_api_key"})', 2),
        ('sum(isthmus_requests_total{route="resting",status="200"})', 4),
        ('sum(isthmus_cache_requests_total{route="cached"})', 8),
        ('sum(isthmus_request_duration_seconds_count{route="cached"})', 8),
        ("sum(isthmus_workers)", 2),
    ],
)
def test_sums_are_what_was_sent(prometheus: Prometheus, expression: str, value: float) -> None:
    assert prometheus.value(expression) == value


def test_what_a_cache_answered_costs_nothing(prometheus: Prometheus) -> None:
    answered = prometheus.value('sum(isthmus_cache_requests_total{route="cached",result="miss"})')
    assert answered == 2
    tried = prometheus.value('sum(isthmus_attempts_total{model="talker",outcome="ok"})')
    cost = prometheus.value('sum(isthmus_cost_usd_total{model="talker"})')
    assert cost == pytest.approx(tried * (2 * 2 + 4 * 10) / 1e6)


def test_rates_tell_shares_as_they_were(gateway: GatewayProcess, prometheus: Prometheus) -> None:
    began = prometheus.value("vector(time())")
    before = prometheus.value('sum(isthmus_requests_total{route=~"plain|broken"})')
    prometheus.await_scrapes(3)
    assert ask(gateway.port, chat("broken")).status == 500
    for _ in range(3):
        assert ask(gateway.port, chat("plain")).status == 200
    prometheus.await_value('sum(isthmus_requests_total{route=~"plain|broken"})', before + 4)
    prometheus.await_scrapes(3)
    seconds = math.ceil(prometheus.value("vector(time())") - began)
    rates = f'sum by (route) (rate(isthmus_requests_total{{route=~"plain|broken"}}[{seconds}s])) * {seconds}'
    told = {labels["route"]: value for labels, value in prometheus.query(rates)}
    assert told["plain"] == pytest.approx(3 * told["broken"])
    assert told["plain"] == pytest.approx(
        3, rel=0.5
    )  # Prometheus reckons for the time before the first and after the last


def test_no_counter_falls_whichever_worker_answers(prometheus: Prometheus) -> None:
    prometheus.await_scrapes(5)
    names = [name for name in prometheus.get("label/__name__/values") if COUNTED.fullmatch(name)]
    assert names
    assert [name for name in names if prometheus.value(f"sum(resets({name}[1h]))")] == []


@pytest.mark.parametrize("family", LISTED, ids=lambda family: family[0])
def test_every_metric_of_the_page_is_known_there(prometheus: Prometheus, family: tuple[str, str, str]) -> None:
    name, kind, tells = family
    told = prometheus.get("targets/metadata", metric=name)
    assert [(each["type"], each["help"]) for each in told] == [(kind, tells)]


def test_the_page_lists_many() -> None:
    assert len(LISTED) > 60


@pytest.mark.parametrize(("title", "expression"), TARGETS, ids=[f"{title}: {text}" for title, text in TARGETS])
def test_a_panel_shows_what_happened(prometheus: Prometheus, title: str, expression: str) -> None:
    values = [value for _, value in prometheus.query(written(expression))]
    assert values
    assert not all(map(math.isnan, values))


def test_the_dashboard_offers_every_route(prometheus: Prometheus) -> None:
    (variable,) = [each for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
    offered = prometheus.get(f"label/{label}/values", **{"match[]": metric})
    assert {"cached", "plain", "broken", "resting"} <= set(offered)


def test_the_dashboard_shows_one_route_alone(prometheus: Prometheus) -> None:
    (errors,) = [text for title, text in TARGETS if title == "Errors"]
    assert prometheus.value(written(errors, "broken")) == 1
    assert prometheus.value(written(errors, "cached")) == 0


def test_prometheus_evaluates_every_alert(prometheus: Prometheus) -> None:
    prometheus.await_scrapes(2)
    (group,) = prometheus.get("rules", type="alert")["groups"]
    assert [rule["name"] for rule in group["rules"]] == [rule["alert"] for rule in RULES]
    assert {rule["name"]: rule.get("lastError") for rule in group["rules"] if rule["health"] != "ok"} == {}


@pytest.mark.parametrize("name", ["IsthmusErrors", "IsthmusProviderFails", "IsthmusDegraded"])
def test_an_alert_begins_where_there_is_reason(prometheus: Prometheus, name: str) -> None:
    (rule,) = [rule for rule in RULES if rule["alert"] == name]
    assert prometheus.query(rule["expr"])


@pytest.mark.parametrize("name", ["IsthmusDown", "IsthmusLedgerLosesRows", "IsthmusReloadRefused", "IsthmusBusyLoop"])
def test_an_alert_is_silent_where_there_is_none(prometheus: Prometheus, name: str) -> None:
    (rule,) = [rule for rule in RULES if rule["alert"] == name]
    assert prometheus.query(rule["expr"]) == []
