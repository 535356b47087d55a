"""OpenAI's description of its API: which operation a request is of, and what its schema says to a body."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FILE = Path(__file__).parents[3] / "shared" / "openai" / "openapi.yaml"
"""Beside the project where it is developed; users do not have it."""
ROOMS = ("/files", "/uploads", "/vector_stores", "/moderations")
_BASE = "urn:openai"
_METHODS = ("get", "post", "delete")


class Operation(NamedTuple):
    """A method of a path, as the description writes it."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


class Description:
    """The part of the description that is about files, uploads, vector stores and moderations."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._paths = {path: item for path, item in document["paths"].items() if path.startswith(ROOMS)}
        self._patterns = [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), path) for path in self._paths]
        components = document["components"]
        # `$recursiveRef` is of an older draft than OpenAPI 3.1 has, where nothing heeds it.
        nested = components["schemas"]["CompoundFilter"]["properties"]["filters"]["items"]["oneOf"]
        nested[nested.index({"$recursiveRef": "#"})] = {"$ref": "#/components/schemas/CompoundFilter"}
        # Requests may have this purpose, answers forget it.
        components["schemas"]["OpenAIFile"]["properties"]["purpose"]["enum"].append("evals")
        self.document = {
            "openapi": document["openapi"],
            "info": document["info"],
            "paths": self._paths,
            "components": components,
        }
        """The part of it, as a description of its own."""
        resource = Resource.from_contents({"components": _with_ours(components)}, DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_BASE, resource)
        self.operations = [
            Operation(method, path) for path, item in self._paths.items() for method in _METHODS if method in item
        ]

    def operation(self, method: str, path: str) -> Operation | None:
        """Whose request this is; None where the description has no such."""
        for pattern, template in self._patterns:
            if pattern.fullmatch(path) and method.lower() in self._paths[template]:
                return Operation(method.lower(), template)
        return None

    def faults_of_request(self, operation: Operation, body: Any) -> list[str]:
        """What is wrong with a request that was accepted."""
        content = self._described(operation).get("requestBody", {}).get("content", {})
        return [fault for each in content.values() for fault in self._faults(each["schema"], body)]

    def faults_of_query(self, operation: Operation, query: dict[str, str]) -> list[str]:
        """What is wrong with the parameters in an accepted request's URL."""
        described = {
            each["name"].removesuffix("[]"): each["schema"]
            for each in self._described(operation).get("parameters", [])
            if each["in"] == "query"
        }
        unknown = [f"{name} is no parameter" for name in query if name not in described]
        known = [(described[name], value) for name, value in query.items() if name in described]
        return unknown + [fault for schema, value in known for fault in self._faults(schema, _typed(schema, value))]

    def faults_of_answer(self, operation: Operation, body: Any) -> list[str]:
        """What is wrong with the body of a successful answer."""
        content = self._described(operation)["responses"]["200"].get("content", {})
        schema = content.get("application/json", {}).get("schema")
        return self._faults(schema, body) if schema is not None else []

    def faults_of_error(self, body: Any) -> list[str]:
        """What is wrong with the body of a refusal."""
        return self._faults({"$ref": "#/components/schemas/ErrorResponse"}, body)

    def _described(self, operation: Operation) -> dict[str, Any]:
        described: dict[str, Any] = self._paths[operation.path][operation.method]
        return described

    def _faults(self, schema: Any, value: Any) -> list[str]:
        # A schema that stands in a path refers to components as if it stood in the document itself.
        anchored = json.loads(json.dumps(schema).replace('"#/components', f'"{_BASE}#/components'))
        validator = jsonschema.Draft202012Validator(anchored, registry=self._registry)
        return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]


@cache
def described() -> Description | None:
    """The description; None where it is not there."""
    if not FILE.exists():
        return None
    with FILE.open("rb") as file:
        return Description(yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def rooms() -> Iterator[str]:
    """The beginnings of the paths that are watched, as a gateway has them."""
    return (f"/v1{room}" for room in ROOMS)


def _with_ours(components: dict[str, Any]) -> dict[str, Any]:
    """The same with what a request may have here besides: the weights that OpenAI has in its file search tool alone."""
    ours = deepcopy(components)
    ranking = ours["schemas"]["VectorStoreSearchRequest"]["properties"]["ranking_options"]["properties"]
    ranking["hybrid_search"] = {"$ref": "#/components/schemas/HybridSearchOptions"}
    return ours


def _typed(schema: Any, value: str) -> Any:
    """A value of a URL as the type that its schema asks for."""
    return int(value) if schema.get("type") == "integer" and re.fullmatch("-?[0-9]+", value) else value
