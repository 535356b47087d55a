"""Installing contenders, and what an installation of this project costs."""

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from statistics import median

from benchmarks.contenders import ISTHMUS, VENVS, Contender
from benchmarks.figures import Results

_ROOT = Path(__file__).parent.parent


def install(contender: Contender) -> None:
    """Puts a contender into a virtual environment of its own, where `find` looks for it."""
    folder = VENVS / contender.name
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", *contender.packages], check=True)
    print(f"{contender.name} is installed in {folder}", file=sys.stderr)


def measure_core_install(results: Results) -> None:
    """Packages and bytes that `pip install` of this project, without extras, adds to an empty environment."""
    print("installing the core into an empty virtual environment", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="bench-install-") as name:
        folder = Path(name)
        venv.create(folder, with_pip=True)
        bytes_before, packages_before = _installed(folder)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", str(_ROOT)], check=True)
        bytes_after, packages_after = _installed(folder)
    results.add(ISTHMUS.name, "install.mb", (bytes_after - bytes_before) / 1e6)
    results.add(ISTHMUS.name, "install.packages", packages_after - packages_before)


def _installed(folder: Path) -> tuple[int, int]:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return size, sum(1 for _ in folder.rglob("*.dist-info"))


def measure_import(results: Results, contender: Contender, program: Path, times: int) -> None:
    """Time to import the contender's main module, less that of a bare interpreter."""
    python = program.with_name("python")
    if contender.imports is None or not python.exists():
        return
    bare = median(_run_seconds(python, "pass", contender) for _ in range(times))
    full = median(_run_seconds(python, f"import {contender.imports}", contender) for _ in range(times))
    results.add(contender.name, "import.ms", (full - bare) * 1e3)


def _run_seconds(python: Path, code: str, contender: Contender) -> float:
    begin = time.monotonic()
    subprocess.run(
        [python, "-c", code], check=True, env={**os.environ, **contender.environment}, stdout=subprocess.DEVNULL
    )
    return time.monotonic() - begin
