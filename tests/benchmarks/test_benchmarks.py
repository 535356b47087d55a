"""The benchmark measures what it says: its arithmetic, and its mock upstream under its own load generator."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import harness, scenarios
from benchmarks.bars import BARS, Bar, Verdict, judge
from benchmarks.contenders import ALL
from benchmarks.figures import FIGURES, Results
from benchmarks.launch import Stage
from benchmarks.report import table

pytestmark = pytest.mark.skipif(not shutil.which("cc") or not shutil.which("taskset"), reason="needs cc and taskset")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    harness.build()
    with Stage(tmp_path_factory.mktemp("bench")) as stage:
        yield stage


@pytest.mark.parametrize("scenario", scenarios.MEASURED, ids=lambda scenario: scenario.name)
def test_the_mock_answers_every_kind_of_traffic(stage: Stage, tmp_path: Path, scenario: scenarios.Scenario) -> None:
    request = tmp_path / "request.http"
    request.write_bytes(scenario.request)
    report = harness.run_load(stage.upstream_port, stage.load_core, scenario.arguments(request, 0.2))
    assert (report.errors, report.first_error) == (0, "")
    if scenario is scenarios.PACED:
        assert report.delay_us is not None
        assert 0 < report.delay_us.p50 <= report.delay_us.p99 < 1e6
    else:
        assert report.total > 10
        assert report.latency_us is not None


def test_cancelled_streams_are_closed_and_counted(stage: Stage, tmp_path: Path) -> None:
    request = tmp_path / "request.http"
    request.write_bytes(scenarios.CANCELLED.request)
    before = harness.mock_stats(stage.upstream_port).streams_cut
    report = harness.run_load(stage.upstream_port, stage.load_core, scenarios.CANCELLED.arguments(request, 5, 200))
    assert report.total == 200
    assert harness.mock_stats(stage.upstream_port).streams_cut >= before + 200


def test_wrong_answers_are_told(stage: Stage, tmp_path: Path) -> None:
    request = tmp_path / "request.http"
    request.write_bytes(scenarios.UNARY.request.replace(b"/v1/chat/completions", b"/v1/no/such/path"))
    report = harness.run_load(stage.upstream_port, stage.load_core, scenarios.UNARY.arguments(request, 0.2))
    assert report.total == 0
    assert report.errors
    assert "not 200, status 404" in report.first_error


def test_ratios_are_taken_round_by_round() -> None:
    results = Results()
    for ours, theirs in ((10, 20), (50, 100), (9, 10)):
        results.add("isthmus", "unary.rps", ours)
        results.add("nginx", "unary.rps", theirs)
    assert results.ratio("isthmus", "unary.rps", "nginx") == 0.5
    assert results.value("isthmus", "unary.rps") == 10
    assert results.ratio("isthmus", "unary.rps", "envoy") is None


@pytest.mark.parametrize(("measured", "holds"), [(0.36, True), (0.34, False), (None, None)])
def test_a_bar_holds_or_not(measured: float | None, holds: bool | None) -> None:
    assert Verdict(Bar("a bar", "unary.rps", "≥", 0.35, "nginx"), measured).holds is holds


def test_every_bar_is_about_a_reported_figure() -> None:
    assert {bar.figure for bar in BARS} <= {figure.key for figure in FIGURES}
    assert {bar.relative_to for bar in BARS} - {None} <= {contender.name for contender in ALL}
    assert all(verdict.holds is None for verdict in judge(Results(), "isthmus"))


def test_a_table_lines_up() -> None:
    lines = table(["", "a"], [["figure", "1,000"], ["x", "2"]]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1] == "| ------ | ----: |"
