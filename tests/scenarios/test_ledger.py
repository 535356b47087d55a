"""The usage ledger: one row for each attempt, told apart by what became of it, in either database."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.ledger import PRICES, Row, await_rows, journals_in, rows_of
from tests.scenarios.raw import RawClient, ask, chat
from tests.scenarios.reliability import DONE, delta, usage_chunk
from tests.upstream import Case, Cut, Gate, Hang, Upstream, event_stream, json_answer
from tests.upstream.model import refusal

KEY = "sk-of-the-ledger-0123456789"
ANSWER = {
    "id": "c",
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 60}},
}
COST = 40 * 1_000 + 60 * 100 + 7 * 10_000
"""Of that answer, in nano-dollars."""

StartLedger = Callable[..., GatewayProcess]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """`state.records` of an empty database."""
    folder = {"folder": str(tmp_path / "state")}
    return folder if request.param == "sqlite" else folder | {"url": request.getfixturevalue("postgres_url")}


@pytest.fixture
def sqlite(tmp_path: Path) -> dict[str, Any]:
    """The same of a SQLite file."""
    return {"folder": str(tmp_path / "state")}


def start(start_gateway: StartGateway, place: dict[str, Any], *arguments: str, **sections: Any) -> GatewayProcess:
    key = {"name": "app", "key": KEY, "owner": "ada", "team": "analysis", "organisation": "works"}
    return start_gateway(
        sections.pop("server", None),
        *arguments,
        keys=[key],
        state={"records": place},
        facts={"scripted/*": {"prices": PRICES, "continues": True}},
        **sections,
    )


def route(*cases: Case, **settings: Any) -> dict[str, Any]:
    return {"deployments": [{"provider": "scripted", "model": case.name} for case in cases], **settings}


def send(gateway: GatewayProcess, model: str, request_id: str = "r", **extra: Any) -> Any:
    return ask(gateway.port, chat(model, **extra), authorization=f"Bearer {KEY}", x_request_id=request_id)


def stopped(gateway: GatewayProcess, place: dict[str, Any]) -> list[Row]:
    """The rows once the gateway has ended: all of them are in the database then."""
    gateway.terminate()
    assert gateway.wait() == 0, gateway.log
    assert not journals_in(place)
    return rows_of(place)


def test_a_row_tells_who_asked_whom_for_what_and_what_it_cost(
    start_gateway: StartGateway, upstream: Upstream, place: dict[str, Any]
) -> None:
    case = upstream.on(json_answer(ANSWER))
    gateway = start(start_gateway, place, models={"fast": route(case)})
    assert send(gateway, "fast").status == 200
    (row,) = stopped(gateway, place)
    assert row["attempt_id"].startswith("att_")
    assert row["began"] > 1_700_000_000_000_000
    assert 0 < row["first_token"] <= row["latency"] < 60_000_000
    for name in ("attempt_id", "began", "first_token", "latency"):
        del row[name]
    assert row == {
        "request_id": "r",
        "key_name": "app",
        "owner": "ada",
        "team": "analysis",
        "organisation": "works",
        "model": "fast",
        "route": "fast",
        "provider": "scripted",
        "provider_model": case.name,
        "operation": "chat",
        "stream": 0,
        "cause": "first",
        "opens": 1,
        "cache": None,
        "status": 200,
        "error": None,
        "finish_reason": "length",
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "cached_tokens": 60,
        "reasoning_tokens": 0,
        "cache_write_tokens": 0,
        "prompt_audio_tokens": 0,
        "completion_audio_tokens": 0,
        "searches": 0,
        "estimated": 0,
        "cost": COST,
        "price_version": "2026-11-01",
    }


def test_a_streams_row_has_its_usage_and_its_finish_reason(
    start_gateway: StartGateway, upstream: Upstream, sqlite: dict[str, Any]
) -> None:
    gateway = start(
        start_gateway, sqlite, models={"fast": {"deployments": [{"provider": "scripted", "model": "talker"}]}}
    )
    assert send(gateway, "fast", stream=True).status == 200
    (row,) = stopped(gateway, sqlite)
    assert (row["stream"], row["status"], row["finish_reason"], row["estimated"]) == (1, 200, "stop", 0)
    assert row["prompt_tokens"] > 0
    assert row["completion_tokens"] > 0
    assert row["cost"] > 0


def test_retries_and_fallbacks_have_rows_of_their_own(
    start_gateway: StartGateway, upstream: Upstream, place: dict[str, Any]
) -> None:
    failing, working = upstream.on(lambda _: refusal(500)), upstream.on(json_answer(ANSWER))
    models = {"fast": route(failing, working, retry={"attempts": 2, "backoff": 0.01})}
    gateway = start(start_gateway, place, models=models)
    assert send(gateway, "fast").status == 200
    rows = stopped(gateway, place)
    assert [(row["cause"], row["status"], row["provider_model"]) for row in rows] == [
        ("first", 500, failing.name),
        ("retry", 500, failing.name),
        ("fallback", 200, working.name),
    ]
    assert [row["opens"] for row in rows] == [1, 0, 0]
    assert [row["cost"] for row in rows] == [0, 0, COST]
    assert {row["request_id"] for row in rows} == {"r"}
    assert [row["error"] for row in rows] == ["scripted_500", "scripted_500", None]


def test_an_unknown_price_is_no_cost_and_not_zero(
    start_gateway: StartGateway, upstream: Upstream, sqlite: dict[str, Any]
) -> None:
    case = upstream.on(json_answer(ANSWER))
    gateway = start_gateway(state={"records": sqlite})
    assert ask(gateway.port, chat(case.model)).status == 200
    (row,) = stopped(gateway, sqlite)
    assert (row["prompt_tokens"], row["cost"], row["price_version"]) == (100, None, None)


def test_a_stream_that_its_client_leaves_is_counted_and_costs_what_it_used(
    start_gateway: StartGateway, upstream: Upstream, place: dict[str, Any]
) -> None:
    case = upstream.on(event_stream(delta("Hello, world, how are you?"), Hang()))
    gateway = start(start_gateway, place, models={"fast": route(case)})
    client = RawClient(gateway.port)
    client.post(chat("fast", stream=True), authorization=f"Bearer {KEY}")
    client.head()
    next(client.chunks())
    client.socket.close()
    case.request().closed_at()
    (row,) = stopped(gateway, place)
    assert (row["status"], row["error"], row["estimated"]) == (499, None, 1)
    assert row["completion_tokens"] > 3
    assert row["cost"] == row["prompt_tokens"] * 1_000 + row["completion_tokens"] * 10_000


def test_a_stream_that_breaks_has_its_error(
    start_gateway: StartGateway, upstream: Upstream, sqlite: dict[str, Any]
) -> None:
    case = upstream.on(event_stream(delta("Hello"), Cut()))
    gateway = start(start_gateway, sqlite, models={"fast": route(case)})
    assert send(gateway, "fast", stream=True).status == 200
    (row,) = stopped(gateway, sqlite)
    assert row["status"] == 200
    assert row["error"] is not None
    assert (row["estimated"], row["finish_reason"]) == (1, None)


def test_what_the_cache_answers_has_a_row_that_costs_nothing(
    start_gateway: StartGateway, upstream: Upstream, place: dict[str, Any]
) -> None:
    case = upstream.on(json_answer(ANSWER))
    gateway = start(start_gateway, place, models={"fast": route(case, cache={"ttl": 60})})
    for request_id in ("one", "two"):
        assert send(gateway, "fast", request_id).status == 200
    rows = stopped(gateway, place)
    assert [(row["cause"], row["cache"], row["cost"]) for row in rows] == [("first", "miss", COST), ("cache", "hit", 0)]
    assert (rows[1]["provider"], rows[1]["opens"], rows[1]["prompt_tokens"]) == (None, 1, 0)
    assert rows[0]["attempt_id"] != rows[1]["attempt_id"]


def test_a_part_of_a_batch_is_an_attempt_and_the_request_is_one(
    start_gateway: StartGateway, upstream: Upstream, sqlite: dict[str, Any]
) -> None:
    gateway = start(start_gateway, sqlite, provider={"embeddings": {"max_inputs": 2}})
    body = {"model": "scripted/embedder", "input": ["a", "b", "c", "d", "e"]}
    assert ask(gateway.port, body, "/v1/embeddings", authorization=f"Bearer {KEY}").status == 200
    rows = stopped(gateway, sqlite)
    assert [row["operation"] for row in rows] == ["embeddings"] * 3
    assert sum(row["opens"] for row in rows) == 1
    assert sum(row["prompt_tokens"] for row in rows) == 5


def test_a_refusal_without_an_attempt_has_no_row(
    start_gateway: StartGateway, upstream: Upstream, sqlite: dict[str, Any]
) -> None:
    gateway = start(start_gateway, sqlite, models={"fast": route(upstream.on(json_answer(ANSWER)))})
    assert send(gateway, "nobody-has-this").status == 404
    assert ask(gateway.port, chat("fast"), authorization="Bearer wrong").status == 401
    assert stopped(gateway, sqlite) == []


def test_names_that_clients_make_up_reach_the_database_unharmed(
    start_gateway: StartGateway, upstream: Upstream, place: dict[str, Any]
) -> None:
    gateway = start_gateway(state={"records": place})
    names = ["a'); DROP TABLE attempts; --", "\u2028 ü 🦀 \\", '"quoted"', "$1", "x" * 240]
    for name in names:
        ask(gateway.port, chat(f"scripted/{name}"))
    rows = stopped(gateway, place)
    assert [row["model"] for row in rows] == [f"scripted/{name}" for name in names]


def test_a_copy_for_a_shadow_has_a_row_and_is_no_request(
    start_gateway: StartGateway, upstream: Upstream, sqlite: dict[str, Any]
) -> None:
    half = {**ANSWER, "usage": {"prompt_tokens": 50, "completion_tokens": 1}}
    case, shadow = upstream.on(json_answer(ANSWER)), upstream.on(json_answer(half))
    mirror = {"provider": "scripted", "model": shadow.name, "share": 1}
    gateway = start(start_gateway, sqlite, models={"fast": route(case, mirror=mirror)})
    assert send(gateway, "fast").status == 200
    shadow.request()
    await_rows(sqlite, 2)
    rows = {row["cause"]: row for row in stopped(gateway, sqlite)}
    assert (rows["first"]["opens"], rows["first"]["provider_model"]) == (1, case.name)
    assert (rows["mirror"]["opens"], rows["mirror"]["provider_model"]) == (0, shadow.name)
    assert (rows["first"]["cost"], rows["mirror"]["cost"]) == (COST, 50 * 1_000 + 10_000)
    assert rows["mirror"]["price_version"] == "2026-11-01"


def test_a_copy_that_fails_has_its_error_and_costs_nothing(
    start_gateway: StartGateway, upstream: Upstream, sqlite: dict[str, Any]
) -> None:
    case, shadow = upstream.on(json_answer(ANSWER)), upstream.on(lambda _: refusal(500))
    mirror = {"provider": "scripted", "model": shadow.name, "share": 1}
    gateway = start(start_gateway, sqlite, models={"fast": route(case, mirror=mirror)})
    assert send(gateway, "fast").status == 200
    shadow.request()
    await_rows(sqlite, 2)
    rows = {row["cause"]: row for row in stopped(gateway, sqlite)}
    failed = rows["mirror"]
    assert (failed["status"], failed["error"], failed["cost"], failed["opens"]) == (500, "scripted_500", 0, 0)
    assert (rows["first"]["status"], rows["first"]["cost"]) == (200, COST)


def test_a_continuation_has_a_row_beside_the_stream_that_broke(
    start_gateway: StartGateway, upstream: Upstream, sqlite: dict[str, Any]
) -> None:
    rest = usage_chunk(50, 1)
    case = upstream.on(event_stream(delta("How are"), usage_chunk(30, 2), Cut()))
    good = upstream.on(event_stream(delta(" you?"), delta(finish="stop"), rest, DONE))
    models = {"fast": route(case, good, broken_stream="continue", retry={"attempts": 1})}
    gateway = start(start_gateway, sqlite, models=models)
    assert send(gateway, "fast", stream=True).status == 200
    rows = stopped(gateway, sqlite)
    assert [(row["cause"], row["opens"], row["cost"]) for row in rows] == [
        ("first", 1, 30 * 1_000 + 2 * 10_000),
        ("continuation", 0, 50 * 1_000 + 10_000),
    ]
    assert [row["error"] for row in rows] == ["upstream_unreachable", None]
    assert [row["finish_reason"] for row in rows] == [None, "stop"]


def test_a_hedge_has_a_row_and_so_has_the_loser(
    start_gateway: StartGateway, upstream: Upstream, sqlite: dict[str, Any]
) -> None:
    answers = [json_answer(ANSWER)] * 40
    slow = upstream.on(lambda _: answers.pop() if answers else (Hang(),))
    good = upstream.on(json_answer(ANSWER))
    models = {"fast": route(slow, good, hedge={"share": 1, "cost_share": 1})}
    gateway = start(start_gateway, sqlite, models=models)
    for _ in range(40):
        assert send(gateway, "fast", "before").status == 200
    assert send(gateway, "fast", "hedged").header("x-isthmus-model") == good.name
    rows = [row for row in stopped(gateway, sqlite) if row["request_id"] == "hedged"]
    assert [(row["cause"], row["status"], row["opens"]) for row in rows] == [("first", 499, 1), ("hedge", 200, 0)]
    loser, winner = rows
    assert (loser["estimated"], loser["completion_tokens"], loser["cost"]) == (1, 0, loser["prompt_tokens"] * 1_000)
    assert winner["cost"] == COST


def test_an_answer_that_is_renewed_has_a_row_and_is_no_request(
    start_gateway: StartGateway, upstream: Upstream, sqlite: dict[str, Any]
) -> None:
    case = upstream.on(json_answer(ANSWER))
    gateway = start(start_gateway, sqlite, models={"fast": route(case, cache={"ttl": 0.2, "stale": 60})})
    assert send(gateway, "fast", "one").status == 200
    time.sleep(0.3)  # until it is stale
    assert send(gateway, "fast", "two").header("x-isthmus-cache") == "stale"
    await_rows(sqlite, 3)
    rows = {row["cause"]: row for row in stopped(gateway, sqlite)}
    assert {cause: (row["opens"], row["cost"]) for cause, row in rows.items()} == {
        "first": (1, COST),
        "cache": (1, 0),
        "refresh": (0, COST),
    }
    assert rows["refresh"]["provider_model"] == case.name


def test_who_joins_a_twin_under_way_has_a_row_that_costs_nothing(
    start_gateway: StartGateway, upstream: Upstream, sqlite: dict[str, Any]
) -> None:
    case = upstream.on([gate := Gate(), *json_answer(ANSWER)])
    gateway = start(start_gateway, sqlite, models={"fast": route(case, cache={"ttl": 60})})
    with RawClient(gateway.port) as leader, RawClient(gateway.port) as follower:
        leader.post(chat("fast"), authorization=f"Bearer {KEY}")
        case.request()
        follower.post(chat("fast"), authorization=f"Bearer {KEY}")
        time.sleep(0.2)  # nothing tells when the gateway has read it
        gate.open()
        assert leader.answer().status == follower.answer().status == 200
    rows = {row["cause"]: row for row in stopped(gateway, sqlite)}
    assert (rows["first"]["cost"], rows["cache"]["cost"]) == (COST, 0)
    assert rows["cache"]["cache"] in ("joined", "hit")
    assert len(case.requests) == 1
