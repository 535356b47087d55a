"""The files APIs of Anthropic and Gemini, as their documentation has them: what is sent is kept, and told of.

The makers' own SDKs are tried against it (tests/adapters/files/test_elsewhere.py), so that it is what it says it is.
"""

import itertools
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from multipart import MultipartSegment, PushMultipartParser, parse_options_header

ANTHROPIC_KEY, GEMINI_KEY = "sk-ant-of-the-tests-0123456789", "gemini-of-the-tests-0123456789"
_MADE = "2026-11-22T12:00:00Z"


class FileShelf:
    """A server of both. Use it as a context."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, bytes]] = {}
        """Name and bytes by id."""
        self.numbers = itertools.count(1)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))

    def __enter__(self) -> "FileShelf":
        """Serve."""
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"


def _handler_of(shelf: FileShelf) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = self._body()
            if self.path.startswith("/v1/files") and self._is_anthropic():
                name, content = _form_file(self.headers["content-type"], body)
                file_id = self._keep(name, content)
                self._tell(_of_anthropic(file_id, name, content))
            elif self.path.startswith("/upload/v1beta/files") and self._is_gemini():
                name, content = _related_file(self.headers["content-type"], body)
                file_id = self._keep(name, content)
                self._tell({"file": _of_gemini(file_id, name, content)})

        def do_GET(self) -> None:
            found = re.match(r"/(v1|v1beta)/files/([^/?]+)(/content)?", self.path)
            assert found is not None
            if not (self._is_anthropic() if found[1] == "v1" else self._is_gemini()):
                return
            if found[2] not in shelf.files:
                self._missing()
                return
            name, content = shelf.files[found[2]]
            if found[3]:
                self._send(200, content, "application/octet-stream")
            else:
                self._tell((_of_anthropic if found[1] == "v1" else _of_gemini)(found[2], name, content))

        def do_DELETE(self) -> None:
            found = re.match(r"/(v1|v1beta)/files/([^/?]+)", self.path)
            assert found is not None
            if shelf.files.pop(found[2], None) is None:
                self._missing()
            else:
                self._tell({"id": found[2], "type": "file_deleted"} if found[1] == "v1" else {})

        def _keep(self, name: str, content: bytes) -> str:
            file_id = f"kept-{next(shelf.numbers)}"
            shelf.files[file_id] = (name, content)
            return file_id

        def _is_anthropic(self) -> bool:
            headers = self.headers
            key = headers["x-api-key"] or (headers["authorization"] or "").removeprefix("Bearer ")
            if key != ANTHROPIC_KEY or not headers["anthropic-version"]:
                self._tell({"type": "error", "error": {"type": "authentication_error", "message": "no"}}, 401)
                return False
            return True

        def _is_gemini(self) -> bool:
            if self.headers["x-goog-api-key"] != GEMINI_KEY:
                self._tell({"error": {"code": 401, "message": "no", "status": "UNAUTHENTICATED"}}, 401)
                return False
            return True

        def _missing(self) -> None:
            self._tell({"type": "error", "error": {"type": "not_found_error", "message": "no such file"}}, 404)

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _tell(self, content: dict[str, Any], status: int = 200) -> None:
            self._send(status, json.dumps(content).encode(), "application/json")

        def _send(self, status: int, body: bytes, media_type: str) -> None:
            self.send_response(status)
            self.send_header("content-type", media_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _of_anthropic(file_id: str, name: str, content: bytes) -> dict[str, Any]:
    told = {"id": file_id, "type": "file", "filename": name, "mime_type": "text/plain", "created_at": _MADE}
    return {**told, "size_bytes": len(content), "downloadable": True}


def _of_gemini(file_id: str, name: str, content: bytes) -> dict[str, Any]:
    told = {"name": f"files/{file_id}", "displayName": name, "mimeType": "text/plain", "createTime": _MADE}
    expires = "2036-11-24T12:00:00.123456Z"
    return {**told, "sizeBytes": str(len(content)), "expirationTime": expires, "state": "ACTIVE"}


def _form_file(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Name and bytes of the one file of a form."""
    media_type, options = parse_options_header(content_type)
    assert media_type == "multipart/form-data"
    name, content, is_file = "", b"", False
    with PushMultipartParser(options["boundary"]) as parser:
        for event in parser.parse(body):
            if isinstance(event, MultipartSegment):
                assert event.name in ("file", "expires_in_seconds"), "Anthropic takes nothing else"
                name = event.filename or name
                is_file = event.name == "file"
            elif event and is_file:
                content += event
    return name, content


def _related_file(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Name and bytes of metadata and media (RFC 2387)."""
    media_type, options = parse_options_header(content_type)
    assert media_type == "multipart/related"
    delimiter = b"--" + options["boundary"].encode()
    _, metadata, media, tail = body.split(delimiter)
    assert tail == b"--\r\n"
    name: str = json.loads(metadata.partition(b"\r\n\r\n")[2])["file"]["displayName"]
    return name, media.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


@pytest.fixture(scope="module")
def file_shelf() -> Iterator[FileShelf]:
    """One for the tests of a module."""
    with FileShelf() as running:
        yield running
