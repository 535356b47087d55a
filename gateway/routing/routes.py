"""Names that clients ask for, to the routes that can answer."""

import difflib
from collections import OrderedDict
from collections.abc import Callable, Iterator

import msgspec
from msgspec import Raw

from adapters.inference.contract import Target
from adapters.wire.errors import UnknownModel
from config.facts import Facts, find_facts
from config.routing import Deployment, Model, Retry
from config.schema import Config
from gateway.route import Route

_DIRECT_MAX = 1_024
_COMPARED_MAX = 100
_ASK_ONCE = Retry(attempts=1)
"""Whoever asks a provider directly has its own answer, whatever that is."""


class Routes:
    """Every route of a configuration; without any, `provider/model` reaches each provider directly."""

    def __init__(self, config: Config, options_of: Callable[[str], object]) -> None:
        self._providers = config.providers
        self._options_of = options_of
        self._own_facts = config.facts
        self._routes = {name: self._route(name, model) for name, model in config.models.items()}
        self._direct: OrderedDict[str, Route] = OrderedDict()

    @property
    def names(self) -> list[str]:
        """The configured names."""
        return list(self._routes)

    def __iter__(self) -> Iterator[Route]:
        """The configured ones."""
        return iter(self._routes.values())

    def find(self, name: str) -> Route:
        """The route of a name. Raises UnknownModel, with the nearest names."""
        route = self._routes.get(name) or self._direct.get(name)
        if route is not None:
            return route
        provider, slash, model = name.partition("/")
        if self._routes or not slash or not model or provider not in self._providers:
            raise UnknownModel(self.unknown(name), param="model")
        settings = Model(deployments=[Deployment(provider=provider, model=model)], retry=_ASK_ONCE)
        route = self._direct[name] = self._route(name, settings)
        if len(self._direct) > _DIRECT_MAX:
            self._direct.popitem(last=False)
        return route

    def _candidates(self, name: str) -> list[str]:
        """Names to compare with, few enough to take no more than a few milliseconds."""
        if len(self._routes) <= _COMPARED_MAX:
            return list(self._routes)
        return [route for route in self._routes if route[:1] == name[:1]][:_COMPARED_MAX]

    def _route(self, name: str, settings: Model) -> Route:
        deployments = settings.deployments
        mirror = settings.mirror
        return Route(
            name,
            settings,
            tuple(self._target(each.provider, each.model) for each in deployments),
            tuple(self._facts(each.provider, each.model) for each in deployments),
            self._target(mirror.provider, mirror.model) if mirror is not None else None,
            self._facts(mirror.provider, mirror.model) if mirror is not None else None,
        )

    def _facts(self, provider: str, model: str) -> Facts | None:
        row = self._providers[provider].extends or provider
        return find_facts(provider, model, self._own_facts) or find_facts(row, model, {})

    def _target(self, provider: str, model: str) -> Target:
        settings = self._providers[provider]
        return Target(
            provider=provider,
            model=model,
            model_json=Raw(msgspec.json.encode(model)),
            settings=settings,
            options=self._options_of(provider),
        )

    def unknown(self, name: str) -> str:
        """What to say of a name that is not served: the nearest ones."""
        message = f"The model '{name[:128]}' does not exist or you do not have access to it."
        near = difflib.get_close_matches(name[:128], self._candidates(name), n=3, cutoff=0.5)
        if near:
            return f"{message} Did you mean {' or '.join(repr(one) for one in near)}?"
        if self._routes:
            return f"{message} GET /v1/models lists what is served here."
        prefix = name.partition("/")[0]
        near = difflib.get_close_matches(prefix[:128], self._providers, n=3, cutoff=0.5)
        known = " or ".join(f"'{one}/…'" for one in (near or list(self._providers)[:8]))
        return f"{message} Ask for a model as 'provider/model': {known}."
