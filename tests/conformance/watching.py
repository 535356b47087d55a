"""Every call that a test makes through httpx to a gateway's files, vector stores and moderations is watched."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from multipart import PushMultipartParser, parse_options_header

from tests.conformance.description import Operation, described, rooms

_ROOMS = tuple(rooms())
_LISTS = "[]"
_FORM_MAX = 8_388_608


class Watch:
    """What was seen: how often each operation conformed, and what did not conform."""

    def __init__(self) -> None:
        self.conforming: Counter[Operation] = Counter()
        self.refused: Counter[Operation] = Counter()
        self.faults: list[str] = []

    def see(self, request: httpx.Request, response: httpx.Response) -> None:
        """Hold a call against the description."""
        description = described()
        if description is None or not request.url.path.startswith(_ROOMS):
            return
        operation = description.operation(request.method, request.url.path.removeprefix("/v1"))
        if operation is None:
            return
        answer = _json(response.content) if _is_json(response) else None
        if response.status_code >= 400:
            faults = description.faults_of_error(answer)
            self.refused[operation] += 1
        else:
            faults = [
                *description.faults_of_query(operation, dict(request.url.params)),
                *description.faults_of_request(operation, _body(request)),
                *(description.faults_of_answer(operation, answer) if answer is not None else []),
            ]
            self.conforming[operation] += not faults
        self.faults += [f"{operation} {response.status_code}: {fault}" for fault in faults]


@pytest.fixture(scope="session", autouse=True)
def watch() -> Iterator[Watch]:
    """Watches every client of this process."""
    watch = Watch()
    plain, asynchronous = httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request

    def watched(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        _keep(request)
        response = plain(self, request)
        if _is_watched(request):
            if _is_json(response):
                response.read()
            watch.see(request, response)
        return response

    async def watched_too(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        _keep(request)
        response = await asynchronous(self, request)
        if _is_watched(request):
            if _is_json(response):
                await response.aread()
            watch.see(request, response)
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.HTTPTransport, "handle_request", watched)
        patch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", watched_too)
        yield watch


@pytest.fixture(autouse=True)
def everything_conforms(watch: Watch) -> Iterator[None]:
    """A test fails whose calls are not as OpenAI describes them."""
    watch.faults.clear()
    yield
    assert not watch.faults


def _keep(request: httpx.Request) -> None:
    """Read a form into memory, which httpx would forget as it is sent; one that is too large is not looked at."""
    is_form = request.headers.get("content-type", "").startswith("multipart/")
    small = int(request.headers.get("content-length", _FORM_MAX)) < _FORM_MAX
    if is_form and small and isinstance(request.stream, httpx.SyncByteStream):
        request.read()


def _is_watched(request: httpx.Request) -> bool:
    return request.url.path.startswith(_ROOMS) and hasattr(request, "_content")


def _is_json(response: httpx.Response) -> bool:
    return "json" in response.headers.get("content-type", "")


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _body(request: httpx.Request) -> Any:
    """What a request says, its form's fields as the values that they stand for.

    OpenAI's own clients send null for what is not given, though the description has no such type.
    """
    raw = request.content
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != "multipart/form-data":
        said = _json(raw) if raw else {}
        return {name: value for name, value in said.items() if value is not None} if isinstance(said, dict) else said
    return _form(raw, options["boundary"])


def _form(raw: bytes, boundary: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    name, parts = "", bytearray()
    is_file = False
    with PushMultipartParser(boundary) as parser:
        for event in parser.parse(raw):
            if event is None:
                _put(fields, name, parts.decode("latin-1" if is_file else "utf-8"), is_file)
            elif isinstance(event, bytearray | bytes):
                parts += event
            else:
                name, is_file, parts = event.name, event.filename is not None, bytearray()
    return fields


def _put(fields: dict[str, Any], name: str, value: str, is_file: bool) -> None:
    """`expires_after[seconds]` is a member, `part_ids[]` an item of a list."""
    if name.endswith(_LISTS):
        fields.setdefault(name.removesuffix(_LISTS), []).append(value)
        return
    outer, _, inner = name.removesuffix("]").partition("[")
    read: Callable[[str], Any] = str if is_file or not value.isdigit() else int
    if inner:
        fields.setdefault(outer, {})[inner] = read(value)
    else:
        fields[outer] = read(value)
