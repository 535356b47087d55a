"""Embeddings from the cache: each input is asked for once, whatever batch it comes in."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.errors import NotCached, UpstreamError
from adapters.wire.usage import Usage
from gateway.call import Call, Reply
from tests.gateway.layers.cache.kitchen import BOB, Client, Kitchen, Place


class Embedder(Kitchen):
    """Gives each text a vector of its own, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []
        self.backwards = False
        self.forgets = False

    async def __call__(self, call: Call) -> Reply:
        inputs = msgspec.json.decode(call.body.fields["input"])
        self.orders.append(call)
        self.asked.append(inputs)
        whole = isinstance(inputs, str) or isinstance(inputs[0], int)
        batch = [inputs] if whole else inputs
        data = [{"object": "embedding", "index": at, "embedding": vector(one)} for at, one in enumerate(batch)]
        data = data[::-1] if self.backwards else data[1:] if self.forgets else data
        call.usage = Usage(prompt_tokens=len(batch))
        usage = {"prompt_tokens": len(batch), "total_tokens": len(batch)}
        body = msgspec.json.encode({"object": "list", "data": data, "model": "e-1", "usage": usage})
        headers = [(b"x-isthmus-provider", b"lab"), (b"content-length", b"%d" % len(body))]
        return Reply(200, headers, body)


def vector(one: Any) -> list[float]:
    return [float(byte) for byte in msgspec.json.encode(one)]


class Desk(Place):
    """Asks for embeddings."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(kitchen := Embedder(), **settings)
        self.embedder = kitchen

    async def embed(self, inputs: Any, **more: Any) -> Client:
        return await self.ask({"input": inputs}, operation="embeddings", **more)


def vectors(client: Client) -> list[list[float]]:
    answer = msgspec.json.decode(client.body)
    assert [item["index"] for item in answer["data"]] == list(range(len(answer["data"])))
    assert client.headers[b"content-length"] == b"%d" % len(client.body)
    assert answer["model"] == "e-1"
    return [item["embedding"] for item in answer["data"]]


def tokens(client: Client) -> int:
    return int(msgspec.json.decode(client.body)["usage"]["total_tokens"])


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_batch_asks_only_for_what_is_new(desk: Desk) -> None:
    await desk.embed(["a", "b"])
    mixed = await desk.embed(["c", "a", "d", "b"])
    assert desk.embedder.asked == [["a", "b"], ["c", "d"]]
    assert vectors(mixed) == [vector(one) for one in "cadb"]
    assert tokens(mixed) == 2
    assert (mixed.cache, mixed.headers[b"x-isthmus-cache-items"]) == (b"miss", b"2/4")


async def test_what_is_all_known_asks_nobody_and_used_nothing(desk: Desk) -> None:
    await desk.embed(["a", "b"])
    desk.clock.now += 7
    known = await desk.embed(["b", "a", "b"])
    assert len(desk.embedder.asked) == 1
    assert vectors(known) == [vector(one) for one in "bab"]
    assert tokens(known) == 0
    assert (known.cache, known.headers[b"age"]) == (b"hit", b"7")
    assert known.headers[b"x-isthmus-provider"] == b"lab"


async def test_the_same_input_is_asked_for_once_in_a_batch(desk: Desk) -> None:
    twice = await desk.embed(["a", "b", "a"])
    assert desk.embedder.asked == [["a", "b"]]
    assert vectors(twice) == [vector(one) for one in "aba"]


async def test_a_text_alone_is_the_same_as_in_a_batch(desk: Desk) -> None:
    await desk.embed("a")
    assert (await desk.embed(["a"])).cache == b"hit"
    assert desk.embedder.asked == ["a"]


async def test_token_ids_are_an_input_too(desk: Desk) -> None:
    await desk.embed([1, 2])
    both = await desk.embed([[3], [1, 2]])
    assert desk.embedder.asked == [[1, 2], [[3]]]
    assert vectors(both) == [vector([3]), vector([1, 2])]
    assert (await desk.embed("[1,2]")).cache == b"miss"


@pytest.mark.parametrize("other", [{"encoding_format": "base64"}, {"dimensions": 4}, {"input_type": "query"}])
async def test_the_form_of_the_vector_is_part_of_the_question(desk: Desk, other: dict[str, Any]) -> None:
    await desk.embed("a")
    assert (await desk.embed("a", **other)).cache == b"miss"


async def test_owners_do_not_share(desk: Desk) -> None:
    await desk.embed("a")
    assert (await desk.embed("a", caller=BOB)).cache == b"miss"


async def test_answers_in_another_order_are_put_right(desk: Desk) -> None:
    desk.embedder.backwards = True
    await desk.embed(["a", "b"])
    assert vectors(await desk.embed(["a", "b"])) == [vector("a"), vector("b")]


async def test_an_answer_that_does_not_fit_is_passed_on_and_not_kept(desk: Desk) -> None:
    desk.embedder.forgets = True
    await desk.embed(["a", "b"])
    desk.embedder.forgets = False
    assert (await desk.embed(["a"])).cache == b"miss"


async def test_an_answer_that_can_not_be_joined_is_a_fault(desk: Desk) -> None:
    await desk.embed("a")
    desk.embedder.forgets = True
    with pytest.raises(UpstreamError):
        await desk.embed(["a", "b"])


async def test_a_mixture_of_texts_and_numbers_is_the_providers_to_judge(desk: Desk) -> None:
    await desk.embed(["a"])
    await desk.embed(["a", 1])
    assert desk.embedder.asked[-1] == ["a", 1]


async def test_vectors_end_with_their_time() -> None:
    desk = Desk(ttl=60, stale=60)
    await desk.embed("a")
    desk.clock.now += 61
    assert (await desk.embed("a")).cache == b"miss"


async def test_a_client_says_what_it_takes(desk: Desk) -> None:
    await desk.embed("a")
    assert (await desk.embed("a", cache_control=b"no-cache")).cache == b"bypass"
    assert (await desk.embed("b", cache_control=b"no-store")).cache == b"bypass"
    assert (await desk.embed("b")).cache == b"miss"
    with pytest.raises(NotCached):
        await desk.embed(["a", "c"], cache_control=b"only-if-cached")


@given(st.lists(st.lists(st.text("abc", max_size=2), min_size=1, max_size=5), max_size=6))
async def test_every_batch_gets_its_own_vectors_and_nothing_is_asked_twice(batches: list[list[str]]) -> None:
    desk = Desk()
    for batch in batches:
        assert vectors(await desk.embed(batch)) == [vector(one) for one in batch]
    asked = [one for each in desk.embedder.asked for one in each]
    assert len(asked) == len(set(asked))
