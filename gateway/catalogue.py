"""Which models the providers say they have, asked for when somebody wants to know and remembered for a minute."""

import asyncio
import logging
import time
from collections.abc import Mapping

from adapters.wire.errors import GatewayError
from gateway.provider import Provider

log = logging.getLogger("isthmus.catalogue")

_REMEMBER_SECONDS = 60
_ASK_SECONDS = 5


class Catalogue:
    """The models of every configured provider."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = providers
        self._names: list[tuple[str, str]] = []
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def names(self) -> list[tuple[str, str]]:
        """Provider and model, for each model; a provider that does not answer is left out, with a word in the log."""
        async with self._asking:
            if time.monotonic() >= self._until:
                lists = await asyncio.gather(*(self._ask(name) for name in self._providers))
                self._names = [
                    (name, model) for name, models in zip(self._providers, lists, strict=True) for model in models
                ]
                self._until = time.monotonic() + _REMEMBER_SECONDS
        return self._names

    async def _ask(self, name: str) -> list[str]:
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                return await self._providers[name].model_names()
        except (GatewayError, TimeoutError) as error:
            log.warning("%s does not list its models: %s", name, error or "no answer")
        except Exception:
            log.exception("%s does not list its models: its adapter is broken", name)
        return []
