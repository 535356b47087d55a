"""/admin/keys: keys are made, listed, changed, given new secrets and deleted while the gateway runs."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import msgspec
from litestar import Request, post, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Response
from msgspec import structs

from adapters.wire.errors import AlreadyThere, BadRequest, NotFound
from gateway.api.admin.credential import records_of, require_admin
from gateway.api.admin.shapes import KeyChange, NewKey, Rotation, check_addresses, read, shown
from gateway.api.answers import json_answer, records_away
from gateway.api.paging import is_ascending, query_of
from gateway.auth.stored import MICROSECONDS, Settings, StoredKey, StoredKeys
from gateway.call import request_id_of
from gateway.onion import Live
from gateway.state.records.contract import Conflict, RecordsUnavailable

_audit = logging.getLogger("isthmus.audit")

_BODY_BYTES = 262_144
_PAGE = 20
_PAGE_MOST = 100
_TRIES = 5
"""How often a change is begun anew because another came between its reading and its writing."""

_Request = Request[Any, Any, Any]
KeyId = Annotated[str, PathParameter()]


def key_doors(live: Live) -> list[HTTPRouteHandler]:
    """The doors of keys, over what `live` holds.

    One for all methods of a path: of several, Litestar answers OPTIONS with the methods of the first alone.
    """
    keys = AdminKeys(live)

    @route("/admin/keys", http_method=["GET", "POST"], status_code=200, request_max_body_size=_BODY_BYTES)
    async def all_keys(request: _Request) -> Response[bytes]:
        return await (keys.page(request) if request.method == "GET" else keys.create(request))

    one = {"GET": keys.retrieve, "POST": keys.update, "DELETE": keys.delete}

    @route(
        "/admin/keys/{key_id:str}",
        http_method=["GET", "POST", "DELETE"],
        status_code=200,
        request_max_body_size=_BODY_BYTES,
    )
    async def one_key(request: _Request, key_id: KeyId) -> Response[bytes]:
        return await one[request.method](request, key_id)

    @post("/admin/keys/{key_id:str}/rotate", status_code=200, request_max_body_size=_BODY_BYTES)
    async def rotate_key(request: _Request, key_id: KeyId) -> Response[bytes]:
        return await keys.rotate(request, key_id)

    return [all_keys, one_key, rotate_key]


class AdminKeys:
    """What each door does."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def create(self, request: _Request) -> Response[bytes]:
        """Make a key; only this answer shows it."""
        with self._opened(request) as stored:
            asked = read(await request.body(), NewKey)
            check_addresses(asked.addresses)
            if any(key.name == asked.name for key in self._live.onion.config.keys):
                raise _name_taken(asked.name)
            settings = Settings(**{name: getattr(asked, name) for name in Settings.__struct_fields__})
            try:
                key_id, secret = await stored.create(
                    asked.name, settings, _microseconds(asked.expires_at), disabled=asked.disabled
                )
            except Conflict:
                raise _name_taken(asked.name) from None
            key = await self._changed(request, stored, key_id, "created")
            return json_answer(shown(key, secret))

    async def page(self, request: _Request) -> Response[bytes]:
        """Some of the keys, as OpenAI's lists are paged."""
        with self._opened(request) as stored:
            query = query_of(request, "after", "limit", "order")
            limit, ascending = _limit(query.get("limit")), is_ascending(query)
            after = None
            if (cursor := query.get("after")) is not None:
                after = await stored.get(cursor)
                if after is None:
                    raise _unknown(cursor, param="after")
            found = await stored.page(limit + 1, after, ascending=ascending)
            data = [shown(key) for key in found[:limit]]
            return json_answer(
                {
                    "object": "list",
                    "data": data,
                    "first_id": data[0]["id"] if data else None,
                    "last_id": data[-1]["id"] if data else None,
                    "has_more": len(found) > limit,
                }
            )

    async def retrieve(self, request: _Request, key_id: str) -> Response[bytes]:
        """One key."""
        with self._opened(request) as stored:
            return json_answer(shown(await _found(stored, key_id)))

    async def update(self, request: _Request, key_id: str) -> Response[bytes]:
        """Change what is named."""
        with self._opened(request) as stored:
            change = read(await request.body(), KeyChange)
            check_addresses(change.addresses)
            for _ in range(_TRIES):
                if await _update(stored, await _found(stored, key_id), change):
                    key = await self._changed(request, stored, key_id, "updated", sorted(change.said()))
                    return json_answer(shown(key))
            raise AlreadyThere("Others change this key at the same time. Try again.")

    async def rotate(self, request: _Request, key_id: str) -> Response[bytes]:
        """Give it a new secret; only this answer shows it."""
        with self._opened(request) as stored:
            asked = read(await request.body(), Rotation)
            secret = await stored.rotate(key_id, asked.overlap_seconds)
            if secret is None:
                raise _unknown(key_id)
            key = await self._changed(request, stored, key_id, "rotated")
            return json_answer(shown(key, secret))

    async def delete(self, request: _Request, key_id: str) -> Response[bytes]:
        """Refuse it for ever."""
        with self._opened(request) as stored:
            key = await _found(stored, key_id)
            if not await stored.delete(key_id):
                raise _unknown(key_id)
            await self._told(request, key, "deleted")
            return json_answer({"object": "key.deleted", "id": key_id, "deleted": True})

    @contextmanager
    def _opened(self, request: _Request) -> Iterator[StoredKeys]:
        """The keys, for whoever has the credential; errors of the database in words for a client."""
        require_admin(self._live, request)
        try:
            yield StoredKeys(records_of(self._live))
        except RecordsUnavailable:
            raise records_away() from None

    async def _changed(
        self, request: _Request, stored: StoredKeys, key_id: str, action: str, fields: list[str] | None = None
    ) -> StoredKey:
        """A key after its change."""
        key = await _found(stored, key_id)
        await self._told(request, key, action, fields)
        return key

    async def _told(self, request: _Request, key: StoredKey, action: str, fields: list[str] | None = None) -> None:
        """The log has a line, and this worker knows of the change before the answer leaves."""
        address = self._live.onion.keyring.addresses.of(request.scope)
        line = {
            "event": f"key.{action}",
            "key": key.id,
            "name": key.name,
            "fields": fields or [],
            "address": None if address is None else str(address),
            "id": request_id_of(dict(request.scope["headers"])).decode("latin-1"),
        }
        _audit.info("%s", msgspec.json.encode(line).decode())
        if self._live.around.keys is not None:
            with suppress(RecordsUnavailable):  # what was asked is done, and must be told
                await self._live.around.keys.sync()


async def _found(stored: StoredKeys, key_id: str) -> StoredKey:
    key = await stored.get(key_id)
    if key is None:
        raise _unknown(key_id)
    return key


async def _update(stored: StoredKeys, key: StoredKey, change: KeyChange) -> bool:
    said = change.said()
    expires = _microseconds(said.pop("expires_at")) if "expires_at" in said else key.expires
    disabled = said.pop("disabled", key.disabled)
    return await stored.update(key, structs.replace(key.settings, **said), expires, disabled=disabled)


def _unknown(key_id: str, *, param: str | None = None) -> NotFound:
    return NotFound(f"There is no key '{key_id[:64]}'.", param=param, code="key_not_found")


def _name_taken(name: str) -> AlreadyThere:
    message = f"The name '{name}' was given to a key before, and usage is told by it. Choose another."
    return AlreadyThere(message, param="name", code="name_taken")


def _limit(text: str | None) -> int:
    if text is None:
        return _PAGE
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= _PAGE_MOST:
        raise BadRequest(f"'limit' is a number from 1 to {_PAGE_MOST}.", param="limit", code="invalid_value")
    return int(text)


def _microseconds(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * MICROSECONDS
