"""docs/vector-stores.md says what is: its example works as it stands, its bounds are the code's."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.vector_stores import VectorStores
from tests.conftest import missing_for_local_models
from tests.gateway_process import GatewayProcess

PAGE = (Path(__file__).parent.parent.parent / "docs/vector-stores.md").read_text()


@pytest.mark.skipif(bool(missing_for_local_models()), reason="local models are not installed (make serve does)")
def test_the_example_works_with_the_configuration_above_it(tmp_path: Path) -> None:
    config: dict[str, Any] = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0])
    config["server"] = {"port": 0}
    config["state"]["records"]["folder"] = str(tmp_path / "state")
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[:1]
    with GatewayProcess(config, tmp_path) as gateway:
        here = program.replace("http://127.0.0.1:8000", gateway.url)
        done = subprocess.run([sys.executable, "-c", here], capture_output=True, text=True, env=os.environ, timeout=60)
    assert done.stdout.splitlines() == [
        "2 files",
        "strait.md A strait is a narrow passage of water that joins two seas.",
    ], done.stderr


def test_the_bound_of_stores_is_the_codes() -> None:
    assert f"{VectorStores().stores_of_owner:,} unless said" in PAGE
