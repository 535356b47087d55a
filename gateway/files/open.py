"""Files as they are configured, at work: the engine, the uploads, and the sweep of this worker."""

import logging
from collections.abc import Callable, Mapping

from adapters.files.contract import BlobStore, StoreUnavailable
from adapters.files.registry import open_store
from config.mistakes import UnusableStore
from config.schema import Config
from gateway.files.elsewhere import elsewhere_of
from gateway.files.engine import Files
from gateway.files.sweep import Sweep
from gateway.files.uploads import Uploads
from gateway.observe.counters import Counters
from gateway.provider import Provider
from gateway.state.records.contract import Records
from gateway.state.records.open import state_folder

log = logging.getLogger("isthmus.files")


class FileRoom:
    """All that a worker has of files. `files` and `uploads` are None where none are configured."""

    def __init__(self, config: Config, records: Records | None, counters: Counters) -> None:
        self.files: Files | None = None
        self.uploads: Uploads | None = None
        self._sweep: Sweep | None = None
        if config.files is None or records is None or config.state.records is None:
            return
        try:
            store = open_store(config.files, state_folder(config.state.records))
        except (UnusableStore, ImportError) as error:
            raise SystemExit(f"files.store: {error}") from None
        self.files = Files(records, store)
        self.uploads = Uploads(self.files, records)
        self._sweep = Sweep(self.files, self.uploads, counters)

    async def start(self, providers: Callable[[], Mapping[str, Provider]]) -> None:
        """Make the store ready, and sweep. A store that is down is asked again whenever it is needed.

        `providers` are those of the moment, with whom files may live.
        """
        files = self.files
        if files is None or self._sweep is None:
            return
        files.elsewhere = lambda file: elsewhere_of(providers(), file, files).read(file)
        await _start(files.blobs)
        self._sweep.start()

    async def close(self) -> None:
        """End the sweep, and let go of the store."""
        if self.files is None or self._sweep is None:
            return
        await self._sweep.close()
        await self.files.blobs.close()


async def _start(blobs: BlobStore) -> None:
    try:
        await blobs.start()
    except StoreUnavailable as error:
        log.error("the store of files does not answer: %s", error)
