"""Which moderations are answered by a check instead of by a model of a provider."""

from collections.abc import Collection, Mapping

from adapters.wire.errors import UnknownModel
from config.routing import Model
from config.safety import MODERATION_MODELS
from gateway.route import Route
from gateway.safety.running import RunningCheck


class CheckRoutes:
    """A route without targets for each check, under the names that moderations may ask for it.

    A configured model of the same name goes before.
    """

    __slots__ = ("_nobodys", "_routes")

    def __init__(self, checks: Mapping[str, RunningCheck], models: Collection[str]) -> None:
        own = {check.name: Route(check.name, Model(deployments=[]), (), ()) for check in checks.values()}
        self._routes = {name: own[check.name] for name, check in checks.items() if name not in models}
        self._nobodys = frozenset(MODERATION_MODELS).difference(models, self._routes)

    def find(self, name: str) -> Route | None:
        """The route of a check; None where the name may be a model's.

        Raises UnknownModel for one of OpenAI's names that nobody has here.
        """
        if name in self._nobodys:
            raise UnknownModel(
                f"Nobody moderates here as '{name}'. Whoever runs this gateway can configure a check under"
                " safety.checks, or a model of that name.",
                param="model",
            )
        return self._routes.get(name)
