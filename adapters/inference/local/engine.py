"""The models of one provider that speaks the dialect `local`."""

import asyncio
from pathlib import Path

from adapters.inference.local.options import LocalOptions
from adapters.inference.local.supervisor import Supervisor
from adapters.wire.errors import UnknownModel


class LocalEngine:
    """Runs each model in a process of its own, from the first request for it or from the start."""

    def __init__(self, provider: str, options: LocalOptions, run_dir: Path) -> None:
        folder = run_dir / provider
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        """Where its sockets and locks are."""
        self._provider = provider
        self._options = options
        self._supervisors = {name: Supervisor(name, model, folder) for name, model in options.models.items()}

    async def start(self) -> None:
        """Load the models that the options want loaded before the first request. Raises what `ready` raises."""
        await asyncio.gather(
            *(self._supervisors[name].ready() for name, model in self._options.models.items() if model.load == "start")
        )

    async def ready(self, model: str) -> str:
        """Wait until a model can answer; give the base URL of its socket.

        Raises UnknownModel for one it does not have, Overloaded and UpstreamError where it can't answer now.
        """
        supervisor = self._supervisors.get(model)
        if supervisor is None:
            known = ", ".join(f"{self._provider}/{name}" for name in self._supervisors)
            raise UnknownModel(
                f"The model '{self._provider}/{model}' does not exist. There are: {known}", param="model"
            )
        return await supervisor.ready()

    async def stop(self) -> None:
        """End every process that this worker started."""
        await asyncio.gather(*(supervisor.stop() for supervisor in self._supervisors.values()))
