"""`isthmus schema`."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.external_package import GOOD, install
from tests.gateway.commands.conftest import Isthmus


def test_the_schema_is_printed_and_is_one(isthmus: Isthmus) -> None:
    done = isthmus("schema")
    assert done.returncode == 0
    schema = json.loads(done.stdout)
    Draft202012Validator.check_schema(schema)
    assert not list(Draft202012Validator(schema).iter_errors({"providers": {"lab": {"base_url": "http://lab/v1"}}}))
    assert list(Draft202012Validator(schema).iter_errors({"servre": {}}))


def test_the_options_of_installed_packages_are_in_it(
    isthmus: Isthmus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = "\nfrom msgspec import Struct\nclass Wings(Struct, forbid_unknown_fields=True): wings: int = 2\n"
    module = f"{GOOD.format(dialect='acme')}{options}ADAPTER = replace(ADAPTER, options=Wings)\n"
    install(tmp_path, "acme", {"acme": "acme:ADAPTER", "worse": "worse:ADAPTER"}, {"acme": module, "worse": "1 / 0"})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = isthmus("schema")
    validator = Draft202012Validator(json.loads(done.stdout))
    assert not list(validator.iter_errors({"providers": {"x": {"dialect": "acme", "options": {"wings": 4}}}}))
    assert list(validator.iter_errors({"providers": {"x": {"dialect": "acme", "options": {"legs": 4}}}}))
    assert done.stderr.startswith("the dialect worse, from the package acme 1.0.0")
