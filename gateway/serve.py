"""One worker: builds the application, listens, reloads on SIGHUP, drains on SIGTERM and Ctrl-C."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import uvloop

from config.limit_rules import limits_money
from config.mistakes import ConfigError
from config.schema import Config
from gateway.app import App
from gateway.auth.managed import ManagedKeys
from gateway.call import Call
from gateway.files.open import FileRoom
from gateway.ledger.books import Books
from gateway.ledger.spending import Spending
from gateway.observe.counter import Counter
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.observe.health import Health
from gateway.observe.observation import Observation
from gateway.observe.process import Holdings
from gateway.observe.usage import UsageTotals
from gateway.onion import Live, Surroundings, build
from gateway.routing.standing import Standings
from gateway.server.listener import Listener
from gateway.state.in_flight import InFlight
from gateway.state.limits.desk import Desk
from gateway.state.records.contract import Records, RecordsUnavailable, RecordsUnusable
from gateway.state.records.open import open_records
from gateway.vector_stores.open import VectorStoreRoom

if TYPE_CHECKING:
    from gateway.routing.shared import Shared
    from gateway.state.redis import Redis
    from gateway.state.replicas import Replicas

log = logging.getLogger("isthmus.serve")

_FIXED = (
    *(("server", name) for name in ("host", "port", "workers", "tls", "request_log")),
    *(("state", name) for name in ("redis", "records")),
    *(("telemetry", name) for name in ("metrics", "log", "otlp")),
    *(("files", name) for name in ("store", "options")),
    ("vector_stores", "backends"),
    ("vector_stores", "ingestion"),
)
"""Settings that a reload does not change."""
_GC_THRESHOLDS = (20_000, 20, 50)


@dataclass(frozen=True, slots=True)
class Worker:
    """What one worker is given."""

    config: Config
    reload: Callable[[], tuple[Config, Config]]
    """Reads the configuration anew: what to serve now, and what a restart would serve. Raises ConfigError."""
    sock: socket.socket
    in_flight: InFlight
    run_dir: Path
    ready: Callable[[], None]
    """Called once requests are taken."""
    index: int = 0
    """Which of the workers it is."""


def run(worker: Worker) -> None:
    """Serve until a signal ends it."""
    uvloop.run(_serve(worker))


async def _serve(worker: Worker) -> None:
    config = worker.config
    counter = Counter()
    estimates = Estimates(counter)
    usage = UsageTotals(estimates)
    counters = Counters()
    observed = Observation(config, counters, estimates, worker.run_dir, worker.index)
    sinks: tuple[Callable[[Call], None], ...] = (usage, *observed.sinks)
    redis = _redis(config, counters)
    if redis is not None:
        observed.health.checks.append(redis.conditions)
    books = Books(config, await _records(config), estimates, counters)
    room = FileRoom(config, books.records, counters)
    vectors = VectorStoreRoom(config, books.records, room.files, counters, worker.run_dir)
    around = Surroundings(
        worker.in_flight,
        sinks,
        worker.run_dir,
        counter.usage_of,
        counters,
        estimates,
        redis,
        books.records,
        observed.tracer,
        observed.gauges,
        observed.health,
        *_standings(redis),
        ledger=books.ledger,
        limits=_desk(config, counters, redis, books.spending),
        replicas=_replicas(redis),
        keys=_keys(config, books.records, counters, observed.health),
        files=room.files,
        uploads=room.uploads,
        vector_stores=vectors.engine,
    )
    live = Live(build(config, around), around)
    app = App(live, observed.snapshots)
    listener = Listener(app, config.server.limits, config.server.tls)
    observed.gauges += [Holdings(live, listener, app.bodies), around.standings.gauges, books.gauges, vectors.gauges]
    observed.health.checks += [around.standings.conditions, lambda: live.onion.checks.conditions(), vectors.conditions]
    stopping = asyncio.Event()
    _obey_signals(stopping, _Reload(live, worker.reload))
    observed.start()
    if around.shared is not None:
        around.shared.start()
    await room.start(lambda: live.onion.providers)
    await live.start()
    await vectors.start(live)
    async with app.litestar.lifespan():
        await listener.start(worker.sock)
        _settle_garbage_collector()
        observed.health.phase = "serving"
        worker.ready()
        await stopping.wait()
        observed.health.phase = "draining"
        log.info("draining: no new requests, running ones have %g s", config.server.drain_seconds)
        await listener.stop(live.onion.config.server.drain_seconds)
    await _close(vectors, live, estimates, around.limits, around.shared, around.keys, room)
    usage.tell()
    await _close(observed, counter, redis, books)


def _obey_signals(stopping: asyncio.Event, reloading: "_Reload") -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, reloading.start)


class _Closing(Protocol):
    async def close(self) -> None: ...


async def _close(*parts: _Closing | None) -> None:
    """End these in order, where they are there."""
    for part in parts:
        if part is not None:
            await part.close()


def _redis(config: Config, counters: Counters) -> "Redis | None":
    """The configured Redis; its client costs time and memory that nobody else should pay."""
    if config.state.redis is None:
        return None
    try:
        from gateway.state.redis import Redis
    except ImportError:
        raise SystemExit("state.redis needs the extra redis: pip install 'isthmus[redis]'") from None
    return Redis(config.state.redis, counters)


def _standings(redis: "Redis | None") -> "tuple[Standings, Shared | None]":
    """What is known of targets, shared with other workers where there is a Redis."""
    standings = Standings()
    if redis is None:
        return standings, None
    from gateway.routing.shared import Shared

    return standings, Shared(redis, standings)


def _desk(config: Config, counters: Counters, redis: "Redis | None", spending: Spending | None) -> Desk:
    """Where limits are counted: in Redis where there is one. What the ledger knows was spent before counts too."""
    desk = Desk(counters)
    if spending is not None:
        desk.remember(spending)
    if redis is not None:
        from gateway.state.limits.shared import RedisLimits

        if spending is None and limits_money(config):
            log.warning("budgets are in Redis alone: it needs persistence (appendonly), or give them state.records")
        desk.share(RedisLimits(redis, desk.alarm.warn, config.limits.lease_seconds, past=spending))
    return desk


def _replicas(redis: "Redis | None") -> "Replicas | None":
    """Which calls other workers and replicas have under way."""
    if redis is None:
        return None
    from gateway.state.replicas import Replicas

    return Replicas(redis)


async def _records(config: Config) -> Records | None:
    """The configured database; one that is down is asked again whenever it is needed."""
    if config.state.records is None:
        return None
    try:
        records = open_records(config.state.records)
        await records.start()
    except RecordsUnusable as error:
        raise SystemExit(str(error)) from None
    except RecordsUnavailable as error:
        log.error("the database of records does not answer; what is not in it is served all the same: %s", error)
    return records


def _keys(config: Config, records: Records | None, counters: Counters, health: Health) -> ManagedKeys | None:
    """The keys that are in the database; what became of them is looked for from now on."""
    if records is None or config.state.records is None:
        return None
    keys = ManagedKeys(records, config.state.records.grace_seconds, counters)
    health.checks.append(keys.conditions)
    keys.start()
    return keys


def _settle_garbage_collector() -> None:
    """From here on there may be garbage. Leave what start-up made out of every collection, and collect rarely.

    With Python's defaults a sixth of the processor time under load was spent walking over modules and routes.
    """
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.enable()


class _Reload:
    """SIGHUP: check the file, swap the onion; a wrong file changes nothing."""

    def __init__(self, live: Live, read: Callable[[], tuple[Config, Config]]) -> None:
        self._live = live
        self._began = live.onion.config
        self._read = read
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def start(self) -> None:
        """Reload now, or once more after the reload under way."""
        if self._task is not None and not self._task.done():
            self._again = True
            return
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            self._again = False
            await self._once()
            if not self._again:
                return

    async def _once(self) -> None:
        try:
            config, wanted = await asyncio.to_thread(self._read)
        except (ConfigError, OSError) as error:
            self._live.around.counters.add("config_reloads", "refused")
            log.error("the configuration was not reloaded, the old one stays:\n%s", error)
            return
        _warn_of_fixed(self._began, wanted)
        self._live.swap(config)
        self._live.around.counters.add("config_reloads", "done")
        log.info("configuration reloaded: %d providers, %d models", len(config.providers), len(config.models))


def _warn_of_fixed(old: Config, new: Config) -> None:
    """Name what is not as it was when this process began: whoever looks at the log of the last reload sees it."""
    fixed = [
        f"{section}.{name}"
        for section, name in _FIXED
        if getattr(getattr(old, section), name, None) != getattr(getattr(new, section), name, None)
    ]
    if fixed:
        log.warning("%s: changes after a restart only", ", ".join(fixed))
