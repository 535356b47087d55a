"""Embedding: every chunk once and in order, again where that may help, and never more at once than allowed."""

import asyncio
import base64
import math
import random
import struct
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.errors import BadRequest, GatewayError, Overloaded, UnknownModel, UpstreamError
from adapters.wire.usage import Usage
from config.vector_stores import EmbeddingModel
from gateway.auth import Caller
from gateway.call import Call, Reply
from gateway.ingest.contract import FileRefused, Piece, TryLater
from gateway.ingest.embedder import Embedder
from gateway.ingest.windows import mean, split
from gateway.inside import Inside
from gateway.layers.limits.errors import BudgetSpent, RateLimited

ALICE = Caller("alice", ["*"])


class Model:
    """Embeds a text as its length and one; the rest of it is told by the test."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.faults: list[GatewayError] = []
        self.most_bytes = 1_000_000
        self.at_once = self.at_once_most = 0
        self.gate: Callable[[], Awaitable[Any]] = lambda: asyncio.sleep(0)
        self.written: Callable[[list[float]], Any] = lambda row: base64.b64encode(struct.pack("<2f", *row)).decode()

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        self.at_once += 1
        self.at_once_most = max(self.at_once, self.at_once_most)
        try:
            await self.gate()
        finally:
            self.at_once -= 1
        if self.faults:
            raise self.faults.pop(0)
        texts = asked(call)
        if any(len(text.encode()) > self.most_bytes for text in texts):
            raise BadRequest("too long", code="context_length_exceeded")
        data = [{"index": n, "embedding": self.written([float(len(text)), 1.0])} for n, text in enumerate(texts)]
        return Reply(200, [], msgspec.json.encode({"data": data[::-1], "model": "e"}))


def asked(call: Call) -> list[str]:
    texts: list[str] = msgspec.json.decode(call.body.fields["input"])
    return texts


def an_embedder(model: Model, **settings: Any) -> Embedder:
    async def no_usage(call: Call) -> Usage:
        return Usage()

    inside = Inside(no_usage, lambda: None, lambda: None)
    inside.handler = model
    return Embedder(inside, EmbeddingModel(model="e", **settings))


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it waited between tries."""
    waited: list[float] = []
    sleep = asyncio.sleep

    async def remember(seconds: float) -> None:
        waited.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", remember)
    monkeypatch.setattr(random, "uniform", lambda least, most: most)
    return waited


def chunks(folder: Path, count: int) -> Path:
    path = folder / "chunks"
    lines = (msgspec.json.encode(Piece(n, 10 * n, "x" * (n + 1))) for n in range(count))
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def unit(*row: float) -> bytes:
    return struct.pack("<2f", *(value / math.hypot(*row) for value in row))


def near(vector: bytes, wanted: bytes) -> bool:
    return struct.unpack("<2f", vector) == pytest.approx(struct.unpack("<2f", wanted), abs=1e-6)


async def test_every_chunk_comes_once_in_order_with_its_vector(model: Model, tmp_path: Path) -> None:
    embedder = an_embedder(model, batch=3)
    batches = [batch async for batch in embedder.embed(ALICE, "e", chunks(tmp_path, 8), 2)]
    assert list(map(len, batches)) == [3, 3, 2]
    for number, each in enumerate(each for batch in batches for each in batch):
        assert each.piece == Piece(number, 10 * number, "x" * (number + 1))
        assert near(each.vector, unit(number + 1, 1))


async def test_it_is_asked_for_the_caller_as_ingestion(model: Model) -> None:
    await an_embedder(model, dimensions=2).vectors(ALICE, "e", ["one"])
    (call,) = model.calls
    assert (call.operation, call.caller, call.body.model, call.cause) == ("embeddings", ALICE, "e", "ingestion")
    assert msgspec.json.decode(call.body.fields["dimensions"]) == 2


async def test_dimensions_are_asked_of_the_model_alone_that_they_were_said_for(model: Model) -> None:
    await an_embedder(model, dimensions=2).vectors(ALICE, "another", ["one"])
    assert "dimensions" not in model.calls[0].body.fields


async def test_a_resumed_file_goes_on_where_chunks_are_missing(model: Model, tmp_path: Path) -> None:
    embedder = an_embedder(model, batch=3)
    batches = [batch async for batch in embedder.embed(ALICE, "e", chunks(tmp_path, 8), 2, first=5)]
    assert [each.piece.index for batch in batches for each in batch] == [5, 6, 7]
    assert sum(map(len, map(asked, model.calls))) == 3


async def test_requests_at_once_are_bounded_over_all_files(model: Model, tmp_path: Path) -> None:
    embedder = an_embedder(model, batch=1, parallel=2)
    path = chunks(tmp_path, 6)

    async def take() -> int:
        return len([batch async for batch in embedder.embed(ALICE, "e", path, 2)])

    assert list(await asyncio.gather(take(), take(), take())) == [6, 6, 6]
    assert model.at_once_most == 2


async def test_the_next_batches_are_under_way_while_one_is_written(model: Model, tmp_path: Path) -> None:
    async with aclosing(an_embedder(model, batch=1, parallel=2).embed(ALICE, "e", chunks(tmp_path, 9), 2)) as batches:
        await anext(batches)
        assert 1 < len(model.calls) <= 3


async def test_leaving_ends_what_is_under_way(model: Model, tmp_path: Path) -> None:
    model.gate = asyncio.Event().wait
    batches = an_embedder(model, batch=1, parallel=2).embed(ALICE, "e", chunks(tmp_path, 9), 2)
    waiting = asyncio.ensure_future(anext(batches))
    while model.at_once < 2:  # noqa: ASYNC110 - the model is asked in tasks of its own
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert model.at_once == 0


@pytest.mark.parametrize(
    "fault",
    [
        UpstreamError("slow down", status=429),
        UpstreamError("broken", status=503),
        Overloaded("full"),
        RateLimited("wait"),
        UpstreamError("gone", status=502),
    ],
)
async def test_what_may_pass_is_asked_again(model: Model, waits: list[float], fault: GatewayError) -> None:
    model.faults = [fault] * 3
    (vector,) = await an_embedder(model).vectors(ALICE, "e", ["xxx"], 2)
    assert near(vector, unit(3, 1))
    assert [wait for wait in waits if wait] == [1, 2, 4]


async def test_it_waits_at_least_as_long_as_it_is_told(model: Model, waits: list[float]) -> None:
    model.faults = [UpstreamError("slow down", status=429, retry_after=7)]
    await an_embedder(model).vectors(ALICE, "e", ["xxx"])
    assert [wait for wait in waits if wait] == [7 + 1]


async def test_a_long_wait_is_left_to_whoever_asked(model: Model) -> None:
    model.faults = [BudgetSpent("nothing left", retry_after=86_400)]
    with pytest.raises(TryLater, match="nothing left") as told:
        await an_embedder(model).vectors(ALICE, "e", ["xxx"])
    assert told.value.after == 86_400


async def test_a_file_is_given_up_after_so_many_tries(model: Model) -> None:
    model.faults = [UpstreamError("broken", status=500)] * 9
    with pytest.raises(FileRefused, match="in 3 tries: broken") as told:
        await an_embedder(model, attempts=3).vectors(ALICE, "e", ["xxx"])
    assert (told.value.code, len(model.calls)) == ("server_error", 3)


@pytest.mark.parametrize("fault", [UnknownModel("none"), UpstreamError("pay", status=429, code="insufficient_quota")])
async def test_what_will_not_pass_is_not_asked_again(model: Model, fault: GatewayError) -> None:
    model.faults = [fault] * 2
    with pytest.raises(FileRefused):
        await an_embedder(model).vectors(ALICE, "e", ["xxx"])
    assert len(model.calls) == 1


@pytest.mark.parametrize(
    "written",
    [
        lambda row: row,
        lambda row: [5 * value for value in row],
        lambda row: base64.b64encode(struct.pack("<2f", *(value / 9 for value in row))).decode(),
    ],
)
async def test_vectors_have_length_one_however_they_are_answered(model: Model, written: Any) -> None:
    model.written = written
    (vector,) = await an_embedder(model).vectors(ALICE, "e", ["xxx"], 2)
    assert near(vector, unit(3, 1))


async def test_a_vector_of_zeros_stays_one(model: Model) -> None:
    model.written = lambda row: [0, 0]
    assert await an_embedder(model).vectors(ALICE, "e", ["xxx"]) == [bytes(8)]


@pytest.mark.parametrize(
    "vector", [[], "", "AAA", "?", [1e400], ["x"], [1e300, 1], None, base64.b64encode(b"123").decode()]
)
async def test_an_answer_that_is_no_vector_is_a_fault_of_the_provider(model: Model, vector: Any) -> None:
    model.written = lambda row: vector
    with pytest.raises(FileRefused, match="in 2 tries"):
        await an_embedder(model, attempts=2).vectors(ALICE, "e", ["xxx"])


async def test_another_number_of_dimensions_is_refused(model: Model) -> None:
    with pytest.raises(FileRefused, match="have 2 dimensions, and those of the store 3"):
        await an_embedder(model).vectors(ALICE, "e", ["xxx"], 3)


async def test_texts_too_long_for_the_model_are_embedded_in_parts(model: Model) -> None:
    model.most_bytes = 1_000
    embedder = an_embedder(model, batch=2)
    long, short = "word " * 700, "short"
    found = await embedder.vectors(ALICE, "e", [long, short], 2)
    assert math.hypot(*struct.unpack("<2f", found[0])) == pytest.approx(1, abs=1e-6)
    assert near(found[1], unit(5, 1))
    asked_before = len(model.calls)
    await embedder.vectors(ALICE, "e", [long])
    assert all(len(text.encode()) <= 1_000 for call in model.calls[asked_before:] for text in asked(call))
    assert "".join(text for call in model.calls[asked_before:] for text in asked(call)) == long


async def test_what_is_refused_in_every_length_fails_and_teaches_nothing(model: Model) -> None:
    embedder = an_embedder(model)
    model.faults = [BadRequest("never")] * 20
    with pytest.raises(FileRefused, match="never"):
        await embedder.vectors(ALICE, "e", ["word " * 700])
    assert len(model.calls) < 6
    model.faults.clear()
    await embedder.vectors(ALICE, "e", ["word " * 700])
    assert asked(model.calls[-1]) == ["word " * 700]


@given(st.text(st.sampled_from("ab \né你😀"), max_size=300), st.integers(4, 50))
def test_parts_are_the_text_and_short_enough(text: str, most: int) -> None:
    parts = split(text, most)
    assert "".join(parts) == text
    assert all(0 < len(part.encode()) <= most for part in parts) or not text


def test_parts_end_with_white_space_where_there_is_some() -> None:
    assert split("one two three four", 10) == ["one two ", "three four"]


def test_a_mean_points_where_most_of_the_text_does() -> None:
    assert near(mean([unit(1, 0), unit(0, 1)], ["xxx", "x"]), unit(3, 1))
    assert mean([unit(1, 0), unit(-1, 0)], ["x", "x"]) == bytes(8)
