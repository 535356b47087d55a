"""The work on vector stores: each worker of each replica takes what is due, and what it drops another takes up."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from adapters.files.contract import BlobMissing, StoreUnavailable
from adapters.vector_io.contract import BackendUnavailable
from adapters.wire.errors import NotFound
from config.vector_stores import Ingestion
from gateway.ingest.contract import FileRefused, TryLater
from gateway.ingest.embedder import Embedder
from gateway.observe.counters import Counters
from gateway.state.records.contract import RecordsUnavailable
from gateway.vector_stores.backends import Backends
from gateway.vector_stores.claims import Claimed, Claims, Waiting
from gateway.vector_stores.intake import Intake, Lost, as_written, whole
from gateway.vector_stores.kept import StoreFile, now
from gateway.vector_stores.removals import Removals
from gateway.vector_stores.stores import Stores

log = logging.getLogger("isthmus.vector_stores")

_LOOK_SECONDS: Final = 1.0
"""How often a worker looks for what others have left to be done."""
_SWEEP_SECONDS: Final = 20.0
_LONGEST_WAIT: Final = 60.0
_FAULTS_MOST: Final = 3
"""How often something that nobody foresaw may happen to a file."""
_AWAY: Final = (BackendUnavailable, StoreUnavailable, RecordsUnavailable)
_REMEMBERED: Final = 10_000


class Hold:
    """A file that this worker has in hand, until it says so or somebody takes it away."""

    def __init__(self, claims: Claims, claimed: Claimed) -> None:
        self.claimed = claimed
        self._claims = claims
        self._chunks, self._size = claimed.chunks, claimed.file.usage_bytes

    async def note(self, chunks: int, size: int) -> None:
        """So many chunks are in the backend. Raises Lost and RecordsUnavailable."""
        self._chunks, self._size = chunks, size
        await self.renew()

    async def renew(self) -> None:
        """Keep it. Raises Lost and RecordsUnavailable."""
        if not await self._claims.renew(self.claimed, self._chunks, self._size):
            raise Lost


class Jobs:
    """What one worker does. `settings` and `embedder` give those of the moment."""

    def __init__(
        self,
        claims: Claims,
        removals: Removals,
        stores: Stores,
        intake: Intake,
        backends: Backends,
        counters: Counters,
        settings: Callable[[], Ingestion],
        embedder: Callable[[], Embedder],
    ) -> None:
        self._claims = claims
        self._removals = removals
        self._stores = stores
        self._intake = intake
        self._backends = backends
        self._counters = counters
        self._settings = settings
        self._embedder = embedder
        self._running: dict[str, asyncio.Task[None]] = {}
        self._served: dict[str, float] = {}
        """When each owner's file was last taken, so that all have their turn."""
        self._news = asyncio.Event()
        self._gone = asyncio.Event()
        self._doubt = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self.waiting = 0
        """Files in progress that nobody has in hand, as they were counted last."""

    def start(self) -> None:
        """Begin to look for work."""
        rounds = ((self._take, self._news, _LOOK_SECONDS), (self._remove, self._gone, _LOOK_SECONDS))
        self._loops = [asyncio.create_task(self._repeat(*each)) for each in rounds]
        self._loops.append(asyncio.create_task(self._repeat(self._sweep, asyncio.Event(), _SWEEP_SECONDS)))

    async def close(self) -> None:
        """Leave everything to others, or to the next start."""
        tasks = [*self._loops, *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def came(self) -> None:
        """There is something to take in."""
        self._news.set()

    def left(self) -> None:
        """There is something to remove, and perhaps to stop."""
        self._gone.set()
        self._doubt.set()
        self._doubt = asyncio.Event()

    def gauges(self) -> Iterable[tuple[str, tuple[str, ...], float]]:
        """What is under way and what waits, for /metrics."""
        yield "vector_store_files_in_hand", (), len(self._running)
        yield "vector_store_files_waiting", (), self.waiting

    async def describe(self, file: StoreFile) -> None:
        """Give a file's chunks the attributes that it has now, unless somebody else is about to."""
        claimed = await self._claims.take_one(file)
        if claimed is not None:
            self._begin(claimed)
            await asyncio.wait({self._running[claimed.file.id]})

    async def _repeat(self, work: Callable[[], Awaitable[bool]], event: asyncio.Event, seconds: float) -> None:
        """Do this whenever there is news, and every now and then; at once again while it says that there is more."""
        is_away = False
        while True:
            event.clear()
            try:
                more = await work()
                is_away = False
            except RecordsUnavailable as error:
                more = False
                if not is_away:
                    log.warning("vector stores wait for the database: %s", error)
                is_away = True
            except Exception:
                more = False
                log.exception("the work on vector stores has a fault; it is tried again")
            if not more:
                try:
                    async with asyncio.timeout(seconds * random.uniform(0.8, 1.2)):  # noqa: S311 - no secret
                        await event.wait()
                except TimeoutError:
                    pass

    async def _sweep(self) -> bool:
        await self._backends.look()
        if await self._stores.expire():
            self.left()
        return False

    async def _remove(self) -> bool:
        removed = await self._removals.perform()
        if removed:
            self._news.set()  # a file that was taken out may wait to be taken in again
        return removed

    async def _take(self) -> bool:
        """Take one file, of the owner whose turn it is; tell whether to look again at once."""
        waiting = await self._claims.waiting()
        self.waiting = sum(each.files - each.in_hand for each in waiting)
        room = self._settings().parallel - len(self._running)
        if room <= 0:
            return False
        moment = now()
        for each in sorted((one for one in waiting if one.due <= moment), key=self._turn):
            for claimed in await self._claims.take(each.owner, 1):
                self._remember(each.owner)
                self._begin(claimed)
                return True
        return False

    def _turn(self, waiting: Waiting) -> tuple[int, float, int]:
        """Owners with the fewest files in hand first, and of them who was served longest ago."""
        return waiting.in_hand, self._served.get(waiting.owner, 0.0), waiting.due

    def _remember(self, owner: str) -> None:
        self._served.pop(owner, None)
        self._served[owner] = time.monotonic()
        if len(self._served) > _REMEMBERED:
            del self._served[next(iter(self._served))]

    def _begin(self, claimed: Claimed) -> None:
        task = self._running[claimed.file.id] = asyncio.create_task(self._work(claimed))

        def end(_: asyncio.Task[None]) -> None:
            self._running.pop(claimed.file.id, None)
            self._news.set()

        task.add_done_callback(end)

    async def _work(self, claimed: Claimed) -> None:
        """Do what is to be done for a file, for as long as it is this worker's."""
        hold = Hold(self._claims, claimed)
        work = asyncio.create_task(self._do(hold))
        try:
            await self._keep(hold, work)
            await self._settle(claimed, work)
        except asyncio.CancelledError:
            await _end(work)
            await _quietly(self._claims.put_back(claimed, 0, is_try=False))
            raise
        except Lost:
            await _end(work)
            await _quietly(self._claims.stopped(claimed))
            self._gone.set()
        except RecordsUnavailable:
            await _end(work)  # the claim ends by itself

    async def _keep(self, hold: Hold, work: asyncio.Task[tuple[int, int] | None]) -> None:
        """Renew the claim until the work has ended. Raises Lost, and RecordsUnavailable where the claim has ended."""
        lease = self._settings().lease_seconds
        loop = asyncio.get_running_loop()
        ends = loop.time() + lease
        while not work.done():
            doubt = asyncio.create_task(self._doubt.wait())
            await asyncio.wait({work, doubt}, timeout=lease / 3, return_when=asyncio.FIRST_COMPLETED)
            doubt.cancel()
            if work.done():
                return
            asked = loop.time()
            try:
                await hold.renew()
                ends = asked + lease
            except RecordsUnavailable:
                if loop.time() > ends:
                    raise

    async def _do(self, hold: Hold) -> tuple[int, int] | None:
        claimed = hold.claimed
        if claimed.file.status == "in_progress":
            return await self._intake.take_in(hold, self._embedder())
        backend = self._backends.find(claimed.store.backend)
        attributes = as_written(claimed.file.attributes)
        await whole(backend.describe(claimed.store.id, claimed.file.file_id, attributes))
        return None

    async def _settle(self, claimed: Claimed, work: asyncio.Task[tuple[int, int] | None]) -> None:
        """Write down what became of the work. Raises Lost and RecordsUnavailable."""
        try:
            taken = work.result()
        except FileRefused as refused:
            await self._fail(claimed, refused.code, refused.message)
        except (NotFound, BlobMissing):
            await self._fail(claimed, "invalid_file", "The file was deleted.")
        except TryLater as error:
            await self._wait(claimed, error.message, error.after or 0)
        except _AWAY as error:
            await self._wait(claimed, str(error), 0)
        except Exception as error:
            if isinstance(error, Lost):
                raise
            log.exception("taking in the file %s has a fault", claimed.file.file_id)
            if claimed.tries >= _FAULTS_MOST:
                await self._fail(claimed, "server_error", "Something went wrong that nobody foresaw; see the log.")
            else:
                await self._wait(claimed, type(error).__name__, 0)
        else:
            await self._complete(claimed, taken)

    async def _complete(self, claimed: Claimed, taken: tuple[int, int] | None) -> None:
        if taken is None:
            if not await self._claims.described(claimed):
                raise Lost
            return
        if not await self._claims.complete(claimed, *taken):
            raise Lost
        self._counters.add("vector_store_files", "completed")
        self._counters.add("vector_store_chunks", amount=taken[0])

    async def _fail(self, claimed: Claimed, code: str, message: str) -> None:
        if not await self._claims.fail(claimed, code, message):
            raise Lost
        self._counters.add("vector_store_files", "failed")
        self._gone.set()

    async def _wait(self, claimed: Claimed, reason: str, seconds: float) -> None:
        wait = max(seconds, min(2.0**claimed.tries, _LONGEST_WAIT))
        log.info("the file %s is taken up again in %.0f s: %s", claimed.file.file_id, wait, reason)
        await self._claims.put_back(claimed, wait)
        self._counters.add("vector_store_files_put_back")


async def _end(work: asyncio.Task[tuple[int, int] | None]) -> None:
    work.cancel()
    await asyncio.wait({work})
    if not work.cancelled():
        work.exception()


async def _quietly(work: Awaitable[None]) -> None:
    try:
        await asyncio.shield(asyncio.ensure_future(work))
    except RecordsUnavailable:
        log.info("the database is away: a claim ends by itself")
