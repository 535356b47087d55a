"""What the tests of files make."""

from gateway.files.engine import Arrival, Files
from gateway.files.records import File
from gateway.state.records.contract import Records

OWNER = "first"


async def make(
    files: Files,
    content: bytes = b"content",
    *,
    owner: str = OWNER,
    purpose: str = "user_data",
    lasts: int | None = None,
    most: int | None = None,
) -> File:
    """A file."""
    arrival = await files.begin(owner)
    try:
        await arrival.write(content)
        return await arrival.publish("name.txt", purpose, lasts, most)
    finally:
        await arrival.end()


async def arrived(files: Files, content: bytes) -> Arrival:
    """The bytes of a part."""
    arrival = await files.begin(OWNER, "part_")
    await arrival.write(content)
    return arrival


async def kept(files: Files) -> set[str]:
    """What the store has."""
    return {found.key async for found in files.blobs.list()}


async def rows(records: Records, table: str) -> int:
    """How many there are."""
    ((count,),) = await records.fetch(f"SELECT COUNT(*) FROM {table}")
    assert isinstance(count, int)
    return count


async def time_passes(records: Records, table: str) -> None:
    """All that is due at some time is due now."""
    await records.execute(f"UPDATE {table} SET due = 1 WHERE due IS NOT NULL")
