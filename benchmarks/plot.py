"""The report's picture: one small panel a figure, and memory over the soak."""

from pathlib import Path
from typing import Any

from benchmarks.contenders import BY_NAME, ISTHMUS
from benchmarks.figures import FIGURES, Results

_PANELS = (
    "unary.rps",
    "stream.rps",
    "unary.cpu_us",
    "paced.delay_p99_ms",
    "quiet.added_p50_us",
    "embeddings.rps",
    "prompt.rps",
    "memory.idle_mb",
)
_WIDE_SPREAD = 50.0
"""From this ratio of the largest value to the smallest, a linear axis would show only the largest."""
_OURS, _OTHERS = "#c2410c", "#94a3b8"


def draw(results: Results, path: Path) -> None:
    """Writes the picture; needs matplotlib, from the extra `bench`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, 3, figsize=(15, 11), constrained_layout=True)
    for key, axis in zip(_PANELS, axes.flat, strict=False):
        _bars(results, key, axis)
    _soak(results, axes.flat[len(_PANELS)])
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _bars(results: Results, key: str, axis: Any) -> None:
    values = {name: value for name in BY_NAME if (value := results.value(name, key)) is not None and value > 0}
    axis.set_title(next(figure.title for figure in FIGURES if figure.key == key), fontsize=11)
    if not values:
        axis.set_axis_off()
        return
    names = list(reversed(values))
    colours = [_OURS if name == ISTHMUS.name else _OTHERS for name in names]
    bars = axis.barh(names, [values[name] for name in names], color=colours)
    axis.bar_label(bars, labels=[f"{values[name]:,.{0 if values[name] >= 100 else 2}f}" for name in names], padding=3)
    if max(values.values()) > min(values.values()) * _WIDE_SPREAD:
        axis.set_xscale("log")
    axis.margins(x=0.2)
    axis.spines[["top", "right"]].set_visible(False)


def _soak(results: Results, axis: Any) -> None:
    axis.set_title("memory over the soak, MB", fontsize=11)
    for name, memory in results.soak_memory.items():
        ours = name == ISTHMUS.name
        axis.plot([part * 10 for part in range(len(memory))], memory, label=name, linewidth=2.5 if ours else 1.2)
    axis.set_xlabel("% of the requests and cancelled streams")
    axis.set_ylim(bottom=0)
    if results.soak_memory:
        axis.legend(fontsize=9, frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
