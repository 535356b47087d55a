"""What guardrails add to a stream: the delay that text picks up, and the time spent on each chunk.

python -m benchmarks.micro.guardrails
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec import Raw

from adapters.inference.contract import NoOptions, StreamDecoder, Target, error_frame
from adapters.safety.contract import Ask
from adapters.wire.body import parse
from adapters.wire.errors import GatewayError
from adapters.wire.usage import Usage
from config.routing import Deployment, Model
from config.safety import Check, Guardrail, Guardrails
from config.schema import Operation, Provider
from gateway.auth import ANYBODY, Caller
from gateway.call import Call, Reply, Stream
from gateway.layers.guardrails.layer import Guardrails as Layer
from gateway.observe.counters import Counters
from gateway.relay import relay
from gateway.route import Route
from gateway.safety.running import RunningCheck

WORDS = 200
"""Of one stream: as many chunks."""
PACES = (0.0, 0.01)
"""Seconds between chunks; 0.01 is a model that writes 100 tokens a second."""
POLICIES: dict[str, Guardrails | None] = {
    "none": None,
    "window 400, overlap 100": Guardrails(output=[Guardrail(check="pii", action="redact")]),
    "window 100, overlap 50": Guardrails(output=[Guardrail(check="pii", action="redact")], window=100, overlap=50),
    "window 16, overlap 32": Guardrails(output=[Guardrail(check="pii", action="redact")], window=16, overlap=32),
    "window 400, annotate": Guardrails(output=[Guardrail(check="pii", action="annotate")]),
}


class _Checks:
    def __init__(self) -> None:
        self._check = RunningCheck("pii", Check(type="pii_patterns"), Counters())

    def find(self, name: str) -> RunningCheck | None:
        return self._check

    def ask_for(self, caller: Caller) -> Ask:
        async def ask(operation: Operation, body: bytes) -> bytes:
            raise GatewayError("Nobody is asked here.")

        return ask


class _Model:
    """A model that writes words of five characters at its pace."""

    error = None
    owes_usage = False
    usage = Usage(1, WORDS)

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self.sent: list[float] = []
        self.at_end = False

    async def chunk(self) -> bytes:
        if len(self.sent) == WORDS:
            self.at_end = True
            return _frame({}, "stop")
        if self._pace:
            await asyncio.sleep(self._pace)
        self.sent.append(time.perf_counter())
        return _frame({"content": f"{len(self.sent) - 1:04d} "})

    def feed(self, data: bytes) -> bytes:
        return data

    def close(self, counted: Usage | None = None) -> bytes:
        return b"data: [DONE]\n\n"


def _frame(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: %b\n\n" % msgspec.json.encode(chunk)


async def _stream(policy: Guardrails | None, pace: float) -> list[float]:
    """Seconds by which each word came later than the model wrote it."""
    model = _Model(pace)

    async def answer(call: Call) -> Reply:
        stream = Stream(b"", cast(StreamDecoder, model), cast(Any, model), error_frame)
        return Reply(200, [], stream=stream)

    came: list[float] = []

    async def send(message: Any) -> None:
        now = time.perf_counter()
        came.extend([now] * message.get("body", b"").count(b'"content"'))

    async def count(call: Call) -> Usage:
        return Usage()

    body = parse(b'{"model":"m","stream":true,"messages":[{"role":"user","content":"Count."}]}')
    call = Call("chat", b"req", ANYBODY, body, {}, 0.0)
    target = Target("lab", "m", Raw(b'"m"'), Provider(base_url="http://lab/v1"), NoOptions())
    settings = Model(deployments=[Deployment(provider="lab", model="m")], guardrails=policy)
    call.route = Route("m", settings, (target,), (None,))
    await relay(call, await Layer(answer, _Checks(), Counters(), count)(call), send, count)
    call.close()
    return [later - sent for sent, later in zip(model.sent, came, strict=True)]


async def _measure(streams: int) -> None:
    print(f"{'policy':26} {'CPU µs/chunk':>12} {'delay ms p50':>13} {'max':>7}   at 100 chunks/s")
    for name, policy in POLICIES.items():
        await _stream(policy, 0.0)
        began = time.process_time()
        for _ in range(streams):
            await _stream(policy, 0.0)
        spent = (time.process_time() - began) / streams / WORDS * 1e6
        delays = sorted(await _stream(policy, PACES[1]))
        print(f"{name:26} {spent:12.1f} {delays[len(delays) // 2] * 1e3:13.1f} {delays[-1] * 1e3:7.1f}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=50, help="streams of each policy for the time per chunk")
    asyncio.run(_measure(parser.parse_args(arguments).streams))


if __name__ == "__main__":
    main()
