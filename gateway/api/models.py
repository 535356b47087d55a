"""GET /v1/models and /v1/models/{id}: what a caller may ask for."""

import time
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Response

from adapters.wire.errors import UnknownModel
from gateway.api.answers import json_answer
from gateway.auth import Caller
from gateway.onion import Live, Onion

_STARTED = int(time.time())


class Model(msgspec.Struct, frozen=True):
    """A model, as OpenAI describes one."""

    id: str
    owned_by: str
    created: int = _STARTED
    object: str = "model"


class ModelList(msgspec.Struct, frozen=True):
    """A list of models, as OpenAI sends one."""

    data: list[Model]
    object: str = "list"


def model_doors(live: Live) -> list[HTTPRouteHandler]:
    """The two doors, over what `live` holds."""

    @get("/v1/models")
    async def list_models(request: Request[Any, Any, Any]) -> Response[bytes]:
        onion = live.onion
        caller = await caller_of(onion, request)
        return json_answer(ModelList(await _known(onion, caller)))

    @get("/v1/models/{model_id:path}")
    async def get_model(request: Request[Any, Any, Any], model_id: Annotated[str, PathParameter()]) -> Response[bytes]:
        onion = live.onion
        caller = await caller_of(onion, request)
        name = model_id.removeprefix("/")
        route = onion.routes.find(name)
        if not caller.allows(name):
            raise UnknownModel(onion.routes.unknown(name), param="model")
        return json_answer(Model(name, route.targets[0].provider))

    return [list_models, get_model]


async def caller_of(onion: Onion, request: Request[Any, Any, Any]) -> Caller:
    """Who asks at an ordinary door. Raises Unauthorized, Forbidden and Unavailable."""
    caller = await onion.keyring.identify(dict(request.scope["headers"]))
    if caller.networks:
        onion.keyring.addresses.check(caller, request.scope)
    return caller


async def _known(onion: Onion, caller: Caller) -> list[Model]:
    """The configured names; without any, what each provider says it has."""
    models = [Model(name, onion.routes.find(name).targets[0].provider) for name in onion.routes.names]
    if not models:
        models = [Model(f"{provider}/{name}", provider) for provider, name in await onion.catalogue.names()]
    return [model for model in models if caller.allows(model.id)]
