"""docs/telemetry.md and docs/grafana say what is."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from gateway.observe.families import FAMILIES

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/telemetry.md").read_text()
DASHBOARD = json.loads((ROOT / "docs/grafana/isthmus.json").read_text())
ALERTS = yaml.safe_load((ROOT / "docs/grafana/alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if "targets" in panel]
_NAME = re.compile(r"isthmus_[a-z_]+")


def names(expression: str) -> set[str]:
    """The families that an expression reads."""
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in _NAME.findall(expression)}


def table() -> str:
    """Every family, as the page lists them."""
    lines = ["| Metric | Type | Labels | Tells |", "|---|---|---|---|"]
    for family in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        lines.append(f"| `{family.shown}` | {family.kind} | {labels} | {family.help} |")
    return "\n".join(lines)


def test_the_page_lists_every_metric() -> None:
    assert table() in PAGE


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_shows_only_what_the_gateway_tells(panel: dict[str, list[dict[str, str]]]) -> None:
    known = {family.shown for family in FAMILIES}
    for target in panel["targets"]:
        assert names(target["expr"])
        assert names(target["expr"]) <= known


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_reads_labels_that_there_are(panel: dict[str, list[dict[str, str]]]) -> None:
    labels = {family.shown: {*family.labels, "le"} for family in FAMILIES}
    for target in panel["targets"]:
        for name, inside in re.findall(r"(isthmus_[a-z_]+)\{([^}]*)\}", target["expr"]):
            (family,) = names(name)
            assert set(re.findall(r"(\w+)(?==~|!=|!~|=)", inside)) <= labels[family]


def test_panels_do_not_lie_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & cells
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_alerts_read_only_what_the_gateway_tells() -> None:
    known = {family.shown for family in FAMILIES}
    for rule in RULES:
        assert names(rule["expr"]) <= known


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (apt install prometheus)")
@pytest.mark.parametrize("what", [("rules", "alerts.yml"), ("config", "prometheus.yml")], ids=lambda what: what[0])
def test_prometheus_takes_the_files(what: tuple[str, str]) -> None:
    command = ["promtool", "check", what[0], str(ROOT / "docs/grafana" / what[1])]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stderr


def test_the_runbook_has_a_section_for_every_alert() -> None:
    runbook = (ROOT / "docs/runbook.md").read_text()
    assert [rule["alert"] for rule in RULES if f"`{rule['alert']}`" not in runbook] == []


def test_the_runbook_names_only_metrics_that_there_are() -> None:
    runbook = (ROOT / "docs/runbook.md").read_text()
    assert names(runbook) <= {family.shown for family in FAMILIES}
