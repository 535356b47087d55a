"""One configuration at work: its keys, its providers, and the layers around them; and the swap when it changes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.inference.contract import Adapter
from adapters.inference.registry import find
from adapters.inference.stand_in import stand_in
from adapters.wire.usage import Usage
from config import schema
from config.limit_rules import limits_anybody
from config.mistakes import UnusableDialect
from config.schema import Config
from gateway.auth import Keyring
from gateway.auth.addresses import Addresses
from gateway.auth.managed import ManagedKeys
from gateway.auth.sources import tokens_of
from gateway.call import Call, Handler
from gateway.catalogue import Catalogue
from gateway.dispatch import Dispatch
from gateway.files.engine import Files
from gateway.files.uploads import Uploads
from gateway.inside import Inside
from gateway.layers.cache.build import with_cache
from gateway.layers.guardrails.layer import Guardrails
from gateway.layers.limits.in_flight import InFlightLimit
from gateway.layers.limits.layer import Limits
from gateway.layers.moderations import Moderations
from gateway.layers.recording import Recording
from gateway.layers.single_flight import SingleFlight
from gateway.layers.telemetry import Telemetry
from gateway.ledger.ledger import Ledger
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.observe.health import Health
from gateway.observe.metrics import Gauges
from gateway.observe.trace import Tracer
from gateway.provider import Provider
from gateway.routing.balancer import Balancer
from gateway.routing.choice import Choice
from gateway.routing.router import Router
from gateway.routing.routes import Routes
from gateway.routing.standing import Standings
from gateway.safety.checks import Checks
from gateway.safety.routes import CheckRoutes
from gateway.state.cache.kept import Kept
from gateway.state.in_flight import InFlight
from gateway.state.limits.desk import Desk
from gateway.state.records.contract import Records
from gateway.vector_stores.engine import VectorStoreEngine

if TYPE_CHECKING:
    from gateway.routing.shared import Shared
    from gateway.state.redis import Redis
    from gateway.state.replicas import Replicas

log = logging.getLogger("isthmus.onion")


class Running:
    """Counts the calls that began with an onion and have not ended."""

    __slots__ = ("_count", "_ended")

    def __init__(self) -> None:
        self._count = 0
        self._ended = asyncio.Event()
        self._ended.set()

    @property
    def count(self) -> int:
        """Calls in progress."""
        return self._count

    def enter(self) -> None:
        """A call begins."""
        self._count += 1

    def leave(self) -> None:
        """A call has ended."""
        self._count -= 1
        if not self._count:
            self._ended.set()

    async def wait(self) -> None:
        """Wait for the last of them."""
        while self._count:
            self._ended.clear()
            await self._ended.wait()


@dataclass(frozen=True, slots=True)
class Onion:
    """Everything that a configuration decides."""

    config: Config
    keyring: Keyring
    providers: dict[str, Provider]
    routes: Routes
    catalogue: Catalogue
    checks: Checks
    handler: Handler
    running: Running
    inside: Inside
    """Through whom the gateway asks its own models."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What outlives a configuration: shared counters, sinks, the folder of sockets."""

    in_flight: InFlight
    sinks: tuple[Callable[[Call], None], ...]
    run_dir: Path
    count: Callable[[Call], Awaitable[Usage]]
    """Counts the tokens of a call whose provider does not tell them."""
    counters: Counters
    """What happened how often: rooms that have something to tell count it here."""
    estimates: Estimates
    """Counts what calls used that no provider told, for all who want to know."""
    redis: "Redis | None" = None
    """Where workers and replicas share what they know."""
    records: Records | None = None
    """The database of keys and usage."""
    tracer: Tracer = field(default_factory=Tracer)
    """Whose trace a call is part of."""
    gauges: list[Gauges] = field(default_factory=list)
    """What rooms hold at the moment: one that has something to tell /metrics adds a function."""
    health: Health = field(default_factory=Health)
    """Whether requests are taken; rooms that depend on something add a check."""
    standings: Standings = field(default_factory=Standings)
    """What is known of each target: resting, busy, how fast."""
    shared: "Shared | None" = None
    """What other workers and replicas know of them; None without Redis."""
    limits: Desk = field(default_factory=Desk)
    """What callers have used."""
    replicas: "Replicas | None" = None
    """Which calls other workers and replicas have under way; None without Redis."""
    kept: Kept = field(default_factory=Kept)
    """Answers to give again."""
    ledger: Ledger | None = None
    """Where attempts are recorded, if there are records."""
    keys: ManagedKeys | None = None
    """The keys that are in the database."""
    files: Files | None = None
    """Files of callers."""
    uploads: Uploads | None = None
    """Files that arrive in parts."""
    vector_stores: VectorStoreEngine | None = None
    """Vector stores of callers."""


def build(config: Config, around: Surroundings, before: Onion | None = None) -> Onion:
    """Put the layers together, from the innermost to the outermost.

    A provider whose settings did not change is taken over from the onion before, with its open connections.
    """
    providers = _providers(config, around.run_dir, before)
    routes = Routes(config, lambda name: providers[name].options)
    balancer = Balancer(routes, around.standings, around.counters, around.shared)
    handler: Handler = Router(Dispatch(providers, around.count), balancer, around.counters, around.sinks)
    running = Running()
    inside = Inside(around.count, running.enter, running.leave)
    checks = Checks(config.safety, inside, around.counters, before.checks if before else None)
    if checks:
        handler = Moderations(handler, checks)
    if any(model.cache is not None and model.cache.single_flight for model in config.models.values()):
        handler = SingleFlight(handler, around.counters, around.count, around.replicas)
    handler = with_cache(handler, config, around.kept, around.redis, inside, around.counters)
    if any(model.guardrails is not None for model in config.models.values()):
        handler = Guardrails(handler, checks, around.counters, around.count)
    if limits_anybody(config, with_records=around.records is not None):
        around.limits.configure(config.limits)
        handler = Limits(handler, config.limits, around.limits, around.estimates, around.counters)
    handler = InFlightLimit(handler, around.in_flight, config.server.limits.concurrent_requests)
    if around.ledger is not None:
        handler = Recording(handler, around.ledger)
    choice = Choice(handler, routes, around.count, CheckRoutes(checks.by_model(), config.models))
    handler = Telemetry(choice, around.sinks, around.tracer)
    inside.handler = handler
    keyring = _keyring(config, around, before)
    return Onion(config, keyring, providers, routes, Catalogue(providers), checks, handler, running, inside)


def _keyring(config: Config, around: Surroundings, before: Onion | None) -> Keyring:
    """Every key that counts. The gateway is open only where nothing says who may use it."""
    tokens = tokens_of(config.issuers, before.keyring.tokens if before else None)
    return Keyring(
        config.keys,
        around.keys,
        tokens,
        guarded=bool(config.issuers or config.admin),
        addresses=Addresses(config.server.trusted_proxies),
    )


def _providers(config: Config, run_dir: Path, before: Onion | None) -> dict[str, Provider]:
    providers = {}
    for name, settings in config.providers.items():
        known = before.providers.get(name) if before else None
        adapter = _adapter(name, settings)
        if (known is not None) and (known.settings, known.server, known.adapter) == (settings, config.server, adapter):
            providers[name] = known
        else:
            providers[name] = _provider(name, settings, config.server, adapter, run_dir)
    return providers


def _adapter(name: str, settings: schema.Provider) -> Adapter:
    """The adapter of a provider's dialect, or what stands in for one that can't be used."""
    try:
        return find(settings.dialect)
    except UnusableDialect:
        return stand_in(name)


def _provider(name: str, settings: schema.Provider, server: schema.Server, adapter: Adapter, run_dir: Path) -> Provider:
    try:
        return Provider(name, settings, server, adapter, run_dir)
    except Exception:
        log.exception("the provider %s can't be used: its adapter does not take its settings", name)
        return Provider(name, settings, server, stand_in(name), run_dir)


async def _start(onion: Onion) -> None:
    """Start every provider; what one's engine raises is logged, and others serve on."""
    outcomes = await asyncio.gather(
        *(provider.start() for provider in onion.providers.values()), return_exceptions=True
    )
    for name, outcome in zip(onion.providers, outcomes, strict=True):
        if isinstance(outcome, Exception):
            log.error("the provider %s did not start", name, exc_info=outcome)
    await onion.checks.start()


class Live:
    """Holds the onion of the moment. Calls under way keep the one they began with."""

    def __init__(self, onion: Onion, around: Surroundings) -> None:
        self.onion = onion
        self.count = around.count
        self.around = around
        self._retirement: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start every provider."""
        await _start(self.onion)

    def swap(self, config: Config) -> None:
        """Serve by a new configuration from now on; what only the old one used ends after its last call."""
        old = self.onion
        self.onion = build(config, self.around, old)
        self._retirement = asyncio.get_running_loop().create_task(self._retire(old, self.onion, self._retirement))

    async def close(self) -> None:
        """End every provider."""
        if self._retirement is not None:
            await self._retirement
        for provider in self.onion.providers.values():
            await provider.close()
        await self.onion.checks.close()

    async def _retire(self, old: Onion, new: Onion, earlier: asyncio.Task[None] | None) -> None:
        """Start the new onion's providers and close those of the old one that it did not take over.

        An onion before the old one may still be using them.
        """
        await _start(new)
        if earlier is not None:
            await earlier
        await old.running.wait()
        for name, provider in old.providers.items():
            if new.providers.get(name) is not provider:
                await provider.close()
        await old.checks.close(kept=new.checks)
