"""The report's picture: one small panel a figure, and memory over the soak."""

from pathlib import Path
from typing import Any

from benchmarks.contenders import BY_NAME, DIRECT, ISTHMUS
from benchmarks.figures import FIGURES, Results

_PANELS = (
    "unary.rps",
    "stream.rps",
    "embeddings.rps",
    "prompt.rps",
    "unary.cpu_us",
    "paced.delay_p99_ms",
    "quiet.added_p50_us",
    "memory.idle_mb",
)
_WIDE_SPREAD = 50.0
"""Where less is better and the worst is this many times the best, a linear scale would flatten all but the worst."""
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
    title = next(figure.title for figure in FIGURES if figure.key == key)
    axis.set_title(title, fontsize=11)
    values = {name: value for name in _shown(results) if (value := results.value(name, key)) is not None and value > 0}
    if not values:
        axis.set_axis_off()
        return
    names = list(reversed(values))
    colours = [_OURS if name == ISTHMUS.name else _OTHERS for name in names]
    bars = axis.barh(names, [values[name] for name in names], color=colours)
    axis.bar_label(bars, labels=[f"{values[name]:,.{0 if values[name] >= 100 else 2}f}" for name in names], padding=3)
    if not key.endswith(".rps") and max(values.values()) > min(values.values()) * _WIDE_SPREAD:
        axis.set_xscale("log")
        axis.set_title(f"{title} (log scale)", fontsize=11)
    axis.margins(x=0.2)
    axis.spines[["top", "right"]].set_visible(False)


def _soak(results: Results, axis: Any) -> None:
    axis.set_title("memory over the soak, MB", fontsize=11)
    for name in _shown(results):
        if memory := results.soak_memory.get(name):
            style = {"color": _OURS, "linewidth": 2.5} if name == ISTHMUS.name else {"linewidth": 1.2}
            axis.plot([part * 10 for part in range(len(memory))], memory, label=name, **style)
    axis.set_xlabel("% of the requests and cancelled streams")
    axis.set_ylim(bottom=0)
    if axis.lines:
        axis.legend(fontsize=9, frameon=False)
    axis.spines[["top", "right"]].set_visible(False)


def _shown(results: Results) -> list[str]:
    """Without the mock upstream alone, which is no gateway."""
    return [name for name in BY_NAME if name in results.values and name != DIRECT.name]
