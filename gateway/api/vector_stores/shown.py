"""Vector stores, their files and batches as clients see them, in OpenAI's shape: times are whole seconds since 1970."""

from collections.abc import Sequence
from typing import Any

from gateway.vector_stores.kept import MICROSECONDS, Batch, Counts, Store, StoreFile


def store_shown(store: Store) -> dict[str, Any]:
    """A store."""
    said = store.settings
    status = "expired" if store.expired else "in_progress" if store.counts.in_progress else "completed"
    shown = {
        "id": store.id,
        "object": "vector_store",
        "created_at": store.created // MICROSECONDS,
        "name": said.name,
        "usage_bytes": store.usage_bytes,
        "file_counts": _counts(store.counts),
        "status": status,
        "expires_at": None if store.expires is None else store.expires // MICROSECONDS,
        "last_active_at": store.active // MICROSECONDS,
        "metadata": said.metadata,
    }
    if said.description is not None:
        shown["description"] = said.description
    if said.days is not None:
        shown["expires_after"] = {"anchor": "last_active_at", "days": said.days}
    return shown


def file_shown(file: StoreFile) -> dict[str, Any]:
    """A file in a store. It takes room once it is taken in."""
    return {
        "id": file.file_id,
        "object": "vector_store.file",
        "usage_bytes": file.usage_bytes if file.status == "completed" else 0,
        "created_at": file.created // MICROSECONDS,
        "vector_store_id": file.store_id,
        "status": file.status,
        "last_error": None if file.error is None else {"code": file.error[0], "message": file.error[1]},
        "chunking_strategy": {
            "type": "static",
            "static": {
                "max_chunk_size_tokens": file.chunking.tokens,
                "chunk_overlap_tokens": file.chunking.overlap,
            },
        },
        "attributes": file.attributes,
    }


def batch_shown(batch: Batch) -> dict[str, Any]:
    """A batch of files."""
    return {
        "id": batch.id,
        "object": "vector_store.files_batch",
        "created_at": batch.created // MICROSECONDS,
        "vector_store_id": batch.store_id,
        "status": batch.status,
        "file_counts": _counts(batch.counts),
    }


def list_shown(shown: Sequence[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    """A page of a list."""
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else "",
        "last_id": shown[-1]["id"] if shown else "",
        "has_more": more,
    }


def _counts(counts: Counts) -> dict[str, int]:
    return {
        "in_progress": counts.in_progress,
        "completed": counts.completed,
        "failed": counts.failed,
        "cancelled": counts.cancelled,
        "total": counts.total,
    }
