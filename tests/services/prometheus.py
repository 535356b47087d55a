"""A real Prometheus that scrapes a gateway as docs/grafana says, and answers queries."""

import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.services.redis import free_port, wait_for

SHIPPED = Path(__file__).parent.parent.parent / "docs/grafana"


class Prometheus:
    """It has the files of docs/grafana, but looks every second, at one gateway. Use it as a context.

    API: https://prometheus.io/docs/prometheus/latest/querying/api/
    """

    def __init__(self, folder: Path, gateway_port: int, metrics_key: str) -> None:
        program = shutil.which("prometheus")
        if program is None:
            pytest.skip("prometheus is not installed (apt install prometheus)")
        self._url = f"http://127.0.0.1:{free_port()}"
        config = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
        config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        (job,) = config["scrape_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{gateway_port}"]}]
        job["authorization"] = {"credentials": metrics_key}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        shutil.copy(SHIPPED / "alerts.yml", folder)
        self._log_file = folder / "prometheus.log"
        self._command = (
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={self._url.removeprefix('http://')}",
        )

    def __enter__(self) -> "Prometheus":
        """Start it, and wait until it answers queries."""
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_for(self._is_ready)
        return self

    def __exit__(self, *exception: object) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API; a refusal, as one of an expression it can't parse, fails the test."""
        try:
            with urllib.request.urlopen(f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}") as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def query(self, expression: str) -> list[tuple[Mapping[str, str], float]]:
        """The labels and values of an expression, now."""
        return [(found["metric"], float(found["value"][1])) for found in self.get("query", query=expression)["result"]]

    def value(self, expression: str) -> float:
        """The value of an expression without labels; 0 where there is none."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return found[0][1] if found else 0.0

    def await_value(self, expression: str, value: float) -> None:
        """Wait until an expression has come to a value."""
        wait_for(lambda: self.value(expression) == value)

    def await_scrapes(self, times: int) -> None:
        """Wait until it has looked so many times more."""
        wanted = self._scrapes() + times
        wait_for(lambda: self._scrapes() >= wanted)

    def _scrapes(self) -> float:
        return self.value("sum(count_over_time(up[1h]))")

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self._log_file.read_text()
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready") as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
