"""`python -m benchmarks.files`: files sent to the gateway and to nginx, which writes the same bodies to the same disk.

The gateway parses a form, writes what it is sent, has the disk confirm it (fsync) and records it; nginx writes a PUT to
a file and asks the disk for nothing.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.processes import cores

_MEGABYTE = 2**20
_BLOCK = bytes(range(256)) * 4_096
_LEAST_RATIO = 0.6
_AT_ONCE = 8
_GROWTH_MOST = 32 * _MEGABYTE
_SERVER_CORE, _LOAD_CORE = cores()
_START_SECONDS = 60.0
_HEAD = (
    b'--bench\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
    b'--bench\r\nContent-Disposition: form-data; name="file"; filename="bench.bin"\r\n\r\n'
)
_TAIL = b"\r\n--bench--\r\n"
_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 64; }}
http {{
    access_log off; client_max_body_size 0; client_body_temp_path {folder}/temp;
    proxy_temp_path {folder}/t1; fastcgi_temp_path {folder}/t2; uwsgi_temp_path {folder}/t3; scgi_temp_path {folder}/t4;
    server {{ listen 127.0.0.1:{port}; location / {{ root {folder}/kept; dav_methods PUT DELETE; }} }}
}}
"""


@dataclass
class Rates:
    """Megabytes a second, a round each."""

    gateway: list[float] = field(default_factory=list)
    nginx: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return median(ours / theirs for ours, theirs in zip(self.gateway, self.nginx, strict=True))


def main() -> int:
    """The exit status: 1 when a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.files", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--megabytes", type=int, default=512, help="of the large file, default: %(default)s")
    options = parser.parse_args()
    if not (shutil.which("nginx", path="/usr/sbin:/usr/bin") and shutil.which("taskset")):
        parser.error("this needs nginx with its DAV module, and taskset")
    os.sched_setaffinity(0, {_LOAD_CORE})
    with tempfile.TemporaryDirectory(prefix="bench-files-", dir=".") as name:
        folder = Path(name).resolve()
        with _nginx(folder / "nginx") as theirs, _gateway(folder / "gateway") as (ours, pid):
            _send_to_gateway(ours, _MEGABYTE)
            before = _memory(pid, "VmRSS")
            rates = {
                f"one of {options.megabytes} MB": _compare(ours, theirs, options.megabytes, 1, options.rounds),
                "64 of 1 MB, one after the other": _compare(ours, theirs, 1, 64, options.rounds),
                f"64 of 1 MB, {_AT_ONCE} at once": _compare(ours, theirs, 1, 64, options.rounds, _AT_ONCE),
            }
            growth = _memory(pid, "VmHWM") - before
    print("| files | gateway, MB/s | nginx, MB/s | gateway : nginx |\n|---|---|---|---|")
    for title, each in rates.items():
        print(f"| {title} | {median(each.gateway):,.0f} | {median(each.nginx):,.0f} | {each.ratio:.2f} |")
    print(f"\nThe gateway grew by {growth / _MEGABYTE:.1f} MB at most (bar: {_GROWTH_MOST // _MEGABYTE}).")
    large = next(iter(rates.values()))
    return 0 if large.ratio >= _LEAST_RATIO and growth < _GROWTH_MOST else 1


def _compare(ours: int, theirs: int, megabytes: int, times: int, rounds: int, at_once: int = 1) -> Rates:
    rates = Rates()
    with ThreadPoolExecutor(at_once) as clients:
        for _ in range(rounds):
            for port, send, kept in ((theirs, _send_to_nginx, rates.nginx), (ours, _send_to_gateway, rates.gateway)):
                kept.append(_rate(clients, partial(send, port, megabytes * _MEGABYTE), megabytes, times))
    return rates


def _rate(clients: ThreadPoolExecutor, send: Callable[[], Callable[[], None]], megabytes: int, times: int) -> float:
    began = time.perf_counter()
    undo = [sent.result() for sent in [clients.submit(send) for _ in range(times)]]
    rate = megabytes * times / (time.perf_counter() - began)
    for each in undo:
        each()
    subprocess.run(["sync"], check=True)  # what one has left to the disk is not the other's to wait for
    return rate


def _send_to_gateway(port: int, size: int) -> Callable[[], None]:
    head = (
        "POST /v1/files HTTP/1.1\r\nhost: bench\r\ncontent-type: multipart/form-data; boundary=bench\r\n"
        f"content-length: {len(_HEAD) + size + len(_TAIL)}\r\n\r\n"
    )
    answer = _exchange(port, head.encode() + _HEAD, size, _TAIL)
    file_id = json.loads(answer.partition(b"\r\n\r\n")[2])["id"]
    return lambda: _delete(port, f"/v1/files/{file_id}")


def _send_to_nginx(port: int, size: int) -> Callable[[], None]:
    path = f"/{time.perf_counter_ns()}"
    head = f"PUT {path} HTTP/1.1\r\nhost: bench\r\ncontent-length: {size}\r\n\r\n"
    _exchange(port, head.encode(), size, b"")
    return lambda: _delete(port, path)


def _delete(port: int, path: str) -> None:
    _exchange(port, f"DELETE {path} HTTP/1.1\r\nhost: bench\r\n\r\n".encode(), 0, b"")


def _exchange(port: int, head: bytes, size: int, tail: bytes) -> bytes:
    """Send a request; give its answer, which has to be a good one."""
    with socket.create_connection(("127.0.0.1", port), 120) as sock:
        sock.sendall(head)
        for start in range(0, size, len(_BLOCK)):
            sock.sendall(_BLOCK[: size - start])
        sock.sendall(tail)
        answer = sock.recv(65_536)
    if not answer.startswith(b"HTTP/1.1 2"):
        raise SystemExit(f"not a good answer: {answer[:200]!r}")
    return answer


@contextmanager
def _nginx(folder: Path) -> Iterator[int]:
    (folder / "kept").mkdir(parents=True)
    folder.chmod(0o755)
    port = _free_port()
    (folder / "nginx.conf").write_text("user root;\n" + _NGINX.format(folder=folder, port=port))
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx"
    with _process([program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"], port):
        yield port


@contextmanager
def _gateway(folder: Path) -> Iterator[tuple[int, int]]:
    folder.mkdir()
    port = _free_port()
    config = {
        "server": {"port": port},
        "providers": {"nobody": {"base_url": "http://127.0.0.1:9/v1"}},
        "files": {"max_bytes": 2**40},
        "state": {"records": {"folder": str(folder / "state")}},
    }
    (folder / "isthmus.yaml").write_text(json.dumps(config))  # JSON is YAML
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(folder / "isthmus.yaml")]
    with _process(command, port) as process:
        yield port, process.pid


@contextmanager
def _process(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server on a core of its own."""
    pinned = ["taskset", "--cpu-list", str(_SERVER_CORE), *command]
    process = subprocess.Popen(pinned, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{command[0]} did not start") from None
                time.sleep(0.05)
            else:
                break
        yield process
    finally:
        process.terminate()
        process.wait()


def _memory(pid: int, name: str) -> int:
    """Bytes (proc(5)); taskset becomes what it starts, so the process is the server itself."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(f"{name}:"))) * 1024


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


if __name__ == "__main__":
    raise SystemExit(main())
