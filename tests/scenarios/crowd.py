"""A thousand clients at once, each with a connection of its own, who wait and ask again as they are told."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.scenarios.raw import request

Kind = Literal["whole", "stream", "left"]


@dataclass
class Crowd:
    """What became of its members."""

    port: int
    headers: dict[str, str]
    answered: Counter[str] = field(default_factory=Counter)
    """By kind."""
    refused: Counter[str] = field(default_factory=Counter)
    """By code, each time."""
    given_up: list[str] = field(default_factory=list)
    """Messages that ended a client's tries."""

    def ask_all(self, bodies: list[tuple[Kind, dict[str, Any]]]) -> None:
        """Let all ask at once, and wait until each has an answer or a refusal for good."""
        asyncio.run(self._ask_all(bodies))

    async def _ask_all(self, bodies: list[tuple[Kind, dict[str, Any]]]) -> None:
        async with asyncio.timeout(240):
            await asyncio.gather(*(self._ask(kind, body) for kind, body in bodies))

    async def _ask(self, kind: Kind, body: dict[str, Any]) -> None:
        wait = await self._try(kind, body)
        while wait is not None:
            await asyncio.sleep(wait)
            wait = await self._try(kind, body)

    async def _try(self, kind: Kind, body: dict[str, Any]) -> float | None:
        """Ask once; gives how long to wait before the next time, None where there is none."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request(body, **self.headers))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            if " 200 " in head.partition("\r\n")[0]:
                await (reader.readuntil(b"\n\n") if kind == "left" else _read_answer(reader, head))
                self.answered[kind] += 1
                return None
            error = json.loads(await _read_answer(reader, head))["error"]
            self.refused[error["code"]] += 1
            if error["code"] not in ("budget_reserved", "limits_unavailable", "overloaded"):
                self.given_up.append(error["message"])
                return None
            return float(_header(head, "retry-after"))
        finally:
            writer.close()


async def _read_answer(reader: asyncio.StreamReader, head: str) -> bytes:
    if "transfer-encoding: chunked" in head:
        return await reader.readuntil(b"\r\n0\r\n\r\n")
    return await reader.readexactly(int(_header(head, "content-length")))


def _header(head: str, name: str) -> str:
    return next(line.partition(": ")[2] for line in head.split("\r\n") if line.startswith(f"{name}: "))
