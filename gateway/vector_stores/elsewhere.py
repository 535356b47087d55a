"""Vector stores that live with a provider: requests are sent on; who owns a store is written down here.

One is `vs_<provider>~<what it is called there>`, and there for whoever made it alone: the records say whose it is, not
the name. Its files live with the same provider.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from adapters.vector_io.elsewhere import APIS, read, renamed, written
from adapters.wire.errors import BadRequest, GatewayError, UpstreamError
from gateway.files import elsewhere as files_elsewhere
from gateway.files.engine import Files
from gateway.provider import Provider
from gateway.state.records.contract import Conflict, RecordsUnavailable
from gateway.upstream.transfer import transfer
from gateway.vector_stores.faults import no_store
from gateway.vector_stores.kept import Settings, Store, now
from gateway.vector_stores.stores import Stores

log = logging.getLogger("isthmus.vector_stores")

_ANSWER_BYTES: Final = 67_108_864
_JSON: Final = [(b"content-type", b"application/json")]


class Elsewhere:
    """The vector stores of one provider, for one owner."""

    def __init__(self, provider: Provider, owner: str, stores: Stores, files: Files) -> None:
        """Raises BadRequest where the provider has no such API."""
        api = APIS.get(provider.settings.dialect)
        if api is None:
            message = f"The provider '{provider.name}' has no vector stores that are known here."
            raise BadRequest(message, param="metadata.provider", code="invalid_value")
        self._api = api
        self._provider = provider
        self._owner = owner
        self._stores = stores
        self._files = files

    async def create(self, body: dict[str, Any], most: int) -> Any:
        """Make a store there; give what a client is told. Raises GatewayError and RecordsUnavailable."""
        told = await self._ask("POST", "", await self._theirs(body))
        there, moment = str(told.get("id")), now()
        store = Store(
            id=self.id_of(there),
            owner=self._owner,
            settings=Settings(metadata={}),
            backend="",
            model="",
            dimensions=None,
            created=moment,
            active=moment,
            expired=False,
            provider=self._provider.name,
            provider_id=there,
        )
        try:
            kept = await self._stores.keep(store, most)
        except (RecordsUnavailable, Conflict):
            await self._drop(there)
            raise
        if not kept:
            await self._drop(there)
            raise BadRequest(f"There may be {most} vector stores: delete one.", code="too_many_vector_stores")
        return self._ours(told)

    async def show(self, store: Store) -> Any:
        """A store as its provider tells of it now. Raises NotFound where it is gone there."""
        return await self.pass_on("GET", store, "", {}, None)

    async def pass_on(self, method: str, store: Store, path: str, query: Mapping[str, str], body: Any) -> Any:
        """What a provider answers to a request for a store. `path` is what follows the store's id."""
        there = f"/{store.provider_id}{await self._path(path)}"
        asked = {name: self._cursor(name, value) for name, value in query.items()}
        try:
            told = await self._ask(method, there, None if body is None else await self._theirs(body), asked)
        except GatewayError as error:
            if error.status == 404 and not path:
                await self._stores.forget(store)
                raise no_store(store.id) from None
            raise
        if method == "DELETE" and not path:
            await self._stores.forget(store)
        return self._ours(told)

    def id_of(self, there: str) -> str:
        """What a store is called here."""
        return f"vs_{self._provider.name}~{written(there)}"

    def _ours(self, told: Any) -> Any:
        name = self._provider.name
        return renamed(told, self.id_of, lambda there: files_elsewhere.id_of(name, there))

    async def _theirs(self, body: dict[str, Any]) -> dict[str, Any]:
        """A request with the provider's names of files. Raises NotFound, and BadRequest for files elsewhere."""
        changed = dict(body)
        if isinstance(file_id := body.get("file_id"), str):
            changed["file_id"] = await self._file(file_id)
        if isinstance(file_ids := body.get("file_ids"), list):
            changed["file_ids"] = [await self._file(str(each)) for each in file_ids]
        if isinstance(files := body.get("files"), list):
            changed["files"] = [await self._theirs(each) if isinstance(each, dict) else each for each in files]
        return changed

    async def _file(self, file_id: str) -> str:
        file = await self._files.get(self._owner, file_id)
        if file.provider != self._provider.name or file.provider_id is None:
            name = self._provider.name
            message = f"The file '{file_id}' does not live with the provider '{name}': send it with x-isthmus-provider."
            raise BadRequest(message, param="file_id", code="invalid_value")
        return file.provider_id

    async def _path(self, path: str) -> str:
        """The rest of a path: after `/files/`, the provider's name of a file."""
        head, mark, rest = path.partition("/files/")
        if not mark or head:
            return path
        file_id, slash, more = rest.partition("/")
        return f"/files/{await self._file(file_id)}{slash}{more}"

    def _cursor(self, name: str, value: str) -> str:
        return read(value.partition("~")[2]) if name in ("after", "before") and "~" in value else value

    async def _drop(self, there: str) -> None:
        """Nobody could find it: it is not to stay there for good."""
        try:
            await self._ask("DELETE", f"/{there}")
        except GatewayError as error:
            log.error("the vector store %s of %s has no record here: %s", there, self._provider.name, error.message)

    async def _ask(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        provider = self._provider
        url = self._api.url(provider.settings.base_url or "", path)
        if query:
            url = _with_query(url, query)
        sent = None if body is None else msgspec.json.encode(body)
        length = [] if sent is None else [*_JSON, (b"content-length", str(len(sent)).encode())]
        headers = [*await provider.headers_of(url), *self._api.headers, *length]
        timeouts = provider.settings.timeouts or provider.server.timeouts
        name = f"The provider '{provider.name}'"
        pieces = None if sent is None else _once(sent)
        async with transfer(provider.settings, timeouts, name, method, url, headers, pieces) as answer:
            parts, size = [], 0
            async for piece in answer.pieces():
                parts.append(piece)
                size += len(piece)
                if size > _ANSWER_BYTES:
                    raise UpstreamError(f"{name} answered with more than {_ANSWER_BYTES} bytes.")
            said = b"".join(parts)
            if answer.status > 299:
                raise provider.explain(answer.status, answer.headers, said)
        try:
            return msgspec.json.decode(said, type=dict[str, Any])
        except msgspec.DecodeError:
            raise UpstreamError(f"What {name} says of the vector store can't be read.") from None


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
