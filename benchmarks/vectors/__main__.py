"""Measure backends one after the other, and write what they gave: a file of figures, a table and a picture.

python -m benchmarks.vectors --count 100000 --picture docs/vector-backends.png sqlite_vec faiss qdrant_edge
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from benchmarks.vectors.measure import Figures

EMBEDDED = ["sqlite_vec", "faiss", "qdrant_edge", "chroma", "milvus"]
RESULTS = Path(__file__).parent.parent / "build" / "vectors.json"
_COLUMNS = {
    "backend": "{0.type}",
    "chunks/s in": "{0.ingest:,.0f}",
    "search p50, ms": "{0.nearest_p50:.1f}",
    "p99": "{0.nearest_p99:.1f}",
    "recall@10": "{0.recall:.3f}",
    "filtered p50, ms": "{0.filtered_p50:.1f}",
    "recall": "{0.filtered_recall:.3f}",
    "words p50, ms": "{0.words_p50:.1f}",
    "memory, MB": "{0.memory:,.0f}",
    "disk, MB": "{0.disk:,.0f}",
    "reopen, ms": "{0.reopen:,.0f}",
    "index whole after, s": "{0.rest:,.0f}",
    "lost by SIGKILL": "{0.crash_lost} of {0.crash_said:,}",
}
_WIDE_SPREAD = 50
"""Where the slowest takes so many times as long as the quickest, a linear scale would show it alone."""
_PANELS = {
    "ingest": "chunks written a second",
    "nearest_p50": "search, p50, ms",
    "recall": "recall@10",
    "filtered_p50": "search with a filter (3 % pass), p50, ms",
    "words_p50": "search by words, p50, ms",
    "memory": "memory, MB",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("types", nargs="*", default=EMBEDDED)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=600, help="for one backend")
    parser.add_argument("--picture", type=Path)
    told = parser.parse_args()
    known = {each.type: each for each in _read()}
    for name in told.types:
        if found := _measure(name, told.count, told.seconds):
            known[name] = found
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(_in_order(known)), indent=1) + b"\n")
    results = _in_order(known)
    print(_table(results))
    if told.picture:
        _draw(results, told.picture)


def _read() -> list[Figures]:
    return msgspec.json.decode(RESULTS.read_bytes(), type=list[Figures]) if RESULTS.exists() else []


def _in_order(known: dict[str, Figures]) -> list[Figures]:
    return [known[name] for name in EMBEDDED if name in known]


def _measure(type: str, count: int, seconds: float) -> Figures | None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.vectors.measure", type, str(count), f"{folder}/{type}"]
        try:
            done = subprocess.run(command, check=True, capture_output=True, timeout=seconds)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            told = (error.stderr or b"").decode(errors="replace").strip().splitlines()
            print(f"{type}: {told[-1] if told else error}", file=sys.stderr)
            return None
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Figures)


def _table(results: list[Figures]) -> str:
    rows = [list(_COLUMNS), ["---"] * len(_COLUMNS)]
    rows += [[cell.format(each) for cell in _COLUMNS.values()] for each in results]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _draw(results: list[Figures], path: Path) -> None:
    """Needs matplotlib, from the extra `bench`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(13, 6), constrained_layout=True)
    names = [each.type for each in reversed(results)]
    for (key, title), axis in zip(_PANELS.items(), axes.flat, strict=True):
        values = [getattr(each, key) for each in reversed(results)]
        colours = ["#c2410c" if name == "sqlite_vec" else "#94a3b8" for name in names]
        digits = 3 if key == "recall" else 1
        labels = [f"{value:,.{0 if value >= 100 else digits}f}" for value in values]
        axis.bar_label(axis.barh(names, values, color=colours), labels=labels, padding=3)
        axis.set_title(title, fontsize=10)
        axis.margins(x=0.2)
        axis.spines[["top", "right"]].set_visible(False)
        if key.endswith("p50") and max(values) > _WIDE_SPREAD * min(values):
            axis.set_xscale("log")
            axis.set_title(f"{title} (log scale)", fontsize=10)
    figure.suptitle(f"{results[0].count:,} chunks of 384 dimensions, one client")
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
