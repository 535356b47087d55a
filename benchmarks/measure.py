"""Runs the scenarios: contenders start together, then each in turn has the core while the others are frozen."""

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import harness, scenarios
from benchmarks.contenders import DIRECT, Contender
from benchmarks.figures import Results
from benchmarks.harness import LoadReport
from benchmarks.launch import Running, Stage
from benchmarks.processes import wait_until
from benchmarks.scenarios import Scenario

_SLOW_START_MS = 5_000.0
_SETTLE_SECONDS = 30.0
_LOOK_SECONDS = 0.1
_WAKE_SECONDS = 0.5
"""Of requests that no figure counts: the kernel may have dropped pages of a contender while it was frozen."""
_REST_SHARE = 0.2
"""Of the core; nobody here does more when nothing is asked."""


@dataclass(frozen=True)
class Settings:
    """What, how long and how often."""

    scenarios: tuple[Scenario, ...] = scenarios.MEASURED
    rounds: int = 3
    seconds: float = 4.0
    """Of each scenario, its warm-up aside."""
    soak_requests: int = 100_000
    soak_cancels: int = 10_000
    soak_seconds: float = 240.0
    """A contender that needs longer has no memory figures but the idle one."""
    soak_rest: float = 15.0
    """Seconds: what a contender started for the work, and ends when there is none, is gone by then."""


def say(text: str) -> None:
    """Progress, apart from the report."""
    print(text, file=sys.stderr, flush=True)


class Measurement:
    """One run on one stage."""

    def __init__(self, settings: Settings, stage: Stage, folder: Path) -> None:
        self.settings = settings
        self.results = Results()
        self._stage = stage
        self._folder = folder

    def start(self, contenders: Iterable[Contender]) -> list[Running]:
        """All that can be started, each frozen; the others are in `results.left_out`."""
        return [running for contender in contenders if (running := self._start(contender))]

    def rounds(self, contenders: Iterable[Running]) -> None:
        """Every scenario with every contender, one after the other, again and again, so that noise is shared."""
        for number in range(1, self.settings.rounds + 1):
            for scenario in self.settings.scenarios:
                say(f"round {number} of {self.settings.rounds}: {scenario.title}")
                for running in contenders:
                    with running.turn():
                        self.load(running, scenarios.UNARY, min(_WAKE_SECONDS, self.settings.seconds))
                        self._measure(running, scenario)
                        self.settle(running)

    def load(self, running: Running, scenario: Scenario, seconds: float, count: int | None = None) -> LoadReport:
        """One run of the load generator; wrong answers become faults of the results."""
        request = self._folder / f"{scenario.name}.http"
        request.write_bytes(scenario.request)
        report = harness.run_load(running.port, self._stage.load_core, scenario.arguments(request, seconds, count))
        if report.errors:
            fault = f"{running.name}, {scenario.title}: {report.errors} wrong answers, the first: {report.first_error}"
            say(fault)
            self.results.faults.append(fault)
        return report

    def settle(self, running: Running) -> None:
        """Lets it work off what the end of a run cut short, which would otherwise burden the next one."""

        def at_rest() -> bool:
            before = running.tree.cpu_seconds()
            time.sleep(_LOOK_SECONDS)
            busy = (running.tree.cpu_seconds() - before) / _LOOK_SECONDS
            works = busy >= _REST_SHARE and running.contender is not DIRECT  # the mock never sleeps
            return not works and not harness.mock_stats(self._stage.upstream_port).paced_now

        wait_until(at_rest, _SETTLE_SECONDS)

    def _start(self, contender: Contender) -> Running | None:
        """Starts it as often as there are rounds, for the time that takes; the last one stays."""
        program = contender.find()
        if program is None:
            self._leave_out(contender, f"not installed: {contender.how_to_install}")
            return None
        for left in reversed(range(self.settings.rounds)):
            running = self._stage.start(contender, program)
            if running is None:
                lines = self._stage.log_of(contender).read_text(errors="replace").splitlines()
                self._leave_out(contender, f"did not start: {' '.join(lines[-3:])}")
                return None
            say(f"{contender.name} answers after {running.start_ms:.0f} ms")
            self.results.add(contender.name, "start.ms", running.start_ms)
            if not left or running.start_ms > _SLOW_START_MS:
                running.tree.freeze()
                return running
            running.tree.stop()
        return None

    def _leave_out(self, contender: Contender, reason: str) -> None:
        say(f"{contender.name} is left out, {reason}")
        self.results.left_out[contender.name] = reason

    def _measure(self, running: Running, scenario: Scenario) -> None:
        cpu, begin = running.tree.cpu_seconds(), time.monotonic()
        report = self.load(running, scenario, self.settings.seconds)
        elapsed = time.monotonic() - begin
        cpu = running.tree.cpu_seconds() - cpu
        self._record(running.name, scenario, report)
        add, name = self.results.add, running.name
        if report.total and scenario is not scenarios.PACED:
            add(name, f"{scenario.name}.cpu_us", cpu / report.total * 1e6)
        add(name, f"{scenario.name}.busy", cpu / elapsed * 100)

    def _record(self, name: str, scenario: Scenario, report: LoadReport) -> None:
        add = self.results.add
        add(name, f"{scenario.name}.rps", report.requests_per_second)
        if report.latency_us:
            add(name, f"{scenario.name}.p50_ms", report.latency_us.p50 / 1e3)
            add(name, f"{scenario.name}.p99_ms", report.latency_us.p99 / 1e3)
        if scenario is scenarios.QUIET and report.latency_us:
            self._record_added(name, report.latency_us)
        if report.delay_us:
            add(name, f"{scenario.name}.delay_p50_ms", report.delay_us.p50 / 1e3)
            add(name, f"{scenario.name}.delay_p99_ms", report.delay_us.p99 / 1e3)

    def _record_added(self, name: str, latency: harness.Percentiles) -> None:
        """Low-load latency less that of the mock upstream alone in the same round."""
        direct = self.results.values.get(DIRECT.name, {})
        if name == DIRECT.name:
            self.results.add(name, "quiet.p50_us", latency.p50)
            self.results.add(name, "quiet.p99_us", latency.p99)
        elif "quiet.p50_us" in direct:
            self.results.add(name, "quiet.added_p50_us", latency.p50 - direct["quiet.p50_us"][-1])
            self.results.add(name, "quiet.added_p99_us", latency.p99 - direct["quiet.p99_us"][-1])
