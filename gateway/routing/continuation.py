"""A stream that broke after content went out goes on at another target, which is given the text so far as prefill."""

import asyncio
from collections.abc import Iterator
from copy import copy
from typing import Any

import msgspec
from msgspec import Raw

from adapters.framing import sse
from adapters.inference.contract import StreamDecoder, Target
from adapters.wire.body import Body
from adapters.wire.errors import GatewayError
from adapters.wire.usage import Usage, read_usage, usage_json
from gateway.call import Call, Stream
from gateway.observe.counters import Counters
from gateway.route import Route
from gateway.routing.balance import Balance
from gateway.routing.retry import Ask
from gateway.sent import TRANSCRIPT_MAX, Sent, prompt_tokens, read

_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, Raw])
_messages = msgspec.json.Decoder(list[Raw])
_choices = msgspec.json.Decoder(list[dict[str, Any]])
_object = msgspec.json.Decoder(dict[str, Any])
_PLAIN = {"n": (b"1", b"null"), "response_format": (b"null", b'{"type":"text"}')}
"""Fields that a continued answer may have, and with which values: one choice, of free text."""
_LIMITS = ("max_tokens", "max_completion_tokens")


class Continuation:
    """Continues the broken streams of every route that wants it."""

    __slots__ = ("_ask", "_balance", "_counters")

    def __init__(self, ask: Ask, balance: Balance, counters: Counters) -> None:
        self._ask = ask
        self._balance = balance
        self._counters = counters

    async def go_on(self, call: Call, fault: GatewayError) -> Stream | None:
        """What follows on the text that was sent; None where it can't be continued, or nobody can."""
        route = call.route
        assert route is not None  # noqa: S101 - it has been answered
        said = read(b"".join(call.transcript))
        if not fault.retryable or not _can_go_on(call, said):
            return None
        broken = call.attempts[-1]
        used = broken.usage = broken.usage or Usage(prompt_tokens(call.body), said.tokens, estimated=True)
        for target in self._others(call, route):
            if not route.budget.take(asyncio.get_running_loop().time()):
                self._counters.add("retry_budget_spent", route.name)
                return None
            stream = await self._continued(call, _with_prefill(call.body, said, target.settings.prefill), target)
            if stream is not None:
                decoder = Continued(stream.decoder, said, used)
                stream.decoder = decoder
                stream.first = decoder.rewrite(stream.first)
                stream.before = used
                stream.go_on = self.go_on
                call.target = target
                return stream
        return None

    def _others(self, call: Call, route: Route) -> list[Target]:
        """Those that go on with an answer's beginning and have not failed, in the order of the balance."""
        failed = [attempt.target for attempt in call.attempts if attempt.error is not None]
        able = [
            target
            for target, facts in zip(route.targets, route.facts, strict=True)
            if facts is not None and facts.continues and target not in failed
        ]
        try:
            return [target for target in self._balance.order(call, route) if target in able] if able else []
        except GatewayError:
            return []

    async def _continued(self, call: Call, body: Body, target: Target) -> Stream | None:
        twin = call.twin(body)
        before = len(call.attempts)
        twin.attempts += call.attempts
        try:
            reply = await self._ask(twin, target, "continuation")
        except GatewayError:
            return None
        finally:
            call.attempts += twin.attempts[before:]
        self._counters.add("retries", "continuation")
        return reply.stream


def _can_go_on(call: Call, said: Sent) -> bool:
    """Whether the text so far is all that the other target needs to know."""
    fields = call.body.fields
    if not said.text or said.has_calls or said.finish is not None or said.refuses:
        return False
    if sum(map(len, call.transcript)) >= TRANSCRIPT_MAX:
        return False
    return all(bytes(fields.get(name, values[0])).replace(b" ", b"") in values for name, values in _PLAIN.items())


def _with_prefill(body: Body, said: Sent, prefill: str) -> Body:
    """The request with the answer so far as its last message, marked as the provider wants it.

    White space at its end is left out: services refuse it there, and the model writes it again.
    """
    fields = dict(body.fields)
    messages = _messages.decode(fields["messages"])
    text = said.text.rstrip()
    last = _object.decode(messages[-1]) if messages else {}
    if last.get("role") == "assistant" and isinstance(last.get("content"), str):
        messages.pop()
        text = last["content"] + text
    mark = {"prefix": True} if prefill == "prefix" else {}
    messages.append(Raw(_encode({"role": "assistant", "content": text, **mark})))
    fields["messages"] = Raw(_encode(messages))
    if prefill == "continue_final_message":
        fields |= {"continue_final_message": Raw(b"true"), "add_generation_prompt": Raw(b"false")}
    for name in _LIMITS:
        written = bytes(fields.get(name, b""))
        if written.isdigit():
            fields[name] = Raw(b"%d" % max(1, int(written) - said.tokens))
    longer = copy(body)
    longer.fields = fields
    return longer


class Continued:
    """Makes a second target's stream the rest of the first's: of its id, model and time, without a second role."""

    def __init__(self, inner: StreamDecoder, said: Sent, used: Usage) -> None:
        self._inner = inner
        self._space = said.text[len(said.text.rstrip()) :]
        self._used: Usage | None = used
        self._head = {
            name: Raw(_encode(value))
            for name, value in (("id", said.id), ("model", said.model), ("created", said.created))
            if value is not None
        }

    @property
    def usage(self) -> Usage | None:
        """What the second stream has told."""
        return self._inner.usage

    @property
    def error(self) -> GatewayError | None:
        """That of the second stream."""
        return self._inner.error

    @property
    def owes_usage(self) -> bool:
        """Whether the client asked for usage and the second provider has not told it."""
        return self._inner.owes_usage

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere; give whole frames."""
        return self.rewrite(self._inner.feed(data))

    def close(self, counted: Usage | None = None) -> bytes:
        """The upstream ended: give what is owed. What was counted is the whole answer's."""
        if counted is not None and self.owes_usage:
            self._used = None
        return self.rewrite(self._inner.close(counted))

    def rewrite(self, frames: bytes) -> bytes:
        """Frames of the second stream as frames of the first."""
        return b"".join(self._frames(frames)) if frames else b""

    def _frames(self, frames: bytes) -> Iterator[bytes]:
        for frame in sse.split(frames):
            data = sse.parse(frame).data
            try:
                fields = _fields.decode(data or b"")
                choices = _choices.decode(fields["choices"])
            except (msgspec.DecodeError, KeyError):
                yield frame
                continue
            kept = [choice for choice in choices if self._goes_on(choice)]
            if choices and not kept:
                continue
            fields |= self._head
            fields["choices"] = Raw(_encode(kept))
            if self._used is not None and (told := read_usage(fields.get("usage", b"null"))) is not None:
                fields["usage"] = Raw(_encode(usage_json(self._used + told)))
            yield sse.write(_encode(fields))

    def _goes_on(self, choice: dict[str, Any]) -> bool:
        """Whether a choice says anything after what the client has; what it has already is taken away."""
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return True
        delta.pop("role", None)
        if self._space and (text := delta.get("content")):
            delta["content"] = text.removeprefix(self._space)
            self._space = ""
        return choice.get("finish_reason") is not None or any(delta.values())
