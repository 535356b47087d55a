"""docs/files.md says what is: its example works as it stands, its tables are the code's."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from adapters.files.elsewhere import APIS
from adapters.files.s3 import S3Options
from config.file_storage import FileStorage
from tests.gateway_process import GatewayProcess

PAGE = (Path(__file__).parent.parent.parent / "docs/files.md").read_text()


def first_cells(section: str) -> list[str]:
    """The first column of the table in a section."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")][1:]


def test_the_example_works_with_the_configuration_above_it(tmp_path: Path) -> None:
    config: dict[str, Any] = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0])
    config["server"] = {"port": 0}
    config["state"]["records"]["folder"] = str(tmp_path / "state")
    config["providers"] = {"nobody": {"base_url": "http://127.0.0.1:9/v1"}}
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with GatewayProcess(config, tmp_path) as gateway:
        here = program.replace("http://127.0.0.1:8000", gateway.url)
        done = subprocess.run([sys.executable, "-c", here], capture_output=True, text=True, env=os.environ, timeout=60)
    assert done.stdout.splitlines() == [
        "notes.txt 37 3600",
        "An isthmus is a narrow strip of land.",
        "completed 200000",
        "['notes.txt', 'large.txt']",
    ], done.stderr


def test_every_setting_is_named_with_its_default() -> None:
    assert first_cells("Settings") == [f"`{name}`" for name in FileStorage.__struct_fields__]
    for name in ("max_bytes", "upload_bytes", "upload_seconds", "body_seconds"):
        assert f"| `{name}` | {getattr(FileStorage(), name)} |" in PAGE


def test_every_option_of_s3_is_named() -> None:
    named = re.findall(r"`(\w+)`", " ".join(first_cells("S3")))
    assert named == list(S3Options.__struct_fields__)
    assert f"| `attempts` | {S3Options(bucket='b').attempts} |" in PAGE
    assert f"| `timeout_seconds` | {S3Options(bucket='b').timeout_seconds:g} |" in PAGE


def test_every_dialect_with_a_files_api_is_named() -> None:
    assert first_cells("Files that live with a provider") == [f"`{name}`" for name in APIS]
