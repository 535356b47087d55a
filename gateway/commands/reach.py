"""What a configuration depends on, looked at all at once: does it answer, and what is to be done if not?

Nothing is made, migrated or written anywhere: a gateway may be at work with all of it.
"""

import asyncio
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from os import _exit
from pathlib import Path

import msgspec
from msgspec import Struct

from adapters.files.contract import StoreUnavailable
from adapters.files.registry import STORES
from adapters.inference.registry import find
from adapters.vector_io.contract import BackendUnavailable
from adapters.vector_io.registry import BACKENDS
from adapters.wire.errors import GatewayError
from config import state
from config.file_storage import FileStorage
from config.schema import Config
from config.telemetry import Otlp
from config.vector_stores import Backend, backends_of
from gateway.provider import Provider
from gateway.state.records.contract import RecordsUnavailable
from gateway.state.records.look import look as look_at_records
from gateway.state.records.open import place_of_state

_SECONDS = 10
_LIBRARY_SECONDS = 5.0
"""For what gives up by itself: sooner than it is given up."""
_SHOWN = 160

_REDIS_ADVICE = "see state.redis; requests are served without it, limits and caches are each worker's own meanwhile"
_RECORDS_ADVICE = "see state.records; until it answers there are no managed keys, files and vector stores"
_FILES_ADVICE = "see files.options; until it answers files can be neither sent nor read"
_BACKEND_ADVICE = "see its options; until it answers its stores are neither searched nor filled"
_OTLP_ADVICE = "see telemetry.otlp; requests are served without it, their spans are dropped and counted"
_PROVIDER_ADVICE = "see its base_url and api_key, and whether this machine may reach it"


class Unwell(Exception):
    """Why a dependency would not serve, in words that hold no secret."""


class _Dependency(Struct, frozen=True):
    name: str
    look: Callable[[], Awaitable[str]]
    """Gives what there is to say. Raises Unwell, TimeoutError, and what the rooms raise on what is away."""
    advice: str


def reach(config: Config) -> bool:
    """Look at everything, print a line for each, and tell whether all is well."""
    with tempfile.TemporaryDirectory(prefix="isthmus-") as run_dir:
        is_well = asyncio.run(_look_at_all([*_dependencies(config, Path(run_dir))]))
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.stdout.flush()
        _exit(0 if is_well else 1)  # some client still waits in a thread, and Python would wait for it
    return is_well


async def _look_at_all(dependencies: list[_Dependency]) -> bool:
    return all(await asyncio.gather(*map(_tell, dependencies)))


async def _tell(dependency: _Dependency) -> bool:
    started = time.monotonic()
    try:
        async with asyncio.timeout(_SECONDS):
            note = await dependency.look()
    except TimeoutError:
        why = f"no answer within {_SECONDS} s"
    except (Unwell, GatewayError, RecordsUnavailable, StoreUnavailable, BackendUnavailable, ImportError) as error:
        why = str(error)[:_SHOWN]
    except Exception as error:  # noqa: BLE001 - a backend or store is anybody's code, and its words may hold a secret
        why = type(error).__name__
    else:
        milliseconds = round((time.monotonic() - started) * 1000)
        print(f"  {dependency.name}: answers in {milliseconds} ms{note and f', {note}'}")
        return True
    print(f"  {dependency.name}: FAILED, {why.rstrip('.')}; {dependency.advice}")
    return False


def _dependencies(config: Config, run_dir: Path) -> Iterator[_Dependency]:
    for name in config.providers:
        yield _Dependency(name, partial(_ask, name, config, run_dir), _PROVIDER_ADVICE)
    if config.state.redis is not None:
        yield _Dependency("state.redis", partial(_ping, config.state.redis), _REDIS_ADVICE)
    if config.telemetry.otlp is not None:
        yield _Dependency("telemetry.otlp", partial(_export_nothing, config.telemetry.otlp), _OTLP_ADVICE)
    records = config.state.records
    if records is None:
        return
    yield _Dependency("state.records", partial(look_at_records, records), _RECORDS_ADVICE)
    folder = place_of_state(records)
    if config.files is not None:
        yield _Dependency("files.store", partial(_look_at_store, config.files, folder), _FILES_ADVICE)
    for name, backend in backends_of(config.vector_stores).items() if config.vector_stores is not None else ():
        look = partial(_look_at_backend, name, backend, folder / "vectors" / name)
        yield _Dependency(f"vector_stores.backends.{name}", look, _BACKEND_ADVICE)


async def _ask(name: str, config: Config, run_dir: Path) -> str:
    """A provider for its models."""
    settings = config.providers[name]
    provider = Provider(name, settings, config.server, find(settings.dialect), run_dir)
    try:
        models = set(await provider.model_names())
    finally:
        await provider.close()
    wanted = {d.model for model in config.models.values() for d in model.deployments if d.provider == name}
    missing = sorted(wanted - models) if models else []
    return f"{len(models)} models" + (f"; not in its list: {', '.join(missing)}" if missing else "")


async def _ping(settings: state.Redis) -> str:
    """The second time on the same connection, which is how requests find it."""
    try:
        from gateway.state.resp.connection import Broken, Refusal
        from gateway.state.resp.nodes import nodes_of
    except ImportError:
        raise Unwell("state.redis needs the extra redis: pip install 'isthmus[redis]'") from None
    nodes = nodes_of(msgspec.structs.replace(settings, timeout_ms=int(_LIBRARY_SECONDS * 1000)))
    loop = asyncio.get_running_loop()
    try:
        for _ in range(2):
            began = loop.time()
            answer = await nodes.ask(("PING",), began + _LIBRARY_SECONDS)
            if isinstance(answer, Refusal):
                raise Unwell(answer.code.lower())
    except Broken as error:
        raise Unwell(error.reason) from None
    finally:
        nodes.close()
    milliseconds = (loop.time() - began) * 1000
    if milliseconds > settings.timeout_ms:
        raise Unwell(f"a command takes {milliseconds:.0f} ms, which is more than state.redis.timeout_ms")
    return ""


async def _look_at_store(settings: FileStorage, folder: Path) -> str:
    kind = await asyncio.to_thread(STORES.find, settings.store)
    if kind.look is None:
        return "as far as is known: it can't be looked at"
    await kind.look(msgspec.convert(settings.options, kind.options), folder)
    return ""


async def _look_at_backend(name: str, settings: Backend, folder: Path) -> str:
    kind = BACKENDS.find(settings.type)
    if kind.look is None:
        return "as far as is known: it can't be looked at"
    await kind.look(name, msgspec.convert(settings.options, kind.options), folder)
    return ""


async def _export_nothing(settings: Otlp) -> str:
    """An export of no spans, which a collector takes as any other."""
    await asyncio.to_thread(_export, settings)
    return ""


def _export(settings: Otlp) -> None:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError:
        raise Unwell("telemetry.otlp needs the extra otel: pip install 'isthmus[otel]'") from None
    heard = _Heard()
    library = logging.getLogger("opentelemetry")
    library.handlers[:], library.propagate = [heard], False
    url = f"{settings.endpoint.rstrip('/')}/v1/traces"
    exporter = OTLPSpanExporter(url, headers=settings.headers, timeout=_LIBRARY_SECONDS)
    if exporter.export([]) is not SpanExportResult.SUCCESS:
        raise Unwell(heard.first)


class _Heard(logging.Handler):
    """The first that a library says, which it does nowhere else."""

    def __init__(self) -> None:
        super().__init__()
        self.first = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.first = self.first or record.getMessage()
