"""Every example runs as it is and says something."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from tests.clients.conftest import Service
from tests.clients.node_packages import FOLDER, node
from tests.conftest import missing_for_local_models

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".mjs", ".sh"))


def command(path: Path) -> tuple[list[str], str | None]:
    """How an example is run: the command, and what it is given to read."""
    if path.suffix == ".py":
        return [sys.executable, str(path)], None
    if path.suffix == ".sh":
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        return ["sh", str(path)], None
    # From standard input, Node looks for packages in the working directory, where the tests have theirs.
    return [node(), "--input-type=module"], path.read_text()


def run(path: Path, service: Service) -> str:
    arguments, text = command(path)
    environment = os.environ | {
        "ISTHMUS_BASE_URL": service.base_url,
        "ISTHMUS_KEY": service.api_key,
        "ISTHMUS_MODEL": service.model,
        "ISTHMUS_EMBEDDING_MODEL": service.embedding_model,
    }
    done = subprocess.run(
        arguments, input=text, cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Service:
    """The local models, as for a newcomer; where they are not installed, the scripted one, which has no stores."""
    if "store" in request.node.name or "retriever" in request.node.name:
        return cast(Service, request.getfixturevalue("local"))
    chosen: Service = request.getfixturevalue("scripted" if missing_for_local_models() else "local")
    return chosen


@pytest.mark.parametrize("name", FILES)
def test_an_example_runs(service: Service, name: str) -> None:
    assert run(EXAMPLES / name, service).strip()


def test_every_example_is_in_their_readme() -> None:
    readme = (EXAMPLES / "README.md").read_text()
    assert not [name for name in FILES if name not in readme]
