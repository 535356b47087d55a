"""`isthmus schema`."""

import json

from jsonschema import Draft202012Validator

from tests.gateway.commands.conftest import Isthmus


def test_the_schema_is_printed_and_is_one(isthmus: Isthmus) -> None:
    done = isthmus("schema")
    assert done.returncode == 0
    schema = json.loads(done.stdout)
    Draft202012Validator.check_schema(schema)
    assert not list(Draft202012Validator(schema).iter_errors({"providers": {"lab": {"base_url": "http://lab/v1"}}}))
    assert list(Draft202012Validator(schema).iter_errors({"servre": {}}))
