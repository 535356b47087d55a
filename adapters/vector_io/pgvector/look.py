"""Whether a database would serve."""

from adapters.postgres import Unreachable, look_into
from adapters.vector_io.contract import BackendUnavailable

_EXTENSION = "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"


async def look(name: str, url: str) -> None:
    """Raises BackendUnavailable where the database does not answer, or has no pgvector."""
    try:
        async with look_into(url) as connection:
            has_extension = await connection.fetchval(_EXTENSION)
    except Unreachable as error:
        raise BackendUnavailable(f"{name}: PostgreSQL: {error}") from None
    if has_extension is None:
        raise BackendUnavailable(f"{name}: pgvector is not installed where PostgreSQL is")
