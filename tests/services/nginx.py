"""A real nginx in front of several gateways, as a company would put it there."""

import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.services.redis import free_port
from tests.upstream.script import PATIENCE

_CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream replicas {{ {servers} keepalive 64; }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 64m;
        location / {{
            proxy_pass http://replicas;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 60s;
            proxy_next_upstream off;
        }}
    }}
}}
"""


class Nginx:
    """Gives each request to the next of the gateways in turn. Use it as a context."""

    def __init__(self, ports: Sequence[int], folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        servers = " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in ports)
        (folder / "nginx.conf").write_text(_CONFIG.format(folder=folder, servers=servers, port=self.port))

    def __enter__(self) -> "Nginx":
        """Start it and wait until it listens."""
        program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin:/usr/local/bin")
        if program is None:
            pytest.skip("no nginx on this machine: replicas behind one are not tested")
        command = [program, "-p", str(self._folder), "-c", str(self._folder / "nginx.conf"), "-e", "stderr"]
        self._process = subprocess.Popen(command)
        deadline = time.monotonic() + PATIENCE
        while not (self._folder / "nginx.pid").exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("nginx did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *exception: object) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()

    @property
    def base_url(self) -> str:
        """What clients are given."""
        return f"http://127.0.0.1:{self.port}/v1"
