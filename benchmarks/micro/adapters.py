"""CPU of a translation: each dialect over recorded answers, beside `json.loads` and `dumps` of the same bytes.

    python -m benchmarks.micro.adapters [--recordings ../shared/wire] [--rounds 5]

For each dialect the recorded unary answer whose length is nearest to 1 kB, and the recorded stream with the most
events, fed one event at a time, without the first, which begins the answer, and the last. `passthrough` is OpenAI's own
dialect over an answer of the same length, which nobody translates. Best of the rounds, taken in turns, because the
machine has other guests.
"""

import argparse
import base64
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

from adapters.inference.contract import Adapter, Target
from adapters.inference.registry import find
from adapters.wire.body import parse
from config.schema import Provider

DIALECTS = ("anthropic", "gemini", "bedrock", "cohere", "ollama")
UNARY_BAR_US = 60.0
EVENT_BAR_US = 5.0
_UNARY_BYTES = 1_024
_LEAST_SECONDS = 0.05


@dataclass(frozen=True)
class Sample:
    """A recorded answer: whole, or in the pieces of a stream."""

    case: str
    pieces: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(map(len, self.pieces))


def samples(folder: Path, streamed: bool) -> Iterator[Sample]:
    """The recorded chat answers of a service."""
    for path in sorted(folder.glob("chat-*.json")):
        told = json.loads(path.read_text())
        answer = told["response"]
        if told["operation"] != "chat" or told["stream"] is not streamed or answer.get("status") not in (None, 200):
            continue
        if not streamed:
            yield Sample(path.stem, (json.dumps(answer["body"]).encode(),))
        elif "raw_base64" in answer:
            yield Sample(path.stem, tuple(_messages(base64.b64decode(answer["raw_base64"]))))
        elif not answer.get("raw", "[").startswith("["):  # Gemini's are one JSON array where nobody asked for events
            blank = "\r\n\r\n" if "\r\n\r\n" in answer["raw"] else "\n\n" if "\n\n" in answer["raw"] else "\n"
            yield Sample(path.stem, tuple((part + blank).encode() for part in answer["raw"].split(blank) if part))


def _messages(stream: bytes) -> Iterator[bytes]:
    """The messages of an AWS event stream: each begins with its length."""
    while stream:
        length = int.from_bytes(stream[:4], "big")
        yield stream[:length]
        stream = stream[length:]


def target_of(dialect: str, adapter: Adapter) -> Target:
    """A model at a provider that speaks the dialect."""
    options = {"bedrock": {"region": "us-east-1"}}.get(dialect, {})
    settings = Provider(dialect=dialect, base_url="https://service.test", options=options)
    return Target(dialect, "model", Raw(b'"model"'), settings, msgspec.convert(options, adapter.options))


def seconds_of(work: Callable[[], Any]) -> float:
    """CPU seconds of one run, over as many as take long enough to be measured."""
    runs = 1
    while True:
        began = time.process_time()
        for _ in range(runs):
            work()
        took = time.process_time() - began
        if took >= _LEAST_SECONDS:
            return took / runs
        runs *= 4


def best(rounds: int, **work: Callable[[], Any]) -> dict[str, float]:
    """The least microseconds of each, all measured in turns."""
    took: dict[str, float] = {}
    for _ in range(rounds):
        for name, each in work.items():
            took[name] = min(took.get(name, float("inf")), seconds_of(each) * 1e6)
    return took


def measure_unary(dialect: str, sample: Sample, rounds: int) -> tuple[float, float, float]:
    """Microseconds of the translation, of passing it through, and of json."""
    adapter, plain = find(dialect), find("openai")
    body, raw = parse(b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}'), sample.pieces[0]
    target, passing = target_of(dialect, adapter), target_of("openai", plain)
    same = b'{"id":"1","choices":[{"message":{"content":"%b"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
    same %= b"x" * max(0, len(raw) - 80)
    took = best(
        rounds,
        translated=lambda: adapter.codecs["chat"].decode(raw, target, body),
        passed=lambda: plain.codecs["chat"].decode(same, passing, body),
        json=lambda: json.dumps(json.loads(raw)),
    )
    return took["translated"], took["passed"], took["json"]


def measure_stream(dialect: str, sample: Sample, rounds: int) -> tuple[float, float]:
    """Microseconds per event of the translation, and of passing as many chunks through; see above for which."""
    adapter, plain = find(dialect), find("openai")
    body = parse(b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true}')
    target, passing = target_of(dialect, adapter), target_of("openai", plain)
    count = len(sample.pieces) - 1
    chunk = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"word"},"finish_reason":null}]}\n\n'

    def run(chosen: Adapter, where: Target, pieces: tuple[bytes, ...]) -> None:
        decoder = chosen.codecs["chat"].stream(where, body)
        for piece in pieces:
            decoder.feed(piece)

    took = best(
        rounds,
        translated=lambda: run(adapter, target, sample.pieces[:-1]),
        passed=lambda: run(plain, passing, (chunk,) * count),
        begun=lambda: run(adapter, target, sample.pieces[:1]),
        begun_plain=lambda: run(plain, passing, (chunk,)),
    )
    return (took["translated"] - took["begun"]) / (count - 1), (took["passed"] - took["begun_plain"]) / (count - 1)


def main() -> None:
    """Measure every dialect and print a table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--recordings", type=Path, default=Path("../shared/wire"))
    asked.add_argument("--rounds", type=int, default=5)
    said = asked.parse_args()
    if not said.recordings.is_dir():
        sys.exit(f"There are no recordings at {said.recordings}: name their folder with --recordings.")
    print(f"{'dialect':<10} {'unary B':>8} {'µs above':>9} {'x json':>7} {'events':>7} {'µs above':>9}")
    for dialect in DIALECTS:
        folder = said.recordings / dialect
        unary = min(samples(folder, streamed=False), key=lambda sample: abs(sample.size - _UNARY_BYTES))
        stream = max(samples(folder, streamed=True), key=lambda sample: len(sample.pieces))
        whole, passed, by_json = measure_unary(dialect, unary, said.rounds)
        event, chunk = measure_stream(dialect, stream, said.rounds)
        print(
            f"{dialect:<10} {unary.size:>8} {whole - passed:>9.1f} {whole / by_json:>7.2f} "
            f"{len(stream.pieces):>7} {event - chunk:>9.2f}"
        )
    print(f"Bars: {UNARY_BAR_US:g} µs above passthrough for a unary answer, {EVENT_BAR_US:g} µs for an event.")


if __name__ == "__main__":
    main()
