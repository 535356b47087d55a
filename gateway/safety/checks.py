"""The checks of one configuration, by name, and how they ask models of the gateway."""

from collections.abc import Iterator, Mapping

from adapters.safety.contract import Ask, CheckUnavailable
from adapters.wire.body import parse
from adapters.wire.moderation import parse_moderation
from config.safety import MODERATION_MODELS, Check, Safety
from config.schema import Operation
from gateway.auth import Caller
from gateway.inside import Inside
from gateway.observe.counters import Counters
from gateway.observe.health import Condition
from gateway.safety.running import RunningCheck

OWN = "rules"
"""The check for moderations where the configuration names none."""
_OWN = Check(type="rules")


class Checks:
    """Opened for a configuration; one whose settings did not change is taken over from the configuration before."""

    def __init__(self, settings: Safety, inside: Inside, counters: Counters, before: "Checks | None" = None) -> None:
        self._inside = inside
        self._moderation = settings.moderation or OWN
        wanted = dict(settings.checks)
        if wanted and self._moderation not in wanted:
            wanted[self._moderation] = _OWN
        earlier: dict[str, RunningCheck] = before._running if before is not None else {}
        self._running: dict[str, RunningCheck] = {
            name: _taken_over(earlier.get(name), name, each, counters) for name, each in wanted.items()
        }

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._running)

    def __iter__(self) -> Iterator[RunningCheck]:
        """All of them."""
        return iter(self._running.values())

    def find(self, name: str) -> RunningCheck | None:
        """The check of a name; None where it is not configured."""
        return self._running.get(name)

    def by_model(self) -> Mapping[str, RunningCheck]:
        """Those that moderations may name as their model, OpenAI's names included."""
        usual = dict.fromkeys(MODERATION_MODELS, self._running[self._moderation]) if self._running else {}
        return usual | self._running

    def ask_for(self, caller: Caller) -> Ask:
        """How a check asks a model in the name of whoever's texts it judges."""

        async def ask(operation: Operation, raw: bytes) -> bytes:
            body = (parse_moderation if operation == "moderations" else parse)(raw)
            if operation == "moderations" and body.model in self.by_model():
                raise CheckUnavailable(f"the model it asks, {body.model}, is a check itself")
            reply = await self._inside.ask(operation, caller, body, {}, "check")
            return reply.body

        return ask

    def conditions(self) -> Iterator[Condition]:
        """Which checks could not judge when they were last asked."""
        for check in self:
            if check.fault is not None:
                yield f"safety.{check.name}", check.fault

    async def start(self) -> None:
        """Load what they need."""
        for check in self:
            await check.start()

    async def close(self, kept: "Checks | None" = None) -> None:
        """End all but those that another configuration has taken over."""
        for check in self:
            if kept is None or kept.find(check.name) is not check:
                await check.close()


def _taken_over(earlier: RunningCheck | None, name: str, settings: Check, counters: Counters) -> RunningCheck:
    if earlier is not None and earlier.settings == settings:
        return earlier
    return RunningCheck(name, settings, counters)
