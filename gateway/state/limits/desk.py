"""Where calls are counted, and who is told what becomes of budgets. It outlives a reload."""

import logging
import time
from typing import TYPE_CHECKING, Final

from config.limits import CallLimits
from gateway.cost import dollars
from gateway.observe.counters import Counters
from gateway.state.limits.contract import Bucket, LimitStore, Past
from gateway.state.limits.memory import MemoryLimits
from gateway.state.limits.webhook import Webhook

if TYPE_CHECKING:
    from gateway.state.limits.shared import RedisLimits

log = logging.getLogger("isthmus.limits")

_QUIET_SECONDS: Final = 60.0
_TOLD_MAX: Final = 1_024


class Alarm:
    """Tells whoever runs the gateway: in the log, in the counters and, of budgets, through the webhook."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._told: dict[str, float] = {}
        self.webhook = Webhook(counters)

    def warn(self, bucket: Bucket, spent: int) -> None:
        """A budget has passed its soft end."""
        self._budget("budget_warning", bucket, spent)

    def spent(self, bucket: Bucket, spent: int) -> None:
        """A call was refused, the first in a period: a budget has come to its hard end."""
        self._budget("budget_spent", bucket, spent)

    def price_unknown(self, model: str) -> None:
        """A call under a budget goes on without being counted there."""
        self._counters.add("limits_price_unknown")
        if self._is_news(f"price:{model}"):
            log.warning("the price of %s is not known: calls under a budget are not counted there", model)

    def counting_alone(self) -> None:
        """A call is counted by this worker alone."""
        self._counters.add("limits_without_redis")
        if self._is_news("redis"):
            log.warning("limits: Redis does not answer, each worker counts alone")

    def _budget(self, event: str, bucket: Bucket, spent: int) -> None:
        self._counters.add("budget_events", event)
        told = {
            "event": event,
            "created_at": int(time.time()),
            "budget": bucket.title,
            "holder": bucket.holder,
            "spent_usd": dollars(spent),
            "warn_usd": dollars(bucket.warn) if bucket.warn else None,
            "usd": dollars(bucket.most),
        }
        log.warning("%s: %s of %s, %s of %s USD", event, bucket.title, bucket.holder, told["spent_usd"], told["usd"])
        self.webhook.post(told)

    def _is_news(self, what: str) -> bool:
        now = time.monotonic()
        if now < self._told.get(what, 0.0) or (what not in self._told and len(self._told) >= _TOLD_MAX):
            return False
        self._told[what] = now + _QUIET_SECONDS
        return True


class Desk:
    """The stores, and the alarm."""

    def __init__(self, counters: Counters | None = None) -> None:
        self.alarm = Alarm(counters or Counters())
        self.memory = MemoryLimits(self.alarm.warn)
        """Of this process alone."""
        self.store: LimitStore = self.memory
        """What counts."""
        self._shared: RedisLimits | None = None

    def remember(self, past: Past) -> None:
        """Open purses of this process with what was spent before."""
        self.memory.past = past

    def share(self, shared: "RedisLimits") -> None:
        """Count in Redis from now on."""
        self.store = self._shared = shared

    def configure(self, limits: CallLimits) -> None:
        """Take what a new configuration says."""
        self.alarm.webhook.configure(limits.webhook, private=limits.webhook_private)

    async def close(self) -> None:
        """Settle and tell what is waiting."""
        if self._shared is not None:
            await self._shared.close()
        await self.alarm.webhook.close()
