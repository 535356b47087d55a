"""docs/keys.md says what is: its commands work in their order, its configurations load."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.access import Issuer, Key
from tests.config.loading import read
from tests.conftest import StartGateway
from tests.gateway.api.admin_client import ADMIN_KEY, Admin

PAGE = (Path(__file__).parent.parent.parent / "docs/keys.md").read_text()


def shown(language: str) -> list[str]:
    """The examples in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def keys_in(value: Any) -> Any:
    """The shape of an answer: its names, all the way down."""
    if isinstance(value, dict):
        return {name: keys_in(part) for name, part in value.items()}
    return [keys_in(part) for part in value] if isinstance(value, list) else None


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_do_what_the_page_says(start_gateway: StartGateway, tmp_path: Path) -> None:
    gateway = start_gateway(admin={"key": ADMIN_KEY}, state={"records": {"folder": str(tmp_path / "state")}})

    def run(command: str, key_id: str = "") -> list[Any]:
        done = subprocess.run(
            ["bash", "-c", command.replace("http://127.0.0.1:8000", gateway.url)],
            env={**os.environ, "ISTHMUS_ADMIN_KEY": ADMIN_KEY, "KEY_ID": key_id},
            capture_output=True,
            text=True,
        )
        answers = done.stdout.replace('}{"object', '}\n{"object').splitlines()
        return [msgspec.json.decode(answer) for answer in answers]

    create, look, change, rotate, end = shown("sh")
    (made,) = run(create)
    (told,) = [msgspec.json.decode(example) for example in shown("json")]
    assert keys_in(made) == keys_in(told)
    listed, one = run(look, made["id"])
    assert listed["data"] == [one]
    assert one == {name: value for name, value in made.items() if name != "value"}
    (changed,) = run(change, made["id"])
    assert (changed["models"], changed["limit"], changed["team"]) == (["*"], None, "research")
    (rotated,) = run(rotate, made["id"])
    assert rotated["value"] != made["value"]
    assert rotated["secrets"][1]["expires_at"] - rotated["secrets"][0]["created_at"] == 86_400
    disabled, deleted = run(end, made["id"])
    assert (disabled["disabled"], deleted["deleted"]) == (True, True)
    assert Admin(gateway).ask("GET", f"/admin/keys/{made['id']}")[0] == 404


@pytest.mark.parametrize("text", shown("yaml"))
def test_a_configuration_loads(text: str) -> None:
    assert read(text, {"ISTHMUS_ADMIN_KEY": "a" * 16, "OPENAI_API_KEY": "b", "DB_PASSWORD": "c"}).providers


def test_every_field_is_named() -> None:
    for struct in (Key, Issuer):
        assert [name for name in struct.__struct_fields__ if f"`{name}`" not in PAGE and f"{name}:" not in PAGE] == []
