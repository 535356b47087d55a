from typing import Any

import jsonschema
import pytest
import yaml

from config.catalogue import ROWS, catalogue
from config.json_schema import DRAFT, json_schema
from tests.config.loading import OPTION_TYPES

SCHEMA = json_schema(OPTION_TYPES)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def errors(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def test_it_is_a_schema_of_its_draft() -> None:
    assert SCHEMA["$schema"] == DRAFT
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "providers: {openai: {}}",
        "providers: {openai: }",
        "server: {port: '${PORT:-8000}', request_log: '${LOG}', limits: {body_bytes: '${BYTES}'}}",
        "server:\nproviders: {local: }",
        "keys: [{name: '${NAME}', key: '${K}'}]",
        "providers: {o: {extends: ollama, api_key: null, rename: {a: null}, queue: null}}",
        "providers: {x: {dialect: '${DIALECT}', operations: ['${OPERATION}'], stream_usage: '${USAGE}'}}",
        "providers: {x: {dialect: azure, options: {api_version: '2024-10-21'}}}",
        "providers: {x: {dialect: 'acme.isthmus:ADAPTER', options: {anything: [1]}}}",
        "providers: {azure: {options: {service_principal: {tenant_id: t, client_id: c, client_secret: '${S}'}}}}",
    ],
)
def test_it_takes_what_the_loader_takes(text: str) -> None:
    assert errors(text) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("servr: {}", "$"),
        ("server: {port: many}", "$.server"),
        ("server: {port: 70000}", "$.server"),
        ("providers: {a b: {}}", "$.providers"),
        ("providers: {x: {dialect: opnai}}", "$.providers.x"),
        ("providers: {x: {dialect: openai, options: {api_version: v1}}}", "$.providers.x"),
        ("providers: {x: {options: {anything: [1]}}}", "$.providers.x"),
        ("providers: {x: {dialect: 'acme:ADAPTER', options: [1]}}", "$.providers.x"),
        ("models: {m: {deployments: []}}", "$.models"),
        ("keys: [{name: a}]", "$.keys"),
    ],
)
def test_it_refuses_what_the_loader_refuses(text: str, path: str) -> None:
    assert errors(text)
    assert all(each.startswith(path.rpartition(".")[0] or "$") for each in errors(text))


def test_every_field_is_described() -> None:
    silent = [
        f"{name}.{field}"
        for name, definition in SCHEMA["$defs"].items()
        for field, schema in definition["properties"].items()
        if "description" not in schema and name not in ("ServicePrincipal",)
    ]
    assert silent == []


def test_the_words_are_those_of_the_code() -> None:
    port: dict[str, Any] = SCHEMA["$defs"]["Server"]["properties"]["port"]
    assert port["description"] == "0 takes any free port and prints it."
    assert port["default"] == 8000


def test_shipped_rows_are_offered() -> None:
    assert set(SCHEMA["$defs"]["Provider"]["properties"]["extends"]["examples"]) == set(catalogue().entries)


def test_the_shipped_rows_keep_to_it() -> None:
    assert errors(f"providers:\n{ROWS.read_text().replace(chr(10), chr(10) + '  ')}") == []
