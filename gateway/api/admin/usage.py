"""GET /admin/usage and /admin/usage/attempts: what was used, summed up or row by row, as JSON or CSV."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response, Stream

from adapters.wire.errors import BadRequest
from gateway.api.admin.credential import records_of, require_admin
from gateway.api.admin.csv import lines
from gateway.api.answers import json_answer, records_away
from gateway.cost import dollars
from gateway.ledger.question import ATTEMPTS, BUCKETS, Parameters
from gateway.ledger.report import Bucket, all_attempts, attempts, place_of, sums
from gateway.ledger.row import COLUMNS
from gateway.onion import Live
from gateway.state.records.contract import Records, RecordsUnavailable, Row

log = logging.getLogger("isthmus.admin")

_CSV = "text/csv; charset=utf-8; header=present"
_MICROSECONDS = 1_000_000
_SHOWN = {"began": "began_at", "key_name": "key", "latency": "latency_seconds", "first_token": "first_token_seconds"}
"""What columns are called outside."""
_FLAGS = frozenset({"stream", "estimated"})

_Request = Request[Any, Any, Any]
_Place = tuple[int, str]


def usage_doors(live: Live) -> list[HTTPRouteHandler]:
    """The two doors, over what `live` holds."""

    @get("/admin/usage")
    async def usage(request: _Request) -> Response[Any]:
        with _opened(live, request) as records:
            return await _usage(records, request)

    @get("/admin/usage/attempts")
    async def usage_attempts(request: _Request) -> Response[Any]:
        with _opened(live, request) as records:
            return await _attempts(records, request)

    return [usage, usage_attempts]


async def _usage(records: Records, request: _Request) -> Response[Any]:
    parameters = Parameters(request.query_params.multi_items(), "bucket_width", "group_by")
    grouping = parameters.grouping()
    question = parameters.question(int(time.time()), BUCKETS[grouping.width])
    as_csv = _wants_csv(request, parameters)
    buckets, rest = await sums(records, question, grouping)
    following = None if rest is None else f"page_{rest}"
    if as_csv:
        results = [_flat(bucket, result) for bucket in buckets for result in bucket.results]
        names = list(results[0]) if results else ["start_time", "end_time", *grouping.dimensions]
        return _csv(_once(lines([names, *(result.values() for result in results)])), following)
    return _json([_bucket(bucket) for bucket in buckets], following, object="page")


async def _attempts(records: Records, request: _Request) -> Response[Any]:
    parameters = Parameters(request.query_params.multi_items())
    question = parameters.question(int(time.time()), ATTEMPTS)
    after = _place(question.page)
    if _wants_csv(request, parameters):
        rows = all_attempts(records, question, after)
        first: list[Row] = await anext(rows, [])  # so that a database that is down is an ordinary error
        return _csv(_export(first, rows), None)
    found = await attempts(records, question, after)
    more = len(found) == question.limit
    following = "{}_{}".format(*place_of(found[-1])) if more else None
    return _json([{"object": "usage.attempt", **_shown(row)} for row in found], following, object="list")


async def _export(first: list[Row], following: AsyncIterator[list[Row]]) -> AsyncIterator[bytes]:
    """A file of any length, some hundreds of rows at a time."""
    yield lines([[_SHOWN.get(name, name) for name in COLUMNS]])
    rows: list[Row] | None = first
    try:
        while rows:
            yield await asyncio.to_thread(lines, [_shown(row).values() for row in rows])
            rows = await anext(following, None)
    except RecordsUnavailable as fault:
        log.warning("an export of the ledger was cut short: %s", fault)
        raise


@contextmanager
def _opened(live: Live, request: _Request) -> Iterator[Records]:
    """The database, for whoever has the credential; its errors in words for a client."""
    require_admin(live, request)
    try:
        yield records_of(live)
    except RecordsUnavailable:
        raise records_away() from None


def _wants_csv(request: _Request, parameters: Parameters) -> bool:
    said = parameters.one("format")
    if said not in (None, "json", "csv"):
        raise BadRequest("'format': It is json or csv.", param="format", code="invalid_value")
    return said == "csv" or (said is None and "text/csv" in request.headers.get("accept", ""))


def _bucket(bucket: Bucket) -> dict[str, Any]:
    results = [{"object": "usage.result", **_priced(result)} for result in bucket.results]
    return {"object": "bucket", "start_time": bucket.start, "end_time": bucket.end, "results": results}


def _flat(bucket: Bucket, result: dict[str, Any]) -> dict[str, Any]:
    told = {"start_time": bucket.start, "end_time": bucket.end, **result}
    told["cost_usd"] = dollars(result["cost_nano_usd"])
    return told


def _priced(result: dict[str, Any]) -> dict[str, Any]:
    """A result with its cost as OpenAI writes one."""
    amount = {"value": result["cost_nano_usd"] / 1_000_000_000, "currency": "usd"}
    return {**result, "amount": amount}


def _shown(row: Row) -> dict[str, Any]:
    """A row in the units of the API: seconds and flags."""
    told: dict[str, Any] = {}
    for name, value in zip(COLUMNS, row, strict=True):
        if name in _SHOWN and isinstance(value, int):
            told[_SHOWN[name]] = value / _MICROSECONDS
        else:
            told[_SHOWN.get(name, name)] = bool(value) if name in _FLAGS and value is not None else value
    return told


def _place(page: str | None) -> _Place | None:
    if page is None:
        return None
    said = re.fullmatch(r"([0-9]{1,18})_(att_[0-9a-f]{32,40})", page)
    if said is None:
        raise BadRequest("'page': It is the 'next_page' of the answer before.", param="page", code="invalid_value")
    return int(said[1]), said[2]


def _json(data: list[Any], following: object, *, object: str) -> Response[bytes]:
    content = {"object": object, "data": data, "has_more": following is not None, "next_page": following}
    return json_answer(content)


def _csv(content: AsyncIterator[bytes], following: str | None) -> Stream:
    headers = {"content-disposition": 'attachment; filename="usage.csv"'}
    if following is not None:
        headers["x-isthmus-next-page"] = following
    return Stream(content, media_type=_CSV, headers=headers)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
