"""What is said between those who want files taken in, and the process that reads them."""

from typing import Literal, TypeAlias

from msgspec import Struct

Code: TypeAlias = Literal["server_error", "unsupported_file", "invalid_file"]
"""OpenAI's codes for why a file is not in a vector store."""


class FileRefused(Exception):
    """A file can't be taken in, now or later. Says what is wrong with it, never what is in it."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message


class TryLater(Exception):
    """Nothing is wrong with the file: the same may succeed later. Says what stands in the way."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.after = after
        """Seconds to wait at least, where somebody said so."""


class Chunking(Struct, frozen=True):
    """How a text is cut. Raises ValueError on chunks in which a character, or anything new, has no room."""

    tokens: int = 800
    """In one chunk, at most."""
    overlap: int = 400
    """Tokens that a chunk shares with the one before."""

    def __post_init__(self) -> None:
        if not 0 <= self.overlap <= self.tokens - 4:  # bytes, and so tokens, that a character may have
            raise ValueError("A chunk has 4 tokens more at least than it shares with the one before.")


class Piece(Struct, frozen=True):
    """One chunk of a text."""

    index: int
    """Which one it is, from 0."""
    start: int
    """Where it begins in the text, in bytes."""
    text: str


class Extracted(Struct, frozen=True):
    """A file's text was written."""

    format: str
    """What the file was, as in docs/ingestion.md."""
    size: int
    """Bytes of the text."""


class Extract(Struct, frozen=True, tag=True):
    """Read a file's text."""

    source: str
    """The file: a path that the gateway made."""
    name: str
    """As its owner named it: a hint of its format and nothing else."""
    text: str
    """Where the text is written."""
    most: int
    """Bytes of text."""


class Chunk(Struct, frozen=True, tag=True):
    """Cut a text."""

    text: str
    chunks: str
    """Where they are written: a Piece as JSON in each line."""
    chunking: Chunking


Job: TypeAlias = Extract | Chunk


class Limits(Struct, frozen=True):
    """What one job may use."""

    seconds: float
    memory_bytes: int


class Task(Struct, frozen=True):
    """A job on its way to the process."""

    id: int
    job: Job | None
    """None ends the one under way that has this id."""
    limits: Limits


class Done(Struct, frozen=True):
    """How it ended: with a result, or with a message that says what stood in the way."""

    id: int = 0
    extracted: Extracted | None = None
    count: int = 0
    """Chunks that were written."""
    code: Code | None = None
    """Of a refusal; None where the same may succeed later."""
    message: str = ""
