"""Vector stores as they are configured, at work in this worker."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from config.mistakes import UnusableBackend
from config.schema import Config
from config.vector_stores import VectorStores
from gateway.files.engine import Files
from gateway.observe.counters import Counters
from gateway.observe.health import Condition
from gateway.state.records.contract import Records
from gateway.state.records.open import state_folder
from gateway.vector_stores.backends import Backends
from gateway.vector_stores.engine import VectorStoreEngine

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.onion import Live


class VectorStoreRoom:
    """All that a worker has of vector stores. `engine` is None where none are configured."""

    def __init__(
        self, config: Config, records: Records | None, files: Files | None, counters: Counters, run_dir: "Path"
    ) -> None:
        self.engine: VectorStoreEngine | None = None
        self._backends: Backends | None = None
        settings = config.vector_stores
        if settings is None or records is None or files is None or config.state.records is None:
            return
        try:
            self._backends = Backends(settings, state_folder(config.state.records) / "vectors", counters)
        except (UnusableBackend, ImportError) as error:
            raise SystemExit(f"vector_stores.backends: {error}") from None
        self.engine = VectorStoreEngine(records, files, self._backends, settings, counters, run_dir)
        self._settings = settings

    async def start(self, live: "Live") -> None:
        """Begin to work."""
        if self.engine is not None:
            await self.engine.start(lambda: live.onion.inside, lambda: self._of_the_moment(live))

    async def close(self) -> None:
        """Leave the work to others."""
        if self.engine is not None:
            await self.engine.close()

    def conditions(self) -> Iterable[Condition]:
        """Backends that are not well."""
        return [] if self._backends is None else self._backends.conditions()

    def gauges(self) -> Iterable[tuple[str, tuple[str, ...], float]]:
        """What is under way, for /metrics."""
        return [] if self.engine is None else self.engine.jobs.gauges()

    def _of_the_moment(self, live: "Live") -> VectorStores:
        """The settings; without any after a reload, those that were the last."""
        self._settings = live.onion.config.vector_stores or self._settings
        return self._settings
