"""`python -m benchmarks.moderation [rules|classifier] [--samples FILE]`: the tables of docs/moderations.md."""

import argparse
import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from adapters.safety.contract import CheckUnavailable, Content
from adapters.safety.registry import open_check
from benchmarks.moderation.samples import read_samples
from benchmarks.moderation.score import ANY, Score, scores_of
from benchmarks.moderation.texts import Text, read_texts
from config.safety import Check
from config.schema import Operation


async def _nobody(operation: Operation, body: bytes) -> bytes:
    raise CheckUnavailable("there is no model here")


async def judge(type: str, texts: list[Text]) -> list[frozenset[str]]:
    """What a check with its default options finds in texts."""
    check = open_check(type, Check(type=type))
    await check.start()
    judged = await check.judge([Content((text.text,)) for text in texts], _nobody)
    await check.close()
    return [each.found for each in judged]


def main() -> None:
    """Print the table, and on wish the texts that were judged wrong, of those that are not held out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.moderation", description=__doc__)
    parser.add_argument("check", nargs="?", default="rules")
    parser.add_argument("--samples", type=Path, help="OpenAI's evaluation set, samples-1680.jsonl.gz")
    parser.add_argument("--mistakes", action="store_true")
    arguments = parser.parse_args()
    texts = list(read_samples(arguments.samples) if arguments.samples else read_texts())
    began = time.perf_counter()
    found = asyncio.run(judge(arguments.check, texts))
    took = time.perf_counter() - began
    judged = list(zip(texts, found, strict=True))
    for line in table(judged):
        print(line)
    print(f"\n{len(texts)} texts in {took * 1000:.0f} ms.")
    if arguments.mistakes:
        _tell([each for each in judged if not each[0].held_out])


def table(judged: list[tuple[Text, frozenset[str]]]) -> Iterator[str]:
    """Precision and recall by category, as a page shows them."""
    seen = scores_of(each for each in judged if not each[0].held_out)
    held_out = scores_of(each for each in judged if each[0].held_out)
    yield "| category | texts with it | precision | recall | held out: precision | held out: recall |"
    yield "|---|--:|--:|--:|--:|--:|"
    for name in seen:
        count = sum(bool(text.labels) if name == ANY else name in text.labels for text, _ in judged)
        if count:
            yield f"| {name} | {count} | {_figures(seen[name])} | {_figures(held_out[name])} |"


def _figures(score: Score) -> str:
    return f"{score.precision:.2f} | {score.recall:.2f}"


def _tell(judged: list[tuple[Text, frozenset[str]]]) -> None:
    for text, found in judged:
        wrong = found - text.labels - text.undecided
        missed = text.labels - found
        if wrong or missed:
            said = [f"+{name}" for name in sorted(wrong)] + [f"-{name}" for name in sorted(missed)]
            print(f"{' '.join(said)}: {text.text}")


if __name__ == "__main__":
    main()
