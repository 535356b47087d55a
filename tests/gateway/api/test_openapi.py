"""The description of what is served: valid, the same as what is served, and open where the gateway does not judge."""

import re
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from config.access import Key
from config.schema import Config
from gateway.api.openapi import description
from gateway.app import _DOORS, App
from gateway.onion import Live, build
from tests.conftest import StartGateway
from tests.gateway.calls import surroundings
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import RawClient

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture
def document() -> Any:
    return msgspec.json.decode(description(with_keys=True))


def get(gateway: GatewayProcess) -> Any:
    with RawClient(gateway.port) as client:
        client.send(b"GET /openapi.json HTTP/1.1\r\nhost: g\r\n\r\n")
        answer = client.answer()
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    return answer.json


def unnamed(path: str) -> str:
    """A path without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_it_is_valid_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_it_describes_the_routes_that_there_are_and_no_other(document: Any) -> None:
    around = surroundings()
    app = App(Live(build(Config(), around), around))
    served = {("post", path) for path in _DOORS}
    for route in app.litestar.routes:
        served |= {(method.lower(), unnamed(route.path_format)) for method in route.methods - {"OPTIONS"}}
    described = {
        (method, unnamed(path)) for path, item in document["paths"].items() for method in item.keys() & METHODS
    }
    assert described == served


def test_it_is_served_without_a_key(gateway: GatewayProcess, document: Any) -> None:
    assert get(gateway) == document


def test_without_keys_it_asks_for_none(start_gateway: StartGateway, document: Any) -> None:
    served = get(start_gateway())
    assert served["security"] == []
    assert served["paths"] == document["paths"]


def test_with_keys_it_says_how_they_are_presented(document: Any) -> None:
    around = surroundings()
    keyring = build(Config(keys=[Key(name="a", key="sk-0123456789")]), around).keyring
    presented = {"bearer": (b"authorization", b"Bearer sk-0123456789")}
    schemes = document["components"]["securitySchemes"]
    assert schemes.pop("admin")["scheme"] == "bearer"
    for name, scheme in schemes.items():
        header = presented.get(name) or (scheme.get("name", "").encode(), b"sk-0123456789")
        caller = keyring.known(dict([header]))
        assert caller is not None
        assert caller.name == "a"
    assert document["security"] == [{name: []} for name in schemes]


def test_what_the_gateway_does_not_judge_is_open(document: Any) -> None:
    for name in ("ChatRequest", "CompletionRequest", "EmbeddingRequest"):
        schema = document["components"]["schemas"][name]
        assert schema["additionalProperties"] is True
        assert schema["required"] == ["model"]


def test_every_error_has_openais_shape_and_every_answer_an_id(document: Any) -> None:
    for name, response in document["components"]["responses"].items():
        assert "x-request-id" in response["headers"], name
        if name not in ("Generated", "Embedded", "Reranked", "Moderation", "Message", "TokenCount"):
            schema = response["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Error"}, name
