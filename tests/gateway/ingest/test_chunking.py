"""Cutting: nothing is lost, nothing is too long, and what does not fit between two characters is not cut there."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.wire.tokens import split_tokens
from gateway.ingest.chunking import cut, tokens_of
from gateway.ingest.contract import Chunking, Piece
from tests.gateway.ingest.desk import Desk

WORDS = st.text(st.sampled_from("ab z\n.é你😀ಠ\u200d\U000e0041"), max_size=400)


def pieces_of(text: str, tokens: int, overlap: int) -> list[Piece]:
    return list(cut(tokens_of(io.StringIO(text)), Chunking(tokens, overlap)))


@settings(deadline=None)
@given(WORDS, st.integers(4, 40), st.data())
def test_every_byte_is_in_a_chunk_and_no_chunk_has_too_many_tokens(text: str, tokens: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, tokens - 4))
    whole = text.encode()
    end = 0
    for number, piece in enumerate(pieces_of(text, tokens, overlap)):
        written = piece.text.encode()
        assert piece.index == number
        assert whole[piece.start : piece.start + len(written)] == written
        assert piece.start <= end < piece.start + len(written)
        end = piece.start + len(written)
    assert end == len(whole)


@settings(deadline=None)
@given(WORDS, st.integers(4, 40), st.data())
def test_chunks_have_as_many_tokens_as_were_asked_for(text: str, tokens: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, tokens - 4))
    places = [0]
    for token in tokens_of(io.StringIO(text)):
        places.append(places[-1] + len(token))
    for piece in pieces_of(text, tokens, overlap):
        first, last = places.index(piece.start), places.index(piece.start + len(piece.text.encode()))
        assert last - first <= tokens
        if last < len(places) - 1:
            assert last - first > tokens - 4, "a character has four bytes at most"


def test_auto_is_800_tokens_of_which_400_are_shared() -> None:
    numbers = " ".join(map(str, range(3_000)))
    tokens = split_tokens(numbers)
    pieces = list(cut(tokens, Chunking()))
    assert [len(split_tokens(piece.text)) for piece in pieces[:-1]] == [800] * (len(pieces) - 1)
    assert pieces[1].text.encode() == b"".join(tokens[400:1_200])
    assert len(pieces) == -(-(len(tokens) - 800) // 400) + 1


@pytest.mark.parametrize(("character", "times"), [("a", 4_000_000), ("\n", 500_000), ("😀", 200_000)])
def test_a_text_that_never_breaks_takes_no_longer_than_another(character: str, times: int) -> None:
    pieces = pieces_of(character * times, 800, 0)
    assert sum(len(piece.text) for piece in pieces) == times


def test_a_long_text_is_the_same_tokens_as_in_one_piece() -> None:
    text = "The heron stands in shallow water, and waits.\n" * 3_000
    assert list(tokens_of(io.StringIO(text))) == split_tokens(text)


@pytest.mark.parametrize(("tokens", "overlap"), [(3, 0), (100, 97), (100, 101), (100, -1)])
def test_chunks_in_which_nothing_new_has_room_are_refused(tokens: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="4 tokens"):
        Chunking(tokens, overlap)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_process_cuts_as_it_is_told(desk: Desk) -> None:
    text = "one two three four five six seven eight\r\n\u2028 nine 😀 ten" * 50
    assert await desk.pieces(text, Chunking(100, 50)) == pieces_of(text, 100, 50)
