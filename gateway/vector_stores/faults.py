"""What a client is told of a vector store that is not there, or not to be used."""

from collections.abc import Iterable

from adapters.wire.errors import BadRequest, NotFound, Unavailable


def no_store(id: str) -> NotFound:
    """Nobody has such a store, or somebody else."""
    return NotFound(f"No such VectorStore: '{id[:64]}'.", param="vector_store_id", code="vector_store_not_found")


def no_file(id: str, store: str) -> NotFound:
    """The store has no such file."""
    message = f"No such VectorStoreFile: '{id[:64]}' in the vector store '{store[:64]}'."
    return NotFound(message, param="file_id", code="vector_store_file_not_found")


def no_batch(id: str) -> NotFound:
    """The store has no such batch."""
    message = f"No such VectorStoreFileBatch: '{id[:64]}'."
    return NotFound(message, param="batch_id", code="vector_store_file_batch_not_found")


def expired(id: str) -> BadRequest:
    """What was in it is gone."""
    message = f"The vector store '{id[:64]}' has expired, and what was in it is gone: make another."
    return BadRequest(message, param="vector_store_id", code="vector_store_expired")


def too_many(most: int) -> BadRequest:
    """An owner has as many stores as it may."""
    message = f"There may be {most} vector stores (vector_stores.stores_of_owner): delete one."
    return BadRequest(message, code="too_many_vector_stores")


def unknown_backend(name: str, known: Iterable[str]) -> BadRequest:
    """`metadata.backend` names none."""
    message = f"There is no vector backend '{name[:64]}' here: {', '.join(known)} are."
    return BadRequest(message, param="metadata.backend", code="invalid_value")


def backend_away() -> Unavailable:
    """A backend does not answer."""
    message = "The database of this vector store does not answer. Try again later."
    return Unavailable(message, code="vector_backend_unavailable", retry_after=1)
