"""Cuts a text into chunks of so many tokens, each sharing some with the one before, in memory that stays the same.

Tokens are those of OpenAI's embedding models. A chunk begins and ends between characters: where a token ends inside of
one, as tokens of emoji and rare letters do, a chunk ends before it and shares less.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import msgspec

from adapters.wire.tokens import split_tokens
from gateway.ingest.contract import Chunking, Piece

_READ = 32_768
"""Characters made tokens of at once: tiktoken's time and stack grow faster than the text where it never breaks."""
_CONTINUES = 0b10
"""How bytes of UTF-8 begin, in bits, that are not the first of their character."""


def cut_file(text: Path, chunks: Path, chunking: Chunking) -> int:
    """Write the chunks of a text, each as JSON in a line; give how many there are."""
    count = 0
    with text.open(encoding="utf-8", newline="") as source, chunks.open("wb") as sink:
        for piece in cut(tokens_of(source), chunking):
            sink.write(msgspec.json.encode(piece) + b"\n")
            count += 1
    return count


def tokens_of(source: TextIO) -> Iterator[bytes]:
    """The tokens of a text. It is read in parts that end before a space, where most tokens begin."""
    rest = ""
    while part := source.read(_READ):
        rest += part
        end = rest.rfind(" ", len(rest) // 2)
        if end > 0:
            yield from split_tokens(rest[:end])
            rest = rest[end:]
        else:
            yield from split_tokens(rest)
            rest = ""
    yield from split_tokens(rest)


def cut(tokens: Iterable[bytes], chunking: Chunking) -> Iterator[Piece]:
    """The chunks that tokens make, in order: every token is in one at least, and none has too many."""
    kept: list[bytes] = []
    """Of the chunk that is being filled."""
    index = start = 0
    for token in tokens:
        kept.append(token)
        if len(kept) <= chunking.tokens:
            continue
        end = next(place for place in range(chunking.tokens, 0, -1) if _begins(kept[place]))
        yield Piece(index, start, b"".join(kept[:end]).decode())
        following = next(place for place in range(end - chunking.overlap, end + 1) if _begins(kept[place]))
        start += sum(map(len, kept[:following]))
        del kept[:following]
        index += 1
    if kept:
        yield Piece(index, start, b"".join(kept).decode())


def _begins(token: bytes) -> bool:
    """Whether a character begins with it."""
    return token[0] >> 6 != _CONTINUES
