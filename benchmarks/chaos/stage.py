"""What the chaos run plays on: two replicas with two workers each, a Redis and a PostgreSQL that they share."""

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.chaos.upstream import Upstream
from tests.gateway_process import GatewayProcess
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer

REPLICAS = 2
WORKERS = 2
PROVIDERS = ("first", "second", "third")
KEYS = {owner: f"sk-chaos-{owner}-0123456789abcdef" for owner in ("ada", "bela", "cyra", "dion")}
SPENDER = "dion"
"""The owner with a hard budget."""
BUDGET_USD = 0.5
_INHERIT_SECONDS = 2.0
_PRICES = {"prompt": 100, "completion": 400, "version": "2026-01-01"}


def configuration(upstream_port: int, redis_url: str, postgres_url: str, folder: Path) -> dict[str, Any]:
    """What both replicas are told: every feature on."""
    timeouts = {"connect": 1, "first_byte": 4, "between_chunks": 2, "total": 20}
    deployments = [{"provider": name, "model": "m", "concurrency": {"start": 32}} for name in PROVIDERS]
    route = {
        "deployments": deployments,
        "strategy": "lowest_latency",
        "retry": {"attempts": 2, "backoff": 0.05, "backoff_most": 1},
        "cooldown": {"failures": 5, "seconds": 1},
        "hedge": {"share": 0.1, "cost_share": 0.2},
        "cache": {"ttl": 5, "stale": 2, "scope": "owner"},
    }
    return {
        "server": {"port": 0, "workers": WORKERS, "timeouts": timeouts, "request_log": True},
        "keys": [_key(owner, key) for owner, key in KEYS.items()],
        "providers": {
            name: {"base_url": f"http://127.0.0.1:{upstream_port}/{name}", "api_key": "sk-of-the-upstream"}
            for name in PROVIDERS
        },
        "models": {"chat": route, "embed": {**route, "hedge": None}},
        "facts": {f"{name}/m": {"context": 4_000, "completion": 64, "prices": _PRICES} for name in PROVIDERS},
        "cache": {"store": "redis"},
        "state": {
            "redis": {"url": redis_url, "timeout_ms": 50},
            "records": {"url": postgres_url, "folder": str(folder)},
        },
    }


def _key(owner: str, key: str) -> dict[str, Any]:
    limit: dict[str, Any] = {"parallel_requests": 200}
    if owner == SPENDER:
        limit["budgets"] = [{"per": "total", "usd": BUDGET_USD}]
    return {"name": owner, "key": key, "owner": owner, "limit": limit}


class Stage:
    """Starts everything; use it as a context."""

    def __init__(self, upstream: Upstream, folder: Path) -> None:
        self._upstream = upstream
        self._folder = folder
        self._running = ExitStack()
        self.gateways: list[GatewayProcess] = []
        self.killed: list[int] = []
        """Workers that were killed."""

    def __enter__(self) -> "Stage":
        """Start Redis, PostgreSQL and the replicas."""
        for name in ("redis", *(f"replica-{index}" for index in range(REPLICAS))):
            (self._folder / name).mkdir()
        self.redis = RedisServer(self._folder / "redis")
        self._running.callback(self.redis.stop)
        self.postgres = self._running.enter_context(PostgresServer())
        self.database = self.postgres.new_database()
        for index in range(REPLICAS):
            folder = self._folder / f"replica-{index}"
            gateway = GatewayProcess(self.configuration(index), folder)
            self.gateways.append(self._running.enter_context(gateway))
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop everything; a replica that logged a fault of its own raises."""
        self._running.close()

    @property
    def ports(self) -> list[int]:
        """Where the replicas listen."""
        return [gateway.port for gateway in self.gateways]

    def configuration(self, index: int, **server: Any) -> dict[str, Any]:
        """A replica's configuration, with some settings of the server changed."""
        folder = self._folder / f"replica-{index}"
        config = configuration(self._upstream.port, self.redis.url, self.database, folder)
        config["server"] |= server
        return config

    def kill_worker(self, replica: int, worker: int) -> None:
        """SIGKILL: no clean-up of any kind."""
        workers = self.gateways[replica].children()
        if len(workers) > worker:
            self.killed.append(workers[worker])
            os.kill(workers[worker], signal.SIGKILL)

    def reload(self, number: int) -> None:
        """Have every replica take a configuration that differs a little."""
        for index, gateway in enumerate(self.gateways):
            gateway.write_config(self.configuration(index, drain_seconds=30 + number % 5))
            gateway.process.send_signal(signal.SIGHUP)

    def memory_mb(self) -> float:
        """What all workers of all replicas have in memory, of their own (Pss of proc(5))."""
        return sum(_pss_mb(pid) for gateway in self.gateways for pid in gateway.children())

    def stop_gateways(self) -> None:
        """Let the replicas drain and end, so that everything they owe is written."""
        for gateway in self.gateways:
            gateway.terminate()
        for gateway in self.gateways:
            gateway.wait()

    def inherit(self) -> None:
        """Start the replicas once more: what the last ones could not write, their successors do."""
        for index in range(REPLICAS):
            with GatewayProcess(self.configuration(index, workers=1), self._folder / f"replica-{index}"):
                time.sleep(_INHERIT_SECONDS)


def _pss_mb(pid: int) -> float:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return int(next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))) / 1_024
