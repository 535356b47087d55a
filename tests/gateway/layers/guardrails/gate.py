"""Guardrails before a handler that a test writes, with a check that looks for words."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from adapters.inference.contract import NoOptions, Target
from adapters.messages.body import parse as parse_messages
from adapters.safety.contract import Ask, Content, Judgement, Span
from adapters.wire.errors import GatewayError
from adapters.wire.usage import Usage
from config.routing import Deployment, Model
from config.safety import Guardrail
from config.safety import Guardrails as Settings
from config.schema import Operation, Provider
from gateway.auth import Caller
from gateway.call import Call, Handler, Reply
from gateway.layers.guardrails.layer import Guardrails
from gateway.observe.counters import Counters
from gateway.relay import relay
from gateway.route import Route
from tests.gateway.calls import a_call
from tests.gateway.layers.cache.kitchen import Client, Kitchen

COUNTED = Usage(prompt_tokens=7, completion_tokens=2, estimated=True)


class Words:
    """A check that finds words of capital letters: BOMB is violence, PII1, PII2 … are pii and can be redacted."""

    def __init__(self) -> None:
        self.judged: list[Content] = []
        self.fault: BaseException | None = None
        self.gate: asyncio.Event | None = None
        self.answer: Any = None
        self.late: list[str] = []

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        self.judged += contents
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return self.answer if self.answer is not None else [self._judgement(content) for content in contents]

    def cut_off(self, why: str) -> None:
        self.late.append(why)

    def _judgement(self, content: Content) -> Judgement:
        spans = tuple(
            Span(index, found.start(), found.end(), "NAME")
            for index, text in enumerate(content.texts)
            for found in re.finditer(r"PII\d", text)
        )
        scores = {"pii": 0.9 if spans else 0.0}
        if any("BOMB" in text for text in content.texts) or "BOMB" in content.images:
            scores["violence"] = 0.8
        found = frozenset(name for name, score in scores.items() if score)
        return Judgement(bool(found), scores, found, spans=spans)


class Gate:
    """The layer, and clients that ask it."""

    def __init__(self, kitchen: Handler | None = None, **settings: Any) -> None:
        self.check = Words()
        self.kitchen = Kitchen()
        self.counters = Counters()
        self.calls: list[Call] = []
        self.layer = Guardrails(kitchen or self.kitchen, self, self.counters, _count)
        self.settings = guardrails(**settings)

    def find(self, name: str) -> Words | None:
        return self.check if name == "words" else None

    def ask_for(self, caller: Caller) -> Ask:
        async def ask(operation: Operation, body: bytes) -> bytes:
            raise GatewayError("Nobody answers here.")

        return ask

    def call(self, operation: Operation = "chat", **fields: Any) -> Call:
        if operation == "chat":
            fields = {"messages": [{"role": "user", "content": "hi"}]} | fields
        call = a_call(operation, **fields)
        if operation == "messages":
            call.body = parse_messages(msgspec.json.encode({"model": "m", **fields}))
        target = Target("lab", "llama", Raw(b'"llama"'), Provider(base_url="http://lab/v1"), NoOptions())
        model = Model(deployments=[Deployment(provider="lab", model="llama")], guardrails=self.settings)
        call.route = Route("m", model, (target,), (None,))
        self.calls.append(call)
        return call

    async def ask(self, operation: Operation = "chat", **fields: Any) -> Client:
        """Ask as a client does, to the end. Raises what it would be told."""
        client = Client()
        await self.serve(self.call(operation, **fields), client)
        return client

    async def serve(self, call: Call, client: Client) -> None:
        """What a door does."""
        try:
            await relay(call, await self.layer(call), client, _count)
        except GatewayError as error:
            call.status = error.status
            raise
        except asyncio.CancelledError:
            call.status = 499
            raise
        finally:
            call.close()

    @property
    def asked(self) -> Any:
        """The request that the handler had last, as fields."""
        return {name: msgspec.json.decode(raw) for name, raw in self.kitchen.orders[-1].body.fields.items()}

    def counted(self, *labels: str) -> float:
        return self.counters.values["guardrail_actions", "m", *labels]


def guardrails(**settings: Any) -> Settings:
    """Settings from plain lists: the check of each guardrail is `words` unless it says another."""
    plain = {
        name: [{"check": "words"} | each for each in value] if isinstance(value, list) else value
        for name, value in settings.items()
    }
    return msgspec.convert(plain, Settings)


async def _count(call: Call) -> Usage:
    return COUNTED


__all__ = ["COUNTED", "Client", "Gate", "Guardrail", "Kitchen", "Reply", "Words"]
