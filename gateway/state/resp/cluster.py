"""A Redis cluster: each command goes to the server that has its key.

https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from config.redis_url import Address, RedisUrl
from config.state import Redis as Settings
from gateway.state.resp.client import client_of
from gateway.state.resp.connection import Broken, Command, Refusal, pack
from gateway.state.resp.server import Server, server_at

_FOLLOWED = 2
"""How often a command follows a slot that moves."""
_WITHOUT_KEY = frozenset({"PING", "PUBLISH", "SCRIPT", "CLUSTER", "INFO"})


class Cluster:
    """Servers by the slots that they have; learnt from any of them, and again when one says that a slot moved."""

    def __init__(self, settings: Settings, url: RedisUrl, tls: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._url = url
        self._tls = tls
        self._timeout = settings.timeout_ms / 1_000
        self._servers: dict[Address, Server] = {}
        self._owners: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._known = False
        self._learning: asyncio.Task[None] | None = None

    @property
    def trouble(self) -> str | None:
        """Why a part of it does not answer."""
        return next((trouble for each in self._servers.values() if (trouble := each.breaker.trouble)), None)

    async def ask(self, command: Command, until: float) -> Any:
        """Run a command where its key is. Raises Broken."""
        slot = slot_of(command)
        packed = pack(command)
        server = await self._owner(slot, until)
        answers = 1
        for _ in range(_FOLLOWED):
            try:
                answer = await server.ask(packed, answers, until)
            except Broken:
                self._learn()
                raise
            answer = answer[-1] if answers > 1 else answer
            if not (isinstance(answer, Refusal) and answer.code in ("MOVED", "ASK")):
                break
            server, packed, answers = self._follow(answer, slot, command)
        return answer

    async def ask_all(self, commands: Sequence[Command], until: float) -> list[Any]:
        """Run several, each where its key is. Raises Broken when one of them is not answered."""
        return await asyncio.gather(*(self.ask(command, until) for command in commands))

    async def probe(self, until: float) -> None:
        """Ask every server whether it is there."""
        await asyncio.gather(*(each.probe(until) for each in tuple(self._servers.values())))

    async def listener(self) -> Redis:
        """A client for what is published: every server passes it on."""
        well = [address for address, each in self._servers.items() if each.breaker.trouble is None]
        return client_of(self._url, self._tls, (well or self._url.addresses)[0])

    def close(self) -> None:
        """End every connection."""
        if self._learning is not None:
            self._learning.cancel()
        for server in self._servers.values():
            server.close()

    def renew(self) -> None:
        """A server said that it is no master any more."""
        self._learn()

    def _follow(self, answer: Refusal, slot: int | None, command: Command) -> tuple[Server, bytes, int]:
        """`MOVED 3999 127.0.0.1:6381`: the slot is there from now on; `ASK …`: ask there this once."""
        host, _, port = str(answer).split(" ")[2].rpartition(":")
        address = (host, int(port))
        packed = pack(command)
        if answer.code == "ASK":
            return self._server(address), pack(("ASKING",)) + packed, 2
        if slot is not None:
            self._owners[slot] = address
        self._learn()
        return self._server(address), packed, 1

    async def _owner(self, slot: int | None, until: float) -> Server:
        if not self._known:
            self._learn()
            assert self._learning is not None  # noqa: S101 - just begun
            remaining = until - asyncio.get_running_loop().time()
            await asyncio.wait((self._learning,), timeout=max(remaining, 0))
            if not self._known:
                raise Broken("unreachable")
        address = next(iter(self._servers)) if slot is None else self._owners[slot]
        if address is None:
            raise Broken("no_master")
        return self._server(address)

    def _server(self, address: Address) -> Server:
        server = self._servers.get(address)
        if server is None:
            server = self._servers[address] = server_at(self._settings, self._url, address, self._tls)
        return server

    def _learn(self) -> None:
        """Ask who has which slots, unless that is being asked."""
        if self._learning is None or self._learning.done():
            self._learning = asyncio.get_running_loop().create_task(self._learn_from_any())

    async def _learn_from_any(self) -> None:
        question = pack(("CLUSTER", "SLOTS"))
        for address in dict.fromkeys((*self._servers, *self._url.addresses)):
            until = asyncio.get_running_loop().time() + self._timeout
            try:
                told = await self._server(address).ask(question, 1, until)
            except Broken:
                continue
            if isinstance(told, list) and told:
                self._take_in(told, address)
                return

    def _take_in(self, told: list[Any], source: Address) -> None:
        """Each is `[first slot, last slot, [host, port, …] of the master, replicas …]`; "" is whoever says it."""
        owners: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, node, *_ in told:
            address = ((node[0] or b"").decode() or source[0], node[1])
            owners[first : last + 1] = [address] * (last + 1 - first)
        self._owners = owners
        self._known = True
        masters = {owner for owner in owners if owner is not None}
        for former in [each for each in self._servers if each not in masters]:
            self._servers.pop(former).close()
        for master in masters:
            self._server(master)


def slot_of(command: Command) -> int | None:
    """The slot of a command's first key; None where it has none."""
    name = str(command[0]).upper()
    if name in _WITHOUT_KEY:
        return None
    if name in ("EVAL", "EVALSHA"):
        key = command[3] if command[2] else None
    elif name == "XREAD":
        key = command[[str(each).upper() for each in command].index("STREAMS") + 1]
    else:
        key = command[1]
    if key is None:
        return None
    return key_slot(key if isinstance(key, bytes) else str(key).encode())
