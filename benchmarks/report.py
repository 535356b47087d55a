"""The report: what was measured, as Markdown that also reads well in a terminal."""

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.bars import judge
from benchmarks.contenders import BASELINE, BY_NAME, ISTHMUS
from benchmarks.figures import FIGURES, Figure, Results
from benchmarks.measure import Settings

_ROOT = Path(__file__).parent.parent


def render(results: Results, settings: Settings, command: str, *, judged: bool) -> str:
    """The whole report; a run too short for its figures to mean anything is not judged."""
    contenders = [name for name in BY_NAME if name in results.values]
    sections = [
        f"# Benchmark of {_commit_text()}",
        _method(settings, command),
        _figures(results, contenders),
        f"In brackets: the ratio to {BASELINE.name} in the same round. Median of the rounds.",
        *(
            ["## Bars", _bars(results)]
            if judged
            else ["A smoke run: the figures say that everything works, not how fast."]
        ),
        *_remarks(results, contenders),
    ]
    return "\n\n".join(sections) + "\n"


def commit() -> str:
    """The short name of the commit under test, or `uncommitted`."""
    return _git("rev-parse", "--short", "HEAD") or "uncommitted"


def _commit_text() -> str:
    changed = " with changes" if _git("status", "--porcelain", "--untracked-files=no") else ""
    return f"commit {commit()}{changed}"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _method(settings: Settings, command: str) -> str:
    load = os.getloadavg()[0]
    return (
        f"`{command}` on {_processor()}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}; load average at the end {load:.1f}. One worker on one core; "
        f"mock upstream and load generator on another. Rounds: {settings.rounds}, {settings.seconds:g} s each."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _figures(results: Results, contenders: Sequence[str]) -> str:
    rows = []
    for figure in FIGURES:
        cells = [_cell(results, name, figure) for name in contenders]
        if any(cells):
            rows.append([figure.title, *cells])
    return table(["", *contenders], rows)


def _cell(results: Results, contender: str, figure: Figure) -> str:
    value = results.value(contender, figure.key)
    if value is None:
        return ""
    text = f"{value:,.{figure.digits}f}"
    ratio = results.ratio(contender, figure.key, BASELINE.name) if figure.compared else None
    return text if ratio is None or contender == BASELINE.name else f"{text} ({_short(ratio)})"


def _short(ratio: float) -> str:
    """Two places that say something, from a thousandth to a thousand."""
    if abs(ratio) >= 100:
        return f"{ratio:,.0f}"
    return f"{ratio:.2f}" if abs(ratio) >= 0.1 else f"{ratio:.2g}"


def _bars(results: Results) -> str:
    words = {True: "holds", False: "**missed**", None: "not measured"}
    rows = []
    for verdict in judge(results, ISTHMUS.name):
        measured = "" if verdict.measured is None else f"{verdict.measured:,.2f}"
        rows.append([verdict.bar.title, f"{verdict.bar.sense} {verdict.bar.bound:,g}", measured, words[verdict.holds]])
    return table(["figure", "bar", "measured", ""], rows)


def _remarks(results: Results, contenders: Iterable[str]) -> list[str]:
    titles = [f"- {name}: {BY_NAME[name].title}" for name in contenders]
    left_out = [f"- {name} is left out, {reason}" for name, reason in results.left_out.items()]
    faults = [f"- wrong answers: {fault}" for fault in results.faults]
    return ["\n".join(lines) for lines in (titles, left_out, faults) if lines]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up as plain text; the first one is text, the others are figures."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in (max(width, 2) for width in widths[1:]))]
    widths = [max(width, len(dashes)) for width, dashes in zip(widths, rule, strict=True)]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        return f"| {' | '.join(cells)} |"

    return "\n".join(line(row) for row in (head, rule, *rows))
