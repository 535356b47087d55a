"""What is in the file of a store, and the statements over it.

Attributes are a file's, so they are kept once for a file. The words of a chunk are those of `words.py`, so that FTS5
need only split at spaces; it keeps an index of them and no text.
https://www.sqlite.org/fts5.html#contentless_delete_tables
"""

# ruff: noqa: S608

import math
from collections.abc import Collection, Iterable, Sequence

import apsw
import msgspec

from adapters.vector_io.contract import Chunk, Hit
from adapters.vector_io.filters import Attribute, Filter
from adapters.vector_io.sqlite.conditions import Condition, condition, kind_and_value
from adapters.vector_io.words import query_words, words

_TABLES = """
CREATE TABLE store (dimensions INTEGER NOT NULL);
CREATE TABLE files (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    attributes TEXT NOT NULL
);
CREATE TABLE attributes (
    file INTEGER NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    value NOT NULL,
    PRIMARY KEY (file, key)
) WITHOUT ROWID;
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    file INTEGER NOT NULL,
    place INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX chunks_of_file ON chunks (file);
CREATE VIRTUAL TABLE words USING fts5(written, content = '', contentless_delete = 1, tokenize = 'ascii');
CREATE TRIGGER words_follow AFTER DELETE ON chunks BEGIN DELETE FROM words WHERE rowid = old.number; END;
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, row);
"""
_attributes = msgspec.json.Decoder(dict[str, Attribute]).decode
_HIT = (
    "SELECT chunks.id, files.id, place, text, attributes FROM chunks JOIN files ON files.number = file"
    " WHERE chunks.number = ?"
)


def make(connection: apsw.Connection, dimensions: int) -> None:
    """The tables of a new store."""
    connection.execute(_TABLES)
    connection.execute("INSERT INTO store VALUES (?)", (dimensions,))


def put(connection: apsw.Connection, chunks: Collection[Chunk]) -> list[int]:
    """Put chunks of different ids in, each in place of one with its id; give their numbers."""
    connection.executemany("DELETE FROM chunks WHERE id = ?", ((chunk.id,) for chunk in chunks))
    files = {chunk.file_id: chunk.attributes for chunk in chunks}
    numbers = {file_id: _put_file(connection, file_id, attributes) for file_id, attributes in files.items()}
    return [_put_chunk(connection, chunk, numbers[chunk.file_id]) for chunk in chunks]


def remove(connection: apsw.Connection, file_id: str) -> None:
    """Take a file out."""
    file = _file(connection, file_id)
    for table, key in (("chunks", "file"), ("attributes", "file"), ("files", "number")):
        connection.execute(f"DELETE FROM {table} WHERE {key} = ?", (file,))


def describe(connection: apsw.Connection, file_id: str, attributes: dict[str, Attribute]) -> None:
    """Give a file these attributes in place of those it has."""
    if _file(connection, file_id) is not None:
        _put_file(connection, file_id, attributes)


def count(connection: apsw.Connection, file_id: str | None) -> int:
    """How many chunks are there, of one file or of all."""
    if file_id is None:
        return int(connection.execute("SELECT count(*) FROM chunks").get)
    found = connection.execute("SELECT count(*) FROM chunks WHERE file = ?", (_file(connection, file_id),))
    return int(found.get)


def matching(connection: apsw.Connection, text: str, limit: int, filter: Filter | None) -> list[Hit]:
    """The chunks that share words with a text, best first by BM25.

    FTS5's own rank counts a word that most chunks hold as nothing, so each word is ranked alone and weighed as
    `words.bm25` does.
    """
    weighed = _weights(connection, query_words(text))
    if not weighed:
        return []
    each = "SELECT rowid AS number, bm25(words) * ? AS score FROM words WHERE words MATCH ?"
    found = " UNION ALL ".join([each] * len(weighed))
    values = [value for word, weight in weighed for value in (weight, f'"{word}"')]
    held, its = where(filter)
    best = (
        f"WITH found AS MATERIALIZED ({found}) SELECT found.number, sum(score) AS score FROM found"
        f" JOIN chunks USING (number) WHERE {held} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?"
    )
    return hits(connection, connection.execute(best, (*values, *its, limit)))


def files(connection: apsw.Connection, filter: Filter) -> list[int]:
    """The numbers of the files that satisfy a filter."""
    held, values = condition(filter)
    return [number for (number,) in connection.execute(f"SELECT number FROM files WHERE {held}", tuple(values))]


def where(filter: Filter | None) -> Condition:
    """The condition on rows with a `file` that a filter makes."""
    if filter is None:
        return "1", []
    held, values = condition(filter)
    return f"file IN (SELECT number FROM files WHERE {held})", values


def hits(connection: apsw.Connection, found: Iterable[tuple[int, float]]) -> list[Hit]:
    """The chunks of these numbers and scores, without those that are not there."""
    rows = [(score, connection.execute(_HIT, (number,)).get) for number, score in list(found)]
    return [_hit(row, score) for score, row in rows if row is not None]


def _hit(row: tuple[str, str, int, str, str], score: float) -> Hit:
    its_id, file_id, index, text, attributes = row
    return Hit(its_id, file_id, index, text, score, _attributes(attributes))


def _put_file(connection: apsw.Connection, file_id: str, attributes: dict[str, Attribute]) -> int:
    statement = (
        "INSERT INTO files (id, attributes) VALUES (?, ?)"
        " ON CONFLICT (id) DO UPDATE SET attributes = excluded.attributes RETURNING number"
    )
    number = int(connection.execute(statement, (file_id, msgspec.json.encode(attributes).decode())).get)
    connection.execute("DELETE FROM attributes WHERE file = ?", (number,))
    rows = [(number, key, *kind_and_value(value)) for key, value in attributes.items()]
    connection.executemany("INSERT INTO attributes VALUES (?, ?, ?, ?)", rows)
    return number


def _put_chunk(connection: apsw.Connection, chunk: Chunk, file: int) -> int:
    connection.execute(
        "INSERT INTO chunks (id, file, place, text) VALUES (?, ?, ?, ?)", (chunk.id, file, chunk.index, chunk.text)
    )
    number = connection.last_insert_rowid()
    connection.execute("INSERT INTO words (rowid, written) VALUES (?, ?)", (number, " ".join(words(chunk.text))))
    return number


def _file(connection: apsw.Connection, file_id: str) -> int | None:
    number: int | None = connection.execute("SELECT number FROM files WHERE id = ?", (file_id,)).get
    return number


def _weights(connection: apsw.Connection, wanted: Sequence[str]) -> list[tuple[str, float]]:
    """Each word that a chunk holds, and what turns FTS5's score for it into ours."""
    total = count(connection, None)
    weighed: list[tuple[str, float]] = []
    for word in wanted:
        holding = connection.execute("SELECT doc FROM vocabulary WHERE term = ?", (word,)).get
        if holding:
            odds = (total - holding + 0.5) / (holding + 0.5)
            theirs = max(math.log(odds), 0) or 1e-6  # https://www.sqlite.org/fts5.html#the_bm25_function
            weighed.append((word, -math.log(1 + odds) / theirs))
    return weighed
