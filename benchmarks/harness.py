"""The compiled mock upstream and load generator: built on demand, started, asked."""

import http.client
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

HERE = Path(__file__).parent
BUILD = HERE / "build"
_NATIVE = HERE / "native"
_SOURCES = {
    "mock_upstream": ("mock_upstream.c", "replies.c", "timers.c", "http.c"),
    "load": ("load.c", "samples.c", "timers.c", "http.c"),
}


class Percentiles(msgspec.Struct, rename={"p99_9": "p99.9"}):
    """Microseconds."""

    p50: float
    p90: float
    p99: float
    p99_9: float
    max: float


class LoadReport(msgspec.Struct):
    """What one run of the load generator saw."""

    seconds: float
    total: int
    """Good answers, those of the warm-up included."""
    requests_per_second: float
    errors: int
    first_error: str
    cpu_seconds: float
    """Of the load generator itself."""
    latency_us: Percentiles | None
    delay_us: Percentiles | None
    """From a paced frame's sending to its arrival."""


class MockStats(msgspec.Struct):
    """What the mock upstream has seen so far."""

    requests: int
    connections: int
    paced_now: int
    streams_cut: int
    """Paced streams whose connection was closed before their end."""


def build() -> None:
    """Compiles what is older than its sources."""
    BUILD.mkdir(exist_ok=True)
    newest = max(path.stat().st_mtime for path in _NATIVE.iterdir())
    for name, sources in _SOURCES.items():
        binary = BUILD / name
        if binary.exists() and binary.stat().st_mtime > newest:
            continue
        print(f"compiling {name}", file=sys.stderr)
        paths = [str(_NATIVE / source) for source in sources]
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", str(binary), *paths], check=True)


def run_load(port: int, core: int, arguments: Sequence[str]) -> LoadReport:
    """Runs the load generator to its end; it bounds itself by `--duration`."""
    command = ["taskset", "--cpu-list", str(core), str(BUILD / "load"), "--port", str(port), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=LoadReport)


def mock_stats(port: int) -> MockStats:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/stats")
        return msgspec.json.decode(connection.getresponse().read(), type=MockStats)
    finally:
        connection.close()
