"""Files as clients see them, in OpenAI's shape: times are whole seconds since 1970."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from gateway.files.records import MICROSECONDS, File


class FileShown(Struct, kw_only=True):
    """A file."""

    id: str
    object: str = "file"
    bytes: int
    created_at: int
    expires_at: int | UnsetType = UNSET
    filename: str
    purpose: str
    status: str = "processed"


def shown(file: File) -> FileShown:
    """A file as clients see it."""
    return FileShown(
        id=file.id,
        bytes=file.bytes,
        created_at=file.created // MICROSECONDS,
        expires_at=UNSET if file.expires is None else file.expires // MICROSECONDS,
        filename=file.filename,
        purpose=file.purpose,
    )


def listed(files: list[File], *, more: bool) -> dict[str, Any]:
    """A page of files."""
    return {
        "object": "list",
        "data": [shown(file) for file in files],
        "first_id": files[0].id if files else "",
        "last_id": files[-1].id if files else "",
        "has_more": more,
    }
