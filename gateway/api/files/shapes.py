"""Files as clients see them, in OpenAI's shape: times are whole seconds since 1970."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from gateway.files.records import MICROSECONDS, File
from gateway.files.uploads import Part, Upload


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


def upload_shown(upload: Upload, file: File | None) -> dict[str, Any]:
    """An upload as clients see it, with the file that it became."""
    return {
        "id": upload.id,
        "object": "upload",
        "bytes": upload.bytes,
        "created_at": upload.created // MICROSECONDS,
        "expires_at": upload.expires // MICROSECONDS,
        "filename": upload.filename,
        "purpose": upload.purpose,
        "status": upload.status,
        "file": None if file is None else shown(file),
    }


def part_shown(part: Part, upload_id: str) -> dict[str, Any]:
    """A part as clients see it."""
    return {
        "id": part.id,
        "object": "upload.part",
        "created_at": part.created // MICROSECONDS,
        "upload_id": upload_id,
    }
