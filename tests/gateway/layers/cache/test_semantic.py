"""Answers to the same question in other words: near enough, equal in everything else, never another owner's."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.errors import UpstreamError
from config.caching import Semantic
from gateway.auth import Caller
from gateway.call import Call, Reply
from tests.gateway.layers.cache.kitchen import ALICE, BOB, Client, Kitchen, Place, an_answer

WORDS = ("capital", "france", "paris", "germany", "weather")


class Library(Kitchen):
    """Answers questions, and embeds texts by the words that they have."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[Call] = []
        self.embedding_fault: Exception | None = None
        self.embedding_hangs = False

    async def __call__(self, call: Call) -> Reply:
        if call.operation != "embeddings":
            return await super().__call__(call)
        self.embedded.append(call)
        if self.embedding_fault is not None:
            raise self.embedding_fault
        if self.embedding_hangs:
            await asyncio.Event().wait()
        text = msgspec.json.decode(call.body.fields["input"]).lower()
        data = [{"index": 0, "embedding": [0.01, *(float(word in text) for word in WORDS)]}]
        assert call.route is not None
        call.begin(call.route.targets[0], "first", 0.0)
        return Reply(200, [], msgspec.json.encode({"data": data, "model": "e"}))


class Room(Place):
    """Asks in words."""

    def __init__(self, **semantic: Any) -> None:
        super().__init__(library := Library(), semantic=Semantic(embedding="e", **semantic))
        self.library = library

    async def say(self, *turns: Any, **more: Any) -> Client:
        messages = [turn if isinstance(turn, dict) else {"role": "user", "content": turn} for turn in turns]
        client = await self.ask({"messages": messages}, **more)
        await asyncio.sleep(0)  # what was asked is remembered in the background
        return client


@pytest.fixture
def room() -> Room:
    return Room()


QUESTION, AGAIN, OTHER = "What is the capital of France?", "France: its capital?", "How is the weather?"


async def test_other_words_for_the_same_have_the_same_answer(room: Room) -> None:
    first = await room.say(QUESTION)
    again = await room.say(AGAIN)
    assert (again.cache, again.body) == (b"hit", first.body)
    assert float(again.headers[b"x-isthmus-similarity"]) == 1
    assert b"x-isthmus-similarity" not in first.headers


async def test_another_question_has_its_own(room: Room) -> None:
    await room.say(QUESTION)
    assert (await room.say(OTHER)).cache == b"miss"


async def test_what_is_not_near_enough_is_asked(room: Room) -> None:
    near = "The capital of France and of Germany?"
    await room.say(QUESTION)
    assert (await room.say(near)).cache == b"miss"
    lax = Room(threshold=0.8)
    await lax.say(QUESTION)
    assert (await lax.say(near)).cache == b"hit"


async def test_equal_words_need_no_embedding(room: Room) -> None:
    await room.say(QUESTION)
    await room.say(QUESTION)
    assert len(room.library.embedded) == 1


@pytest.mark.parametrize(
    "change",
    [{"temperature": 1}, {"tools": []}, {"seed": 1}, {"response_format": {"type": "json_object"}}, {"model": "n"}],
    ids=str,
)
async def test_everything_but_the_words_has_to_be_equal(room: Room, change: dict[str, Any]) -> None:
    await room.say(QUESTION)
    assert (await room.say(AGAIN, **change)).cache == b"miss"


async def test_what_comes_before_the_last_turns_has_to_be_equal() -> None:
    system: dict[str, Any] = {"role": "system", "content": "Be brief."}
    room = Room()
    await room.say(system, QUESTION)
    assert (await room.say({**system, "content": "Be long."}, AGAIN)).cache == b"miss"
    assert (await room.say(system, AGAIN)).cache == b"hit"
    two = Room(turns=2)
    await two.say(system, "About France.", "Its capital?")
    assert (await two.say(system, "Tell of France:", "the capital.")).cache == b"hit"


async def test_a_picture_has_to_be_equal(room: Room) -> None:
    def seen(words: str, picture: str) -> dict[str, Any]:
        parts = [{"type": "text", "text": words}, {"type": "image_url", "image_url": {"url": picture}}]
        return {"role": "user", "content": parts}

    await room.say(seen(QUESTION, "a"))
    assert (await room.say(seen(AGAIN, "b"))).cache == b"miss"
    assert (await room.say(seen(AGAIN, "a"))).cache == b"hit"


async def test_owners_do_not_share(room: Room) -> None:
    await room.say(QUESTION, caller=ALICE)
    assert (await room.say(AGAIN, caller=BOB)).cache == b"miss"


owners = st.text("ab", min_size=1, max_size=2)
questions = st.sampled_from([QUESTION, AGAIN, OTHER])


@given(st.lists(st.tuples(owners, questions), min_size=1, max_size=12))
async def test_no_owner_is_ever_given_anothers_answer(asked: list[tuple[str, str]]) -> None:
    room = Room()
    answered: dict[bytes, str] = {}
    for owner, question in asked:
        client = await room.say(question, caller=Caller("key-" + owner, ["*"], owner=owner))
        assert answered.setdefault(client.body, owner) == owner


async def test_the_embedding_is_a_call_of_the_same_caller_that_tells_why(room: Room) -> None:
    await room.say(QUESTION)
    (embedded,) = room.library.embedded
    assert (embedded.caller, embedded.body.model) == (ALICE, "e")
    assert [attempt.cause for attempt in embedded.attempts] == ["similarity"]
    assert room.running == 0


async def test_an_embedding_that_fails_is_a_miss(room: Room) -> None:
    await room.say(QUESTION)
    room.library.embedding_fault = UpstreamError("Down.")
    assert (await room.say(AGAIN)).cache == b"miss"
    assert room.counters.values["cache_similarity_failures",] == 1


async def test_an_embedding_that_does_not_come_is_a_miss() -> None:
    room = Room(timeout=0.01)
    room.library.embedding_hangs = True
    assert (await room.say(QUESTION)).cache == b"miss"
    assert room.running == 0


async def test_a_long_question_is_not_embedded() -> None:
    room = Room(characters=len(QUESTION) - 1)
    await room.say(QUESTION)
    assert not room.library.embedded


async def test_a_question_whose_answer_is_gone_is_forgotten(room: Room) -> None:
    await room.say(QUESTION)
    room.clock.now += 3_601
    room.kept.answers.resize(0)
    room.kept.answers.resize(1_000_000)
    assert (await room.say(AGAIN)).cache == b"miss"
    assert (await room.say(QUESTION)).cache == b"hit"


async def test_an_answer_that_is_not_kept_leaves_no_question(room: Room) -> None:
    room.kitchen.body = an_answer("", "content_filter")
    await room.say(QUESTION)
    assert room.similar.size == 0


async def test_only_if_cached_takes_such_an_answer_too(room: Room) -> None:
    await room.say(QUESTION)
    assert (await room.say(AGAIN, cache_control=b"only-if-cached")).cache == b"hit"
    assert (await room.say(AGAIN, cache_control=b"no-cache")).cache == b"bypass"
