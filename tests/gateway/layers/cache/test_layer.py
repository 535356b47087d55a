"""The exact cache: what is given again, to whom, for how long, and what a client may say of it."""

import asyncio
from typing import Any

import pytest

from adapters.wire.errors import NotCached, UpstreamError
from adapters.wire.folding import fold
from tests.gateway.layers.cache.kitchen import ALICE, BOB, USAGE, Client, Place, a_stream, an_answer, until


async def test_the_same_request_is_answered_once() -> None:
    place = Place()
    first, second = await place.ask(), await place.ask()
    assert len(place.kitchen.orders) == 1
    assert first.body == second.body
    assert (first.cache, second.cache) == (b"miss", b"hit")
    assert b"age" not in first.headers


async def test_a_hit_says_where_it_came_from_and_has_an_id_of_its_own() -> None:
    place = Place()
    await place.ask()
    call = place.call()
    call.request_id = b"req_2"
    client = Client()
    await place.serve(call, client)
    assert client.headers[b"x-request-id"] == b"req_2"
    assert client.headers[b"x-isthmus-provider"] == b"lab"
    assert b"x-ratelimit-limit" not in client.headers
    assert client.headers[b"content-length"] == b"%d" % len(client.body)
    assert (call.cache, call.usage, call.attempts) == ("hit", USAGE, [])


async def test_a_route_without_a_cache_passes_calls_on() -> None:
    place = Place(off=True)
    assert (await place.ask()).cache is None
    assert (await place.ask()).body == an_answer("answer 2")


async def test_two_owners_do_not_share() -> None:
    place = Place()
    await place.ask(caller=ALICE)
    assert (await place.ask(caller=BOB)).cache == b"miss"
    assert (await place.ask(caller=ALICE)).cache == b"hit"


async def test_an_answer_is_good_for_its_time() -> None:
    place = Place(ttl=60)
    await place.ask()
    place.clock.now += 59.5
    kept = await place.ask()
    assert (kept.cache, kept.headers[b"age"]) == (b"hit", b"59")
    place.clock.now += 1
    assert (await place.ask()).cache == b"miss"


# What a client says


async def test_no_cache_asks_anew_and_keeps_the_new_answer() -> None:
    place = Place()
    await place.ask()
    assert (await place.ask(cache_control=b"no-cache")).cache == b"bypass"
    assert (await place.ask()).body == an_answer("answer 2")


async def test_no_store_neither_takes_nor_keeps() -> None:
    place = Place()
    assert (await place.ask(cache_control=b"No-Store")).cache == b"bypass"
    assert (await place.ask()).cache == b"miss"
    assert (await place.ask(cache_control=b"no-store")).body == an_answer("answer 3")
    assert (await place.ask()).body == an_answer("answer 2")


@pytest.mark.parametrize(("max_age", "cache"), [(b"30", b"hit"), (b"29", b"miss"), (b"x", b"miss"), (b'"30"', b"hit")])
async def test_max_age_bounds_how_old_an_answer_may_be(max_age: bytes, cache: bytes) -> None:
    place = Place()
    await place.ask()
    place.clock.now += 30
    assert (await place.ask(cache_control=b"max-age=" + max_age)).cache == cache


async def test_only_if_cached_asks_nobody() -> None:
    place = Place()
    with pytest.raises(NotCached) as told:
        await place.ask(cache_control=b"only-if-cached")
    assert (told.value.status, told.value.code) == (504, "cache_miss")
    assert not place.kitchen.orders
    await place.ask()
    assert (await place.ask(cache_control=b"only-if-cached")).cache == b"hit"


# Which answers are kept


@pytest.mark.parametrize(
    "body",
    [
        an_answer("half", "content_filter"),
        an_answer(""),
        an_answer(None),
        b'{"choices":[]}',
        b'{"choices":[{"message":{"content":"x"},"finish_reason":null}]}',
        b"no json",
    ],
)
async def test_an_answer_that_is_none_is_not_kept(body: bytes) -> None:
    place = Place()
    place.kitchen.body = body
    await place.ask()
    assert (await place.ask()).cache == b"miss"


@pytest.mark.parametrize(
    "body",
    [
        an_answer(None, "tool_calls", tool_calls=[{"id": "a", "function": {"name": "f", "arguments": ""}}]),
        an_answer(None, refusal="No."),
        an_answer('"finish_reason":"content_filter"'),
        an_answer("cut", "length"),
    ],
)
async def test_an_answer_that_says_something_is_kept(body: bytes) -> None:
    place = Place()
    place.kitchen.body = body
    await place.ask()
    assert (await place.ask()).cache == b"hit"


async def test_a_fault_is_not_kept() -> None:
    place = Place()
    place.kitchen.fault = UpstreamError("Down.")
    with pytest.raises(UpstreamError):
        await place.ask()
    place.kitchen.fault = None
    assert (await place.ask()).cache == b"miss"


@pytest.mark.parametrize(
    "chunks",
    [
        [*a_stream("a b"), b"bad"],
        a_stream("a b", None),
        a_stream("a b", "content_filter"),
        a_stream(""),
    ],
    ids=["error", "no end", "filtered", "empty"],
)
async def test_a_stream_that_did_not_end_well_is_not_kept(chunks: list[bytes]) -> None:
    place = Place()
    place.kitchen.chunks = chunks
    await place.ask(stream=True)
    assert (await place.ask(stream=True)).cache == b"miss"


async def test_a_stream_of_fewer_choices_than_asked_for_is_not_kept() -> None:
    place = Place()
    await place.ask(stream=True, n=2)
    assert (await place.ask(stream=True, n=2)).cache == b"miss"


async def test_a_stream_that_its_client_left_is_not_kept() -> None:
    place = Place()
    place.kitchen.chunks = [*a_stream("a b"), b"hang"]
    call, client = place.call(stream=True), Client()
    serving = asyncio.create_task(place.serve(call, client))
    await until(lambda: len(client.pieces) >= 3)
    serving.cancel()
    await asyncio.wait([serving])
    place.kitchen.chunks = None
    assert (await place.ask(stream=True)).cache == b"miss"


async def test_an_answer_over_the_bound_is_not_kept() -> None:
    place = Place(entry_bytes=1_000)
    place.kitchen.body = an_answer("x" * 1_000)
    await place.ask()
    assert (await place.ask()).cache == b"miss"


# One entry, every form


async def test_a_stream_is_replayed_byte_for_byte() -> None:
    place = Place()
    first = await place.ask(stream=True)
    again = await place.ask(stream=True)
    assert (again.cache, again.body) == (b"hit", first.body)
    assert again.headers[b"content-type"].startswith(b"text/event-stream")


async def test_a_stream_answers_who_wants_it_whole() -> None:
    place = Place()
    first = await place.ask(stream=True)
    whole = await place.ask()
    assert whole.cache == b"hit"
    assert whole.body == fold(first.body, USAGE)
    assert b'"total_tokens":8' in whole.body


async def test_a_whole_answer_is_given_as_a_stream() -> None:
    place = Place()
    await place.ask()
    streamed = await place.ask(stream=True)
    assert streamed.cache == b"hit"
    assert b'"content":"answer 1"' in streamed.body
    assert streamed.body.endswith(b"data: [DONE]\n\n")
    assert b'"usage"' not in streamed.body


@pytest.mark.parametrize("asked_first", [True, False])
async def test_usage_is_told_to_those_who_ask(asked_first: bool) -> None:
    place = Place()
    wanting: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    await place.ask(**(wanting if asked_first else {"stream": True}))
    told = await place.ask(**wanting)
    untold = await place.ask(stream=True)
    assert (told.cache, untold.cache) == (b"hit", b"hit")
    assert asked_first or b'"total_tokens":8' in told.body
    assert b'"usage"' not in untold.body


async def test_a_long_stream_is_written_piece_by_piece() -> None:
    place = Place(entry_bytes=1_000_000)
    place.kitchen.chunks = a_stream(" ".join(["word" * 1_000] * 40))
    first = await place.ask(stream=True)
    again = await place.ask(stream=True)
    assert again.body == first.body
    assert len(again.pieces) > 2
    assert max(map(len, again.pieces)) <= 65_536


async def test_with_recorded_pacing_pieces_come_as_they_came() -> None:
    place = Place(pacing="recorded")
    first = await place.ask(stream=True)
    again = await place.ask(stream=True)
    assert again.cache == b"hit"
    assert again.body == first.body
    assert [piece for piece in again.pieces if piece] == [piece for piece in first.pieces if piece]


# Stale answers


async def test_a_stale_answer_is_given_at_once_and_refreshed_once() -> None:
    place = Place(ttl=60, stale=60)
    await place.ask()
    place.clock.now += 61
    place.kitchen.gate = asyncio.Event()
    stale = [await place.ask() for _ in range(3)]
    assert [each.cache for each in stale] == [b"stale"] * 3
    assert {each.body for each in stale} == {an_answer("answer 1")}
    await until(lambda: len(place.kitchen.orders) == 2)
    place.kitchen.gate.set()
    await until(lambda: not place.running)
    assert (await place.ask()).body == an_answer("answer 2")
    assert len(place.kitchen.orders) == 2


async def test_a_refresh_is_a_call_of_its_own_that_tells_why() -> None:
    place = Place(ttl=60, stale=60)
    asked = place.call()
    await place.serve(asked, Client())
    place.clock.now += 61
    await place.ask()
    await until(lambda: len(place.kitchen.orders) == 2 and not place.running)
    refresh = place.kitchen.orders[1]
    assert refresh.caller is ALICE
    assert refresh.request_id != asked.request_id
    assert [attempt.cause for attempt in refresh.attempts] == ["refresh"]


async def test_a_refresh_that_fails_leaves_the_old_answer_and_is_tried_again() -> None:
    place = Place(ttl=60, stale=60)
    await place.ask()
    place.clock.now += 61
    place.kitchen.fault = UpstreamError("Down.")
    for _ in range(2):
        failures = place.counters.values[("cache_refresh_failures",)]
        assert (await place.ask()).cache == b"stale"
        await until(lambda: place.counters.values[("cache_refresh_failures",)] > failures)  # noqa: B023
    assert place.counters.values[("cache_refresh_failures",)] == 2


async def test_what_is_too_stale_is_asked_anew() -> None:
    place = Place(ttl=60, stale=60)
    await place.ask()
    place.clock.now += 121
    assert (await place.ask()).cache == b"miss"


async def test_every_outcome_is_told() -> None:
    place = Place()
    answers = [await place.ask(), await place.ask(), await place.ask(cache_control=b"no-cache")]
    assert [answer.cache for answer in answers] == [b"miss", b"hit", b"bypass"]


async def test_a_digest_of_a_long_request_is_worked_out_elsewhere() -> None:
    place = Place()
    fields = {"messages": [{"role": "user", "content": "x" * 300_000}]}
    await place.ask(fields)
    assert (await place.ask(fields)).cache == b"hit"


async def test_other_operations_are_cached_whole() -> None:
    place = Place()
    place.kitchen.body = b'{"results":[]}'
    fields = {"query": "a", "documents": ["b"]}
    await place.ask(fields, operation="rerank")
    assert (await place.ask(fields, operation="rerank")).cache == b"hit"
