"""Who may use the admin API: whoever has its one credential, which opens nothing else."""

import hashlib
import hmac
from typing import Any

from litestar import Request

from adapters.wire.errors import NotFound, Unavailable
from gateway.auth.keyring import bytes_of, presented_in, refused
from gateway.onion import Live
from gateway.state.records.contract import Records


def require_admin(live: Live, request: Request[Any, Any, Any]) -> None:
    """Raise Unauthorized without the credential of `admin.key`; NotFound where the configuration has no `admin`."""
    admin = live.onion.config.admin
    if admin is None:
        raise NotFound(
            f"Unknown request URL: {request.method} {request.scope['path'][:256]}. There is no admin API here."
        )
    presented = hashlib.sha256(presented_in(dict(request.scope["headers"]))).digest()
    if not hmac.compare_digest(bytes_of(admin.key), presented):
        raise refused("invalid_api_key")


def records_of(live: Live) -> Records:
    """The database. Raises Unavailable where it was not there at start."""
    records = live.around.records
    if records is None:
        raise Unavailable("This gateway was started without state.records: restart it.", code="records_unavailable")
    return records
