"""`isthmus check --reach`: all that a configuration depends on is looked at."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.gateway.commands.conftest import Isthmus
from tests.services.collector import Collector, running_collector
from tests.services.redis import RedisServer
from tests.services.s3 import S3Server
from tests.upstream import Upstream

SECRET = "nobody-may-read-this"
DEPENDENCIES = (
    "lab",
    "state.redis",
    "state.records",
    "telemetry.otlp",
    "files.store",
    "vector_stores.backends.here",
    "vector_stores.backends.there",
)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as collector:
        yield collector


@pytest.fixture
def silent() -> Iterator[str]:
    """A host and port where everything is taken and nothing answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def dead() -> str:
    """A host and port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return f"127.0.0.1:{gone.getsockname()[1]}"


def depending(upstream: str, redis: str, records: dict[str, Any], s3: dict[str, Any], otlp: str, there: Any) -> str:
    return json.dumps(
        {
            "providers": {"lab": {"base_url": upstream, "api_key": SECRET}},
            "state": {"redis": {"url": redis, "timeout_ms": 5_000}, "records": records},
            "telemetry": {"otlp": {"endpoint": otlp, "headers": {"authorization": SECRET}}},
            "files": {"store": "s3", "options": s3},
            "vector_stores": {
                "embedding": {"model": "lab/embedding"},
                "backends": {"here": {"type": "sqlite_vec"}, "there": there},
            },
        }
    )


def elsewhere(place: str) -> str:
    """A configuration whose every dependency is at one host and port."""
    s3 = {"endpoint_url": f"http://{place}", "bucket": "any", "region": "any"}
    return depending(
        f"http://{place}/v1",
        f"redis://:{SECRET}@{place}/0",
        {"url": f"postgresql://isthmus:{SECRET}@{place}/records", "folder": "/dev/null/state"},
        s3 | {"access_key_id": "any", "secret_access_key": SECRET},
        f"http://{place}",
        {"type": "pgvector", "options": {"url": f"postgresql://isthmus:{SECRET}@{place}/vectors"}},
    )


def told(output: str) -> dict[str, str]:
    """What is said of each dependency."""
    lines = output.partition("Reaching what it depends on:\n")[2].splitlines()
    return dict(line.strip().split(": ", 1) for line in lines)


def test_what_answers_is_told_and_nothing_is_changed(
    isthmus: Isthmus,
    tmp_path: Path,
    upstream: Upstream,
    own_redis: RedisServer,
    postgres_url: str,
    collector: Collector,
) -> None:
    there = {"type": "sqlite_vec", "options": {"folder": str(tmp_path / "vectors")}}
    with S3Server() as s3:
        state = {"url": postgres_url, "folder": str(tmp_path / "state")}
        file = depending(upstream.base_url, own_redis.url, state, s3.options, collector.url, there)
        (tmp_path / "isthmus.yaml").write_text(file)
        before, kept = sorted(tmp_path.rglob("*")), s3.keys()
        done = isthmus("check", "isthmus.yaml", "--reach")
        assert (done.returncode, done.stderr) == (0, "")
        assert s3.keys() == kept  # moto has one memory for all tests of a process
    said = told(done.stdout)
    assert said.keys() == set(DEPENDENCIES)
    assert all(each.startswith("answers in ") for each in said.values()), said
    assert said["state.records"].endswith("it has no tables yet: the first start makes them")
    assert sorted(tmp_path.rglob("*")) == before
    assert own_redis.client().dbsize() == 0
    assert collector.headers["authorization"] == SECRET
    assert collector.spans == []


def test_what_is_down_is_told_with_what_to_do(isthmus: Isthmus, tmp_path: Path, dead: str) -> None:
    (tmp_path / "isthmus.yaml").write_text(elsewhere(dead))
    done = isthmus("check", "isthmus.yaml", "--reach")
    assert (done.returncode, done.stderr) == (1, "")
    said = told(done.stdout)
    assert said.keys() == set(DEPENDENCIES)
    for name, words in said.items():
        why, _, advice = words.partition("; see ")
        assert why.startswith("FAILED, "), name
        assert advice, name
    assert SECRET not in done.stdout


def test_what_never_answers_is_given_up(isthmus: Isthmus, tmp_path: Path, silent: str) -> None:
    (tmp_path / "isthmus.yaml").write_text(elsewhere(silent))
    done = isthmus("check", "isthmus.yaml", "--reach")  # which may take a minute
    assert (done.returncode, done.stderr) == (1, "")
    said = told(done.stdout)
    assert said.keys() == set(DEPENDENCIES)
    assert all(each.startswith("FAILED, ") for each in said.values()), said


def test_a_client_that_hangs_in_a_thread_does_not_hold_it_up(isthmus: Isthmus, tmp_path: Path, silent: str) -> None:
    pytest.importorskip("chromadb", reason="the extra chroma is not installed")
    backend = {"type": "chroma_server", "options": {"url": f"http://{silent}"}}
    (tmp_path / "isthmus.yaml").write_text(
        json.dumps(
            {
                "providers": {"lab": {"base_url": f"http://{silent}/v1"}},
                "state": {"records": {"folder": str(tmp_path / "state")}},
                "files": {},
                "vector_stores": {"embedding": {"model": "lab/embedding"}, "backends": {"there": backend}},
            }
        )
    )
    done = isthmus("check", "isthmus.yaml", "--reach")
    assert done.returncode == 1
    assert told(done.stdout)["vector_stores.backends.there"].startswith("FAILED, no answer within 10 s; see ")


def test_a_redis_that_refuses_is_not_well(
    isthmus: Isthmus, tmp_path: Path, upstream: Upstream, own_redis: RedisServer
) -> None:
    (tmp_path / "isthmus.yaml").write_text(
        json.dumps({"providers": {"lab": {"base_url": upstream.base_url}}, "state": {"redis": {"url": own_redis.url}}})
    )
    own_redis.client().config_set("requirepass", SECRET)
    done = isthmus("check", "isthmus.yaml", "--reach")
    assert done.returncode == 1
    assert told(done.stdout)["state.redis"].startswith("FAILED, noauth; see state.redis; ")
    assert told(done.stdout)["lab"].startswith("answers in ")


def test_a_redis_that_is_slower_than_requests_wait_is_not_well(
    isthmus: Isthmus, tmp_path: Path, upstream: Upstream, own_redis: RedisServer
) -> None:
    with _slowed(urlsplit(own_redis.url).port or 0) as port:
        (tmp_path / "isthmus.yaml").write_text(
            json.dumps(
                {
                    "providers": {"lab": {"base_url": upstream.base_url}},
                    "state": {"redis": {"url": f"redis://127.0.0.1:{port}/0", "timeout_ms": 5}},
                }
            )
        )
        done = isthmus("check", "isthmus.yaml", "--reach")
    assert done.returncode == 1
    assert "which is more than state.redis.timeout_ms; see state.redis; " in told(done.stdout)["state.redis"]


@contextmanager
def _slowed(port: int) -> Iterator[int]:
    """Another port of a server, whose answers come a tenth of a second late."""
    with socket.create_server(("127.0.0.1", 0)) as door, ThreadPoolExecutor() as threads:

        def serve() -> None:
            client, _ = door.accept()
            with client, socket.create_connection(("127.0.0.1", port)) as server:
                while asked := client.recv(65_536):
                    server.sendall(asked)
                    time.sleep(0.1)
                    client.sendall(server.recv(65_536))

        threads.submit(serve)
        yield door.getsockname()[1]
