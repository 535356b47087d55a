"""/admin/usage: sums by anything, rows as they are, CSV that is safe to open; nothing that a client says is SQL."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from httpx import ASGITransport, AsyncClient

from config.access import Admin
from config.schema import Config
from config.state import Records as Settings
from gateway.app import App
from gateway.ledger.question import DIMENSIONS
from gateway.onion import Live, build
from gateway.state.records.contract import Records, RecordsUnavailable, Row, Value
from gateway.state.records.open import open_records
from tests.gateway.calls import surroundings
from tests.gateway.ledger.rows import a_row, write

ADMIN_KEY = "admin-credential-0123456789"
HOUR, DAY = 3_600, 86_400
NOVEMBER = 1_793_491_200
"""2026-11-01T00:00:00Z."""


@pytest.fixture(params=["sqlite", "postgres"])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Records]:
    if request.param == "sqlite":
        settings = Settings(folder=str(tmp_path / "state"))
    else:
        settings = Settings(url=request.getfixturevalue("postgres_url"))
    opened = open_records(settings)
    yield opened
    await opened.close()


def asking(records: Records) -> AsyncClient:
    """A client with the admin's credential."""
    around = replace(surroundings(), records=records)
    app = App(Live(build(Config(admin=Admin(key=ADMIN_KEY)), around), around))
    return AsyncClient(
        transport=ASGITransport(cast(Any, app.litestar)),
        base_url="http://gateway",
        headers={"authorization": f"Bearer {ADMIN_KEY}"},
    )


@pytest.fixture
async def client(records: Records) -> AsyncIterator[AsyncClient]:
    async with asking(records) as client:
        yield client


async def results(client: AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """The results of all time."""
    answer = await client.get("/admin/usage", params={"start_time": 0, "bucket_width": "all", **query})
    assert answer.status_code == 200, answer.text
    (bucket,) = answer.json()["data"]
    found: list[dict[str, Any]] = bucket["results"]
    return found


async def test_sums_of_requests_attempts_tokens_and_money(client: AsyncClient, records: Records) -> None:
    await write(
        records,
        a_row(10, status=500, error="server_error", latency=1_000_000, first_token=None, prompt_tokens=0, cost=0),
        a_row(11, cause="retry", opens=0, estimated=1, latency=5_000_000, first_token=1_500_000),
        a_row(12, cost=None, price_version=None),
        a_row(13, status=499, prompt_tokens=None, completion_tokens=None, cost=None),
        a_row(14, status=0, error="worker_lost", latency=None, first_token=None, prompt_tokens=None, cost=None),
    )
    (result,) = await results(client)
    assert result == {
        "object": "usage.result",
        "num_model_requests": 4,
        "num_attempts": 5,
        "num_errors": 2,
        "num_cancelled": 1,
        "num_unknown_tokens": 2,
        "num_estimated_tokens": 1,
        "num_unknown_cost": 3,
        "input_tokens": 200,
        "output_tokens": 40,
        "input_cached_tokens": 200,
        "input_cache_write_tokens": 0,
        "input_audio_tokens": 0,
        "output_audio_tokens": 0,
        "output_reasoning_tokens": 15,
        "searches": 0,
        "cost_nano_usd": 1_000,
        "amount": {"value": 0.000001, "currency": "usd"},
        "latency_seconds_average": 2.5,
        "latency_seconds_max": 5.0,
        "first_token_seconds_average": pytest.approx(2.5 / 3),
        "first_token_seconds_max": 1.5,
    }


@pytest.mark.parametrize(
    ("dimension", "column", "first", "second", "shown"),
    [
        ("key", "key_name", "app", "other", ("app", "other")),
        ("owner", "owner", "ada", "bob", ("ada", "bob")),
        ("team", "team", "analysis", None, ("analysis", None)),
        ("organisation", "organisation", "works", None, ("works", None)),
        ("model", "model", "fast", "slow", ("fast", "slow")),
        ("route", "route", "fast", "slow", ("fast", "slow")),
        ("provider", "provider", "lab", None, ("lab", None)),
        ("provider_model", "provider_model", "llama", "gpt", ("llama", "gpt")),
        ("operation", "operation", "chat", "embeddings", ("chat", "embeddings")),
        ("cause", "cause", "first", "hedge", ("first", "hedge")),
        ("cache", "cache", None, "hit", (None, "hit")),
        ("status", "status", 200, 429, ("200", "429")),
        ("status_class", "status", 200, 429, ("2xx", "4xx")),
        ("error", "error", None, "worker_lost", (None, "worker_lost")),
        ("finish_reason", "finish_reason", "stop", "length", ("stop", "length")),
        ("price_version", "price_version", "2026-11-01", "2026-12-01", ("2026-11-01", "2026-12-01")),
    ],
)
async def test_usage_is_grouped_and_filtered_by(
    client: AsyncClient, records: Records, dimension: str, column: str, first: Any, second: Any, shown: Any
) -> None:
    await write(records, a_row(1, **{column: first}), a_row(2, **{column: first}), a_row(3, **{column: second}))
    grouped = await results(client, group_by=dimension)
    assert {result[dimension]: result["num_attempts"] for result in grouped} == {shown[0]: 2, shown[1]: 1}
    for value, count in zip(shown, (2, 1), strict=True):
        (filtered,) = await results(client, **{dimension: "" if value is None else value})
        assert filtered["num_attempts"] == count
    (either,) = await results(client, **{dimension: ["" if value is None else value for value in shown]})
    assert either["num_attempts"] == 3


def test_every_dimension_is_tested() -> None:
    marks = test_usage_is_grouped_and_filtered_by.pytestmark
    assert {case[0] for case in marks[0].args[1]} == set(DIMENSIONS)


async def test_groups_of_several_dimensions(client: AsyncClient, records: Records) -> None:
    await write(records, a_row(1), a_row(2, model="slow"), a_row(3, model="slow", key_name="other"))
    for query in ({"group_by": "key,model"}, {"group_by": ["key", "model"]}, {"group_by[]": ["key", "model"]}):
        found = await results(client, **query)
        assert [(each["key"], each["model"]) for each in found] == [("app", "fast"), ("app", "slow"), ("other", "slow")]


@pytest.mark.parametrize(
    ("width", "edges"),
    [
        ("1h", [NOVEMBER - 10, NOVEMBER, NOVEMBER + HOUR, NOVEMBER + 2 * HOUR - 5]),
        ("1d", [NOVEMBER - 10, NOVEMBER, NOVEMBER + DAY, NOVEMBER + 2 * DAY - 5]),
        ("1mo", [NOVEMBER - 10, NOVEMBER, NOVEMBER + 30 * DAY, NOVEMBER + 61 * DAY - 5]),
        ("all", [NOVEMBER - 10, NOVEMBER + 5]),
    ],
)
async def test_buckets_begin_with_hours_days_and_months(
    client: AsyncClient, records: Records, width: str, edges: list[int]
) -> None:
    await write(
        records, a_row(edges[0] - 1), *(a_row(edge) for edge in edges), *(a_row(edge - 0.001) for edge in edges)
    )
    query: dict[str, Any] = {"start_time": edges[0], "end_time": edges[-1], "bucket_width": width}
    answer = (await client.get("/admin/usage", params=query)).json()
    assert [bucket["start_time"] for bucket in answer["data"]] == edges[:-1]
    assert [bucket["end_time"] for bucket in answer["data"]] == edges[1:]
    assert [bucket["results"][0]["num_attempts"] for bucket in answer["data"]] == [2] * (len(edges) - 1)


async def test_pages_of_buckets(client: AsyncClient, records: Records) -> None:
    await write(records, *(a_row(NOVEMBER + day * DAY + 7) for day in range(10) if day != 4))
    query: dict[str, Any] = {"start_time": NOVEMBER, "end_time": NOVEMBER + 10 * DAY, "limit": 3}
    found = []
    while True:
        answer = (await client.get("/admin/usage", params=query)).json()
        found += answer["data"]
        assert len(answer["data"]) <= 3
        assert answer["has_more"] == (answer["next_page"] is not None)
        if not answer["has_more"]:
            break
        query["page"] = answer["next_page"]
    assert [bucket["start_time"] for bucket in found] == [NOVEMBER + day * DAY for day in range(10)]
    assert [len(bucket["results"]) for bucket in found] == [1, 1, 1, 1, 0, 1, 1, 1, 1, 1]


async def test_pages_of_rows(client: AsyncClient, records: Records) -> None:
    rows = [a_row(7, request_id=str(number)) for number in range(25)]
    await write(records, *rows)
    query: dict[str, Any] = {"start_time": 0, "limit": 10}
    found = []
    while query.get("page", "") is not None:
        answer = (await client.get("/admin/usage/attempts", params=query)).json()
        found += answer["data"]
        query["page"] = answer["next_page"]
    assert [each["attempt_id"] for each in found] == [row["attempt_id"] for row in rows]
    assert (found[0]["object"], found[0]["began_at"], found[0]["latency_seconds"]) == ("usage.attempt", 7.0, 2.0)
    assert (found[0]["stream"], found[0]["estimated"], found[0]["key"]) == (False, False, "app")


async def test_rows_are_filtered_like_sums(client: AsyncClient, records: Records) -> None:
    await write(
        records, a_row(1, error="rate_limit_exceeded"), a_row(2), a_row(3, error="rate_limit_exceeded", team=None)
    )
    query: dict[str, Any] = {"start_time": 0, "error": "rate_limit_exceeded", "team": ""}
    (found,) = (await client.get("/admin/usage/attempts", params=query)).json()["data"]
    assert found["began_at"] == 3.0


async def test_all_rows_as_csv(client: AsyncClient, records: Records) -> None:
    rows = [a_row(number) for number in range(1_234)]
    await write(records, *rows)
    answer = await client.get("/admin/usage/attempts", params={"start_time": 0, "format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert [line["attempt_id"] for line in table] == [row["attempt_id"] for row in rows]
    assert table[5]["began_at"] == "5.0"


async def test_sums_as_csv(client: AsyncClient, records: Records) -> None:
    await write(records, a_row(NOVEMBER), a_row(NOVEMBER + DAY, model="slow", cost=2_500_000_000))
    query: dict[str, Any] = {"start_time": NOVEMBER, "end_time": NOVEMBER + 2 * DAY, "group_by": "model"}
    answer = await client.get("/admin/usage", params=query, headers={"accept": "text/csv"})
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(line["start_time"], line["model"], line["cost_usd"]) for line in table] == [
        (str(NOVEMBER), "fast", "0.000001"),
        (str(NOVEMBER + DAY), "slow", "2.5"),
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
async def test_no_text_becomes_a_formula(client: AsyncClient, records: Records, text: str) -> None:
    await write(records, a_row(1, model=text))
    for path in ("/admin/usage?group_by=model&bucket_width=all&", "/admin/usage/attempts?"):
        answer = await client.get(f"{path}start_time=0&format=csv")
        (line,) = csv.DictReader(io.StringIO(answer.text, newline=""))
        assert line["model"] == f"'{text}"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({}, "start_time"),
        ({"start_time": "soon"}, "start_time"),
        ({"start_time": "-1"}, "start_time"),
        ({"start_time": "9" * 30}, "start_time"),
        ({"start_time": ["1", "2"]}, "start_time"),
        ({"start_time": "5", "end_time": "5"}, "end_time"),
        ({"start_time": "0", "limit": "0"}, "limit"),
        ({"start_time": "0", "limit": "32"}, "limit"),
        ({"start_time": "0", "bucket_width": "1w"}, "bucket_width"),
        ({"start_time": "0", "group_by": "1; DROP TABLE attempts"}, "group_by"),
        ({"start_time": "0", "group_by": "attempt_id"}, "group_by"),
        ({"start_time": "0", "attempt_id": "x"}, "attempt_id"),
        ({"start_time": "0", "1=1) OR (1": "1"}, "1=1) OR (1"),
        ({"start_time": "0", "page": "page_x"}, "page"),
        ({"start_time": "5", "page": "page_4"}, "page"),
        ({"start_time": "0", "format": "xml"}, "format"),
        ({"start_time": "0", "model": ["x"] * 101}, "model"),
        ({"start_time": "0", "model": "x" * 257}, "model"),
        ({"start_time": "0", "model": "\0"}, "model"),
    ],
)
async def test_a_wrong_parameter_is_refused_by_name(client: AsyncClient, query: dict[str, Any], param: str) -> None:
    answer = await client.get("/admin/usage", params=query)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)


@pytest.mark.parametrize("page", ["x", "1_att_x", "1; DROP TABLE attempts", "page_1"])
async def test_a_wrong_page_of_rows_is_refused(client: AsyncClient, page: str) -> None:
    answer = await client.get("/admin/usage/attempts", params={"start_time": 0, "page": page})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "page")


@pytest.mark.parametrize("value", ["' OR '1'='1", "app' --", "$1", "%", "app\\"])
async def test_a_filters_value_is_never_sql(client: AsyncClient, records: Records, value: str) -> None:
    await write(records, a_row(1))
    assert await results(client, key=value) == []
    assert len(await results(client)) == 1


async def test_too_many_groups_are_refused(
    client: AsyncClient, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.ledger.report.RESULTS_MAX", 3)
    await write(records, *(a_row(1, model=f"m{number}") for number in range(4)))
    answer = await client.get("/admin/usage", params={"start_time": 0, "bucket_width": "all", "group_by": "model"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "group_by")


@pytest.mark.parametrize("path", ["/admin/usage", "/admin/usage/attempts"])
async def test_only_the_admin_may_ask(client: AsyncClient, path: str) -> None:
    answer = await client.get(path, params={"start_time": 0}, headers={"authorization": "Bearer somebody-else-0123"})
    assert answer.status_code == 401


class Away:
    """A database that does not answer."""

    async def fetch(self, statement: str, *values: Value) -> list[Row]:
        raise RecordsUnavailable("it is away")


@pytest.mark.parametrize("path", ["/admin/usage", "/admin/usage/attempts"])
@pytest.mark.parametrize("form", ["json", "csv"])
async def test_a_database_that_is_away_is_told(path: str, form: str) -> None:
    async with asking(cast(Records, Away())) as client:
        answer = await client.get(path, params={"start_time": 0, "format": form})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "records_unavailable")
