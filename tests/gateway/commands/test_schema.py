"""`isthmus schema`."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.external_package import BACKEND, GOOD, install
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


def test_the_options_of_an_installed_backend_are_in_it(
    isthmus: Isthmus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "acme", {"acme": "acme:BACKEND"}, {"acme": BACKEND.format(name="acme")}, "isthmus.vector_io")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    validator = Draft202012Validator(json.loads(isthmus("schema").stdout))
    for options, is_right in (({"wings": 4}, True), ({"legs": 4}, False)):
        backends = {"db": {"type": "acme", "options": options}}
        assert validator.is_valid({"vector_stores": {"backends": backends}}) is is_right
