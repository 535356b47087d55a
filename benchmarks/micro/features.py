"""CPU of one call through the whole gateway, with features beside none, in one process.

    python -m benchmarks.micro.features [--rounds 100]

No socket is used: a request's bytes are handed to the server's protocol, and the answer's to that of the pool. What
differs between two gateways is thus what a feature costs. They take turns, a few hundred calls each, and the quickest
round of each counts, because the machine has other guests.
"""

import argparse
import asyncio
import gc
import itertools
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import uvloop

from benchmarks.report import table
from config.schema import Config
from gateway.app import App
from gateway.call import Call
from gateway.commands.configuration import read
from gateway.observe.counter import Counter
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.observe.observation import Observation
from gateway.observe.usage import UsageTotals
from gateway.onion import Live, Surroundings, build
from gateway.server.connection import Connection
from gateway.server.listener import Listener
from gateway.state.in_flight import InFlight
from gateway.upstream.dial import Dialer

_CALLS = 250
"""Of a round."""
_WARM_CALLS = 500
_TELEMETRY_MOST_US = 8.0
_KEYS = "keys: [{name: bench, key: sk-bench%s}]"
_LIMIT = ", limit: {requests_per_minute: 1_000_000, tokens_per_minute: 1_000_000_000, parallel_requests: 10_000}"
_CACHE = ", cache: {ttl: 3_600, single_flight: false}"
_NUMBER = b"00000"
_BODY = b'{"model":"gpt","messages":[{"role":"user","content":"What is isthmus %b?"}],"max_tokens":100}' % _NUMBER
_REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"authorization: Bearer sk-bench\r\ncontent-length: %d\r\n\r\n%b"
) % (len(_BODY), _BODY)
_ANSWER_BODY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1741569952,"model":"gpt-5","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"%b","refusal":null,"annotations":[]},"logprobs":null,'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":60,"total_tokens":79,'
    b'"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}'
) % (b"land between two seas " * 15)
_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-ratelimit-limit-requests: 100\r\nx-request-id: req_1\r\n"
    b"content-length: %d\r\n\r\n%b"
) % (len(_ANSWER_BODY), _ANSWER_BODY)

Ask = Callable[[], Awaitable[None]]


class _Line(asyncio.Transport):
    """One end of a connection without a socket; `write` says what becomes of bytes."""

    def __init__(self, write: Callable[[], object]) -> None:
        super().__init__()
        self._write = write

    def write(self, data: Any) -> None:
        self._write()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1)

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        """Nothing comes unasked."""

    def resume_reading(self) -> None:
        """The same."""


async def _dial(dialer: Dialer, factory: Callable[[], Any]) -> Any:
    """A connection to an upstream that answers at once."""
    connection = factory()
    answer = asyncio.get_running_loop().call_soon
    connection.connection_made(_Line(lambda: answer(connection.data_received, _ANSWER)))
    return connection


def _config(
    folder: Path, *, keys: bool = False, limits: bool = False, cache: bool = False, metrics: bool = False
) -> Config:
    lines = (
        "providers: {mock: {dialect: openai, base_url: 'http://127.0.0.1:1/v1', api_key: sk-upstream}}",
        _KEYS % (_LIMIT if limits else "") if keys else "",
        f"models: {{gpt: {{deployments: [{{provider: mock, model: gpt-5}}]{_CACHE if cache else ''}}}}}",
        f"telemetry: {{metrics: {str(metrics).lower()}}}",
    )
    file = folder / "isthmus.yaml"
    file.write_text("\n".join(lines))
    return read(file)


def _gateway(config: Config, folder: Path, numbers: Iterator[int] | None) -> Ask:
    """What has one call answered; its text is another each time where there are numbers."""
    counter, counters = Counter(), Counters()
    estimates = Estimates(counter)
    observation = Observation(config, counters, estimates, folder, 0)
    sinks: list[Callable[[Call], None]] = [UsageTotals(estimates), *observation.sinks]
    around = Surroundings(InFlight(), tuple(sinks), folder, counter.usage_of, counters, estimates)
    app = App(Live(build(config, around), around), observation.snapshots)
    loop = asyncio.get_running_loop()
    answered = loop.create_future()
    connection = Connection(Listener(app, config.server.limits))
    connection.connection_made(_Line(lambda: answered.set_result(None)))

    async def ask() -> None:
        nonlocal answered
        number = b"%05x" % next(numbers) if numbers is not None else _NUMBER
        answered = loop.create_future()
        connection.data_received(_REQUEST.replace(_NUMBER, number))
        await answered

    return ask


async def _measure(asks: list[Ask], rounds: int) -> list[float]:
    """CPU microseconds of a call, for each."""
    for ask in asks:
        for _ in range(_WARM_CALLS):
            await ask()
    gc.collect()
    gc.freeze()
    best = [float("inf")] * len(asks)
    for _ in range(rounds):
        for index, ask in enumerate(asks):
            began = time.process_time()
            for _ in range(_CALLS):
                await ask()
            best[index] = min(best[index], (time.process_time() - began) / _CALLS * 1e6)
    return best


async def _run(rounds: int) -> int:
    numbers = itertools.count(0x10000)
    with tempfile.TemporaryDirectory() as name, mock.patch.object(Dialer, "dial", _dial):
        folder = Path(name)
        everything = _config(folder, keys=True, limits=True, cache=True, metrics=True)
        variants = {
            "nothing": (_config(folder), None),
            "keys": (_config(folder, keys=True), None),
            "metrics": (_config(folder, metrics=True), None),
            "keys and limits": (_config(folder, keys=True, limits=True), None),
            "a cache, misses": (_config(folder, cache=True), numbers),
            "everything, misses": (everything, numbers),
            "everything, hits": (everything, None),
        }
        asks = [_gateway(config, folder, varies) for config, varies in variants.values()]
        spent = dict(zip(variants, await _measure(asks, rounds), strict=True))
    rows = [[title, f"{each:.1f}", f"{each - spent['nothing']:+.1f}"] for title, each in spent.items()]
    print(table(["with", "CPU µs a call", "more"], rows))
    telemetry = spent["metrics"] - spent["nothing"]
    print(f"\nTelemetry costs {telemetry:.1f} µs a call (at most {_TELEMETRY_MOST_US:g}).")
    return int(telemetry > _TELEMETRY_MOST_US)


def main() -> int:
    """The exit status: 1 where telemetry costs too much."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.micro.features", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="default: %(default)s")
    return uvloop.run(_run(parser.parse_args().rounds))


if __name__ == "__main__":
    sys.exit(main())
