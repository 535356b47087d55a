"""The tables, two for each store and one of all stores, and what is asked of them.

A store's words lie in a table of their own, with the length of the text in each row, so that BM25 is reckoned from the
index alone. How many chunks and words a store has is kept in the row of the store; every writer locks that row first.
"""

# ruff: noqa: S608 - nothing is put into a statement but names that are made here, and numbers
import hashlib

from adapters.vector_io.words import K1, B

STORES = "isthmus_vector_stores"
_INDEXED = 2_000
_INDEXED_HALF = 4_000
"""Dimensions that an HNSW index takes: https://github.com/pgvector/pgvector#hnsw"""

SHARED = f"""CREATE TABLE IF NOT EXISTS {STORES} (
    store text PRIMARY KEY,
    dimensions integer NOT NULL,
    chunks bigint NOT NULL DEFAULT 0,
    words bigint NOT NULL DEFAULT 0
)"""
STORE = f"INSERT INTO {STORES} (store, dimensions) VALUES ($1, $2) ON CONFLICT DO NOTHING"
LOCK_STORE = f"SELECT dimensions FROM {STORES} WHERE store = $1 FOR UPDATE"
COUNT_STORE = f"SELECT chunks FROM {STORES} WHERE store = $1"
FORGET_STORE = f"DELETE FROM {STORES} WHERE store = $1"
GROW = f"UPDATE {STORES} SET chunks = chunks + $2, words = words + $3 WHERE store = $1"

CHUNK_COLUMNS = ("id", "file_id", "index", "text", "vector", "attributes", "length")
WORD_COLUMNS = ("chunk", "word", "often", "length")


class Tables:
    """Those of one store. A name has 63 characters at most, so a store's is cut and its hash is added."""

    def __init__(self, store: str) -> None:
        name = f"{store[:28]}_{hashlib.sha256(store.encode()).hexdigest()[:16]}"
        self.chunks = f"isthmus_chunks_{name}"
        self.words = f"isthmus_words_{name}"

    def create(self, dimensions: int) -> list[str]:
        """Statements that make them where they are not there."""
        chunks, words = f'"{self.chunks}"', f'"{self.words}"'
        statements = [
            f"""CREATE TABLE IF NOT EXISTS {chunks} (
                number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                id text COLLATE "C" NOT NULL UNIQUE,
                file_id text COLLATE "C" NOT NULL,
                index integer NOT NULL,
                text text NOT NULL,
                vector vector({dimensions}) NOT NULL,
                attributes jsonb NOT NULL,
                length integer NOT NULL
            )""",
            f"""CREATE TABLE IF NOT EXISTS {words} (
                chunk bigint NOT NULL,
                word text COLLATE "C" NOT NULL,
                often integer NOT NULL,
                length integer NOT NULL
            )""",
            f'CREATE INDEX IF NOT EXISTS "{self.chunks}_f" ON {chunks} (file_id)',
            f'CREATE INDEX IF NOT EXISTS "{self.chunks}_a" ON {chunks} USING gin (attributes jsonb_path_ops)',
            f'CREATE INDEX IF NOT EXISTS "{self.words}_w" ON {words} (word) INCLUDE (chunk, often, length)',
            f'CREATE INDEX IF NOT EXISTS "{self.words}_c" ON {words} (chunk)',
        ]
        if dimensions <= _INDEXED:
            indexed = "vector vector_ip_ops"
        elif dimensions <= _INDEXED_HALF:
            indexed = f"(vector::halfvec({dimensions})) halfvec_ip_ops"
        else:
            return statements
        return [*statements, f'CREATE INDEX IF NOT EXISTS "{self.chunks}_v" ON {chunks} USING hnsw ({indexed})']

    def drop(self) -> str:
        """A statement that removes them."""
        return f'DROP TABLE IF EXISTS "{self.chunks}", "{self.words}"'

    def forget_words(self, condition: str) -> str:
        """A statement that removes the words of some chunks."""
        return f'DELETE FROM "{self.words}" WHERE chunk IN (SELECT number FROM "{self.chunks}" WHERE {condition})'

    def forget_chunks(self, condition: str) -> str:
        """A statement that removes chunks and says how many there were, and their words."""
        return f"""WITH gone AS (DELETE FROM "{self.chunks}" WHERE {condition} RETURNING length)
            SELECT count(*), coalesce(sum(length), 0)::bigint FROM gone"""

    def numbers(self) -> str:
        """A query of the numbers that chunks were given."""
        return f'SELECT id, number FROM "{self.chunks}" WHERE id = ANY($1)'

    def describe(self) -> str:
        """A statement that gives a file's chunks their attributes."""
        return f'UPDATE "{self.chunks}" SET attributes = $2::jsonb WHERE file_id = $1 AND attributes <> $2::jsonb'

    def count(self) -> str:
        """A query of how many chunks a file has."""
        return f'SELECT count(*) FROM "{self.chunks}" WHERE file_id = $1'

    def nearest(self, dimensions: int, where: str, limit: int, *, exactly: bool = False) -> str:
        """A query by a vector, $1. Vectors have the length 1, so the inner product is their cosine."""
        distance, wanted = "vector <#> $1::vector", limit
        if not exactly and _INDEXED < dimensions <= _INDEXED_HALF:
            half = f"halfvec({dimensions})"
            distance, wanted = f"vector::{half} <#> $1::vector::{half}", 2 * limit
        order = f"({distance}) + 0" if exactly else distance  # an index can't be used for a sum
        return f"""SELECT * FROM (
                SELECT id, file_id, index, text, attributes::text, -(vector <#> $1::vector) AS score
                FROM "{self.chunks}" WHERE {where} ORDER BY {order} LIMIT {wanted}
            ) AS found ORDER BY score DESC, id LIMIT {limit}"""

    def matching(self, where: str, limit: int) -> str:
        """A query by words, $1, of the store $2: BM25 as `words.bm25` reckons it."""
        return f"""WITH
            whole AS (
                SELECT chunks, greatest(words, 1)::float8 / greatest(chunks, 1) AS average
                FROM {STORES} WHERE store = $2
            ),
            rarity AS (
                SELECT word, ln(1 + (greatest(max(chunks) - count(*), 0) + 0.5) / (count(*) + 0.5))::float8 AS rarity
                FROM "{self.words}", whole WHERE word = ANY($1) GROUP BY word
            ),
            scored AS (
                SELECT chunk, sum(
                    rarity * often * {K1 + 1} / (often + {K1} * ({1 - B} + {B} * length / average))
                )::float8 AS score
                FROM "{self.words}" JOIN rarity USING (word), whole GROUP BY chunk
            )
            SELECT id, file_id, index, text, attributes::text, score
            FROM scored JOIN "{self.chunks}" ON number = chunk WHERE {where}
            ORDER BY score DESC, id LIMIT {limit}"""
