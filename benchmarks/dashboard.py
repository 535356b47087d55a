"""Draws the panels of docs/grafana/isthmus.json as pictures, from what a Prometheus answers to their own queries.

    python -m benchmarks.dashboard http://127.0.0.1:9090 docs/grafana --minutes 10

It is not Grafana: it takes each panel's place, title, unit, queries and legends from the dashboard and draws them with
matplotlib, so that the page shows what an operator will see without a Grafana to run.
"""

import argparse
import json
import math
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.dates as mdates
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator

ROOT = Path(__file__).parent.parent
BACK, PANEL, EDGE, TEXT, DIM, GRID = "#111217", "#181b1f", "#2c3235", "#ccccdc", "#8e8e99", "#26292e"
COLOURS = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#37872d", "#fade2a", "#c4162a"]
UNIT, COLUMN, GAP = 38, 60, 8
"""Pixels of a row and a column of Grafana's grid, and between panels."""
INTERVAL = "1m"

Series = list[tuple[str, list[float], list[float]]]


def ask(base: str, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
    """The series of a query."""
    written = expression.replace("$__rate_interval", INTERVAL).replace("$route", ".*")
    given = urllib.parse.urlencode({"query": written, "start": start, "end": end, "step": step})
    with urllib.request.urlopen(f"{base}/api/v1/query_range?{given}") as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


def series_of(base: str, panel: dict[str, Any], start: float, end: float) -> Series:
    """Every series of a panel: its legend, times and values."""
    series = []
    for target in panel["targets"]:
        for found in ask(base, target["expr"], start, end, max(5.0, (end - start) / 240)):
            legend = target["legendFormat"]
            for name, value in found["metric"].items():
                legend = legend.replace("{{%s}}" % name, value)  # noqa: UP031 - braces
            pairs = [(float(at), float(value)) for at, value in found["values"] if value != "NaN"]
            series.append((legend, [at for at, _ in pairs], [value for _, value in pairs]))
    return series


def shown(value: float, unit: str) -> str:
    """A value with its unit, as short as Grafana has it."""
    if unit == "percentunit":
        return f"{value * 100:.3g}%"
    if unit == "s":
        return f"{value:.3g} s" if value >= 1 or value == 0 else f"{value * 1_000:.3g} ms"
    if unit == "bytes":
        power = min(3, int(math.log(value, 1_024))) if value >= 1 else 0
        return f"{value / 1_024**power:.3g} {('B', 'KiB', 'MiB', 'GiB')[power]}"
    size = f"{value / 1_000:.3g}K" if value >= 1_000 else f"{value:.3g}"
    return {"currencyUSD": f"${size}", "reqps": f"{size}/s"}.get(unit, size)


def place(figure: Figure, panel: dict[str, Any], top: int) -> tuple[float, float, float, float]:
    """A panel's left, bottom, width and height in pixels."""
    at = panel["gridPos"]
    height = figure.get_figheight() * figure.dpi
    left, width = at["x"] * COLUMN + GAP, at["w"] * COLUMN - GAP
    return left, height - (at["y"] + at["h"] - top) * UNIT, width, at["h"] * UNIT - GAP


def draw(figure: Figure, panel: dict[str, Any], top: int, series: Series) -> None:
    """One panel."""
    width, height = figure.get_figwidth() * figure.dpi, figure.get_figheight() * figure.dpi
    left, bottom, wide, high = place(figure, panel, top)
    if panel["type"] == "row":
        figure.text(left / width, (bottom + 8) / height, f"⌄  {panel['title']}", color=TEXT, size=11, weight="bold")
        return
    box = FancyBboxPatch(
        (left / width, bottom / height), wide / width, high / height, boxstyle="square,pad=0",
        transform=figure.transFigure, facecolor=PANEL, edgecolor=EDGE, linewidth=0.8, zorder=-1,
    )  # fmt: skip
    figure.patches.append(box)
    figure.text((left + 10) / width, (bottom + high - 18) / height, panel["title"], color=TEXT, size=9, weight="bold")
    unit = panel["fieldConfig"]["defaults"]["unit"]
    if panel["type"] == "stat":
        latest = [values[-1] for _, _, values in series if values]
        told = shown(sum(latest), unit) if latest else "No data"
        figure.text(
            (left + wide / 2) / width, (bottom + high * 0.36) / height, told, color=COLOURS[0], size=21, ha="center"
        )
        return
    axes = figure.add_axes(((left + 58) / width, (bottom + 66) / height, (wide - 72) / width, (high - 96) / height))
    plot(axes, panel, series, unit)


def plot(axes: Any, panel: dict[str, Any], series: Series, unit: str) -> None:
    """A panel's lines."""
    axes.set_facecolor(PANEL)
    stacked = panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
    series = sorted(series, key=lambda each: -sum(each[2]))[:6]
    below: dict[float, float] = {}
    for colour, (legend, times, values) in zip(COLOURS, series, strict=False):
        floor = [below.get(at, 0.0) if stacked else 0.0 for at in times]
        upper = [low + value for low, value in zip(floor, values, strict=True)]
        below |= dict(zip(times, upper, strict=True))
        moments = [at / 86_400 for at in times]
        axes.plot(moments, upper, color=colour, linewidth=1.2, label=legend)
        axes.fill_between(moments, floor, upper, color=colour, alpha=0.25 if stacked else 0.08, linewidth=0)
    axes.set_ylim(bottom=0, top=panel["fieldConfig"]["defaults"].get("max"))
    if not stacked and not any(any(values) for _, _, values in series):
        axes.set_ylim(0, 1)
    axes.grid(color=GRID, linewidth=0.8)
    axes.tick_params(colors=DIM, labelsize=7.5, length=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, unit)))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M"))
    for spine in axes.spines.values():
        spine.set_visible(False)
    columns = 2 if any(len(legend) > 24 for legend, _, _ in series) else 4
    if series:
        axes.legend(
            loc="upper left", bbox_to_anchor=(-0.14, -0.1), ncols=columns, frameon=False, fontsize=7,
            labelcolor=TEXT, handlelength=1, columnspacing=1, borderaxespad=0.2,
        )  # fmt: skip
    else:
        axes.text(0.5, 0.5, "No data", color=DIM, transform=axes.transAxes, ha="center")


def picture(base: str, dashboard: dict[str, Any], file: Path, first: int, last: int, minutes: float) -> None:
    """The panels between two rows of the grid, as one picture."""
    end = time.time()
    chosen = [panel for panel in dashboard["panels"] if first <= panel["gridPos"]["y"] < last]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in chosen) - first
    figure = plt.figure(figsize=((24 * COLUMN + GAP) / 100, (rows * UNIT + GAP) / 100), dpi=100, facecolor=BACK)
    for panel in chosen:
        draw(figure, panel, first, series_of(base, panel, end - minutes * 60, end) if "targets" in panel else [])
    figure.savefig(file, facecolor=BACK)
    plt.close(figure)


def main() -> None:
    """Draw both halves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prometheus")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    dashboard = json.loads((ROOT / "docs/grafana/isthmus.json").read_text())
    picture(given.prometheus, dashboard, given.folder / "traffic.png", 0, 22, given.minutes)
    picture(given.prometheus, dashboard, given.folder / "providers.png", 22, 100, given.minutes)


if __name__ == "__main__":
    main()
