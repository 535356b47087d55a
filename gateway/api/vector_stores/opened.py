"""What every door of vector stores begins with: who asks, what for, and faults in words for a client."""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from litestar import Request

from adapters.files.contract import StoreUnavailable
from adapters.vector_io.contract import BackendUnavailable
from adapters.wire.errors import NotFound, Unavailable
from gateway.api.answers import records_away
from gateway.api.models import caller_of
from gateway.api.paging import is_ascending, limit_of, query_of
from gateway.auth import Caller
from gateway.onion import Live
from gateway.state.records.contract import RecordsUnavailable
from gateway.vector_stores.engine import VectorStoreEngine
from gateway.vector_stores.faults import backend_away
from gateway.vector_stores.pages import Asked, Place

log = logging.getLogger("isthmus.vector_stores")

_PAGE: Final = 20
_PAGE_MOST: Final = 100
_ID: Final = re.compile(r"[A-Za-z0-9_.~-]{1,256}")
AnyRequest = Request[Any, Any, Any]


@asynccontextmanager
async def opened(live: Live, request: AnyRequest) -> AsyncIterator[tuple[VectorStoreEngine, Caller]]:
    """The vector stores, for whoever asks."""
    onion = live.onion
    caller = await caller_of(onion, request)
    if onion.config.vector_stores is None:
        raise NotFound(
            f"Unknown request URL: {request.method} {request.scope['path'][:256]}. "
            "Vector stores are not served here: the configuration has no 'vector_stores'."
        )
    engine = live.around.vector_stores
    if engine is None:
        message = "This gateway was started without vector stores: restart it."
        raise Unavailable(message, code="vector_store_unavailable")
    try:
        yield engine, caller
    except RecordsUnavailable as error:
        log.error("vector stores: %s", error)
        raise records_away() from None
    except StoreUnavailable as error:
        log.error("vector stores: %s", error)
        message = "The store of files does not answer. Try again later."
        raise Unavailable(message, code="files_unavailable", retry_after=1) from None
    except BackendUnavailable:
        raise backend_away() from None


def is_id(text: str) -> bool:
    """Whether anything may have such an id: no other is asked for in the database."""
    return _ID.fullmatch(text) is not None


async def asked_of(
    query: dict[str, str], place: Callable[[str], Awaitable[Place | None]], unknown: Callable[[str], NotFound]
) -> Asked:
    """Which items of a list are wanted. Raises BadRequest, and NotFound where a cursor is none."""
    places = {}
    for name in ("after", "before"):
        cursor = query.get(name)
        found = None if cursor is None or not is_id(cursor) else await place(cursor)
        if cursor is not None and found is None:
            error = unknown(cursor)
            error.param = name
            raise error
        places[name] = found
    return Asked(limit_of(query, _PAGE, _PAGE_MOST), is_ascending(query), places["after"], places["before"])


def listing(request: AnyRequest, *further: str) -> dict[str, str]:
    """The parameters of a list. Raises BadRequest."""
    return query_of(request, "limit", "order", "after", "before", *further)
