"""A configured check at work: not too much at once, its faults named, and how it is."""

import asyncio
import logging
import traceback
from collections.abc import Sequence

import msgspec

from adapters.safety.contract import Ask, CheckType, CheckUnavailable, Content, Judgement, SafetyCheck
from adapters.safety.registry import CHECKS, open_check
from adapters.wire.errors import GatewayError
from config.mistakes import Unusable
from config.safety import Check
from gateway.observe.counters import Counters

log = logging.getLogger("isthmus.safety")

_OF_THE_CALL = frozenset({400, 413, 429})
"""What a model refuses for this text or this caller alone: the check is well."""
_AT_ONCE = 64
"""Judgements of one check that are made at the same time in one worker; further ones wait."""


class RunningCheck:
    """A check that others ask as if it were the check itself."""

    def __init__(self, name: str, settings: Check, counters: Counters) -> None:
        self.name = name
        self.settings = settings
        self.fault: str | None = None
        """Why it could not judge when it was last asked; None where it could."""
        self._counters = counters
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._check: SafetyCheck | None = None
        self._loading: asyncio.Task[None] | None = None
        self.kind: CheckType | None = None
        """What it is; None where it can't be used."""
        try:
            self.kind = CHECKS.find(settings.type)
            self._check = open_check(name, settings)
        except Unusable as fault:
            self._fail(str(fault))
        except Exception as error:
            self._fail(f"it can't be opened: {error}" if isinstance(error, ImportError) else "it can't be opened")
            log.exception("the check %s can't be used", name)

    @property
    def sees(self) -> bool:
        """Whether it judges images."""
        kind = self.kind
        if kind is None or kind.sees is None:
            return kind is not None and kind.judges_images
        return kind.sees(msgspec.convert(self.settings.options, kind.options))

    async def start(self) -> None:
        """Load what it needs, once; a fault is logged, and told by whoever asks it."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
        await asyncio.shield(self._loading)

    async def _load(self) -> None:
        if self._check is None:
            return
        try:
            await self._check.start()
        except CheckUnavailable as fault:
            self._fail(str(fault))
        except Exception as error:
            self._fail(type(error).__name__)
            log.exception("the check %s did not start", self.name)

    async def close(self) -> None:
        """Let go of what it holds."""
        if self._check is not None:
            await self._check.close()

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        """One judgement for each content. Raises CheckUnavailable, caused by the GatewayError of a model it asked."""
        if self._check is None:
            raise CheckUnavailable(self.fault)
        await self.start()  # after a reload, calls may come before it is loaded
        async with self._places:
            try:
                judgements = await self._check.judge(contents, ask)
            except CheckUnavailable as fault:
                raise self._failed(str(fault), fault.__cause__) from fault.__cause__
            except GatewayError as error:
                raise self._failed(f"the model it asks: {error.code or error.type}", error) from error
            except Exception as error:  # noqa: BLE001 - logged without its words: they may be the text
                where = "".join(traceback.format_tb(error.__traceback__))
                log.error("the check %s is broken: %s\n%s", self.name, type(error).__name__, where)
                raise self._failed(type(error).__name__, error) from None
        if len(judgements) != len(contents):
            raise self._failed("it did not judge each of the contents", None)
        self.fault = None
        self._counters.add("safety_judgements", self.name, "made", amount=len(judgements))
        return judgements

    def cut_off(self, why: str) -> None:
        """Whoever asked waits no longer: that it can't judge in time is known to nobody else."""
        self._counters.add("safety_judgements", self.name, "failed")
        self._fail(why)

    def _failed(self, why: str, cause: BaseException | None) -> CheckUnavailable:
        self._counters.add("safety_judgements", self.name, "failed")
        if not (isinstance(cause, GatewayError) and cause.status in _OF_THE_CALL):
            self._fail(why)
        return CheckUnavailable(why)

    def _fail(self, why: str) -> None:
        if self.fault is None:
            log.warning("the check %s can't judge: %s", self.name, why)
        self.fault = why
