"""`python -m benchmarks`: measures, prints the report, and keeps it on request."""

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from benchmarks import contenders, harness, install, report, scenarios
from benchmarks.figures import Results
from benchmarks.launch import Stage
from benchmarks.measure import Measurement, Settings
from benchmarks.soak import soak

_SMOKE = Settings(rounds=1, seconds=0.3, soak_requests=1_000, soak_cancels=200, soak_seconds=20, soak_rest=0)
_RESULTS = harness.HERE / "results"


def main() -> int:
    """The exit status: 1 when an answer was wrong or a required contender is missing."""
    options = _parse()
    if options.command == "install":
        for name in options.names:
            install.install(contenders.BY_NAME[name])
        return 0
    settings = _SMOKE if options.smoke else _settings(options)
    names = options.contenders or (contenders.SMOKE if options.smoke else contenders.BY_NAME)
    chosen = [one for one in contenders.ALL if one.name in names]
    results = _run(settings, chosen, with_soak=not options.no_soak)
    if options.install_size:
        install.measure_core_install(results)
    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    text = report.render(results, settings, command, judged=not options.smoke)
    print(text)
    if options.save:
        _save(text, results)
    missing = [one.name for one in contenders.REQUIRED if one in chosen and one.name in results.left_out]
    return 1 if results.faults or missing else 0


def _parse() -> argparse.Namespace:
    names = [contender.name for contender in contenders.ALL]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the gateway beside others.")
    parser.add_argument("--smoke", action="store_true", help="only show that everything works, in half a minute")
    parser.add_argument("--contenders", nargs="+", choices=names, help="only these")
    parser.add_argument("--scenarios", nargs="+", choices=[one.name for one in scenarios.MEASURED], help="only these")
    parser.add_argument("--rounds", type=int, default=Settings.rounds, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=Settings.seconds, help="a scenario, default: %(default)s")
    parser.add_argument("--no-soak", action="store_true", help="leave memory after very many requests out")
    parser.add_argument("--install-size", action="store_true", help="also install the core into an empty environment")
    parser.add_argument("--save", action="store_true", help="keep report and plot in benchmarks/results/")
    commands = parser.add_subparsers(dest="command")
    installer = commands.add_parser("install", help="install contenders, each into an environment of its own")
    installer.add_argument("names", nargs="+", choices=[one.name for one in contenders.ALL if one.packages])
    options = parser.parse_args()
    if options.save and find_spec("matplotlib") is None:
        parser.error("--save draws with matplotlib: pip install -e '.[bench]'")
    return options


def _settings(options: argparse.Namespace) -> Settings:
    chosen = tuple(one for one in scenarios.MEASURED if not options.scenarios or one.name in options.scenarios)
    return Settings(scenarios=chosen, rounds=options.rounds, seconds=options.seconds)


def _run(settings: Settings, chosen: Sequence[contenders.Contender], *, with_soak: bool) -> Results:
    harness.build()
    with tempfile.TemporaryDirectory(prefix="bench-") as name, Stage(Path(name)) as stage:
        measurement = Measurement(settings, stage, Path(name))
        running = measurement.start(chosen)
        for one in running if with_soak else []:
            with one.turn():
                soak(measurement, one, stage.upstream_port)
        measurement.rounds(running)
        for one in running:
            install.measure_import(measurement.results, one.contender, one.program, settings.rounds)
        return measurement.results


def _save(text: str, results: Results) -> None:
    from benchmarks.plot import draw

    _RESULTS.mkdir(exist_ok=True)
    name = f"{datetime.now(UTC):%Y-%m-%d}-{report.commit()}"
    (_RESULTS / f"{name}.md").write_text(f"{text}\n![the same as a plot]({name}.png)\n")
    draw(results, _RESULTS / f"{name}.png")
    print(f"kept as {_RESULTS / name}.md and .png", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
