"""Packages outside of this repository, installed where only a test finds them: a module and its `.dist-info`."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from adapters.inference.registry import GROUP

GOOD = """
from adapters.inference import openai
from msgspec.structs import replace

ADAPTER = replace(openai.ADAPTER, name="{dialect}")
"""
"""A module whose dialect is OpenAI's under another name."""


BACKEND = """
from adapters.vector_io.contract import BackendType
from msgspec import Struct

class Options(Struct, forbid_unknown_fields=True):
    wings: int = 2

BACKEND = BackendType("{name}", Options, lambda name, options, folder: (name, options.wings, folder))
"""
"""A module with a vector backend that is none, but is offered as one."""
CHECK = """
from adapters.safety.contract import CheckType
from msgspec import Struct

class Strictness(Struct, forbid_unknown_fields=True):
    level: int = 3

CHECK = CheckType("{name}", Strictness, lambda name, options: (name, options.level))
"""
STORE = """
from adapters.files.contract import Store
from msgspec import Struct

class Place(Struct, forbid_unknown_fields=True):
    shelf: str

STORE = Store("{name}", Place, lambda options, folder: (options.shelf, folder))
"""


def install(
    site: Path, package: str, entry_points: Mapping[str, str], modules: Mapping[str, str], group: str = GROUP
) -> None:
    """Put a package into a folder as an installer does; `entry_points` are names and `module:VALUE`."""
    information = site / f"{package.replace('-', '_')}-1.0.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0.0\n")
    lines = "".join(f"{name} = {value}\n" for name, value in entry_points.items())
    (information / "entry_points.txt").write_text(f"[{group}]\n{lines}")
    for name, text in modules.items():
        (site / f"{name}.py").write_text(text)


def install_project(site: Path, folder: Path) -> None:
    """Install what a folder's `pyproject.toml` says, without the network."""
    told = tomllib.loads((folder / "pyproject.toml").read_text())
    modules = {name: (folder / f"{name}.py").read_text() for name in told["tool"]["setuptools"]["py-modules"]}
    install(site, told["project"]["name"], told["project"]["entry-points"][GROUP], modules)
