"""The Azure dialect: URLs, signing in, and what Azure adds to OpenAI's bodies."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.inference.azure import ADAPTER, locate
from adapters.inference.azure.options import AzureOptions
from adapters.inference.contract import Target
from adapters.wire.body import Body, parse
from config.schema import Provider

ENDPOINT = "https://lab.openai.azure.com"
PRINCIPAL = {"tenant_id": "contoso.example", "client_id": "app", "client_secret": "s3cret&more"}


def target(model: str = "gpt", settings: dict[str, Any] | None = None, **options: Any) -> Target:
    provider = Provider(**{"dialect": "azure", "base_url": ENDPOINT, "auth": "header:api-key"} | (settings or {}))
    return Target(
        "azure", model, msgspec.Raw(msgspec.json.encode(model)), provider, msgspec.convert(options, AzureOptions)
    )


def body(**fields: Any) -> Body:
    return parse(json.dumps({"model": "azure/gpt", "messages": []} | fields).encode())


def url(at: Target, operation: Any = "chat") -> str:
    return ADAPTER.codecs[operation].url(at, body())


def test_the_default_is_the_v1_api_without_a_version_in_the_url() -> None:
    assert url(target()) == f"{ENDPOINT}/openai/v1/chat/completions"


def test_the_preview_of_v1_is_asked_for_by_query() -> None:
    assert url(target(api_version="preview")) == f"{ENDPOINT}/openai/v1/chat/completions?api-version=preview"


@pytest.mark.parametrize(
    ("operation", "path"),
    [("chat", "chat/completions"), ("completions", "completions"), ("embeddings", "embeddings")],
)
def test_a_dated_version_has_the_deployment_in_the_url(operation: str, path: str) -> None:
    dated = target("gpt", api_version="2024-10-21")
    assert url(dated, operation) == f"{ENDPOINT}/openai/deployments/gpt/{path}?api-version=2024-10-21"


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_no_deployment_name_escapes_its_segment_of_the_path(name: str) -> None:
    located = locate(ENDPOINT, "2024-10-21", "/chat/completions", name)
    segment = located.removeprefix(f"{ENDPOINT}/openai/deployments/").removesuffix(
        "/chat/completions?api-version=2024-10-21"
    )
    assert not set(segment) & set("/?# ")
    assert segment.isascii()


@pytest.mark.parametrize("written", ["", "/", "/openai", "/openai/", "/openai/v1", "/openai/v1/"])
def test_the_endpoint_may_be_written_with_the_path_of_the_api(written: str) -> None:
    assert url(target(settings={"base_url": ENDPOINT + written})) == f"{ENDPOINT}/openai/v1/chat/completions"


@pytest.mark.parametrize("version", ["v2", "2024-10", "2024-10-21&x=y", "latest", ""])
def test_a_version_that_is_none_is_refused(version: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        target(api_version=version)


@pytest.mark.parametrize(
    ("version", "path"),
    [("v1", "/openai/v1/models"), ("2024-10-21", "/openai/models?api-version=2024-10-21")],
)
def test_models_are_listed_by_the_resource(version: str, path: str) -> None:
    assert ADAPTER.models_url is not None
    at = target(api_version=version)
    assert ADAPTER.models_url(at.settings, at.options) == ENDPOINT + path


def test_a_key_travels_in_azures_own_header() -> None:
    assert ADAPTER.sign(target(), "", b"", "key") == [(b"api-key", b"key")]


def test_a_ready_made_entra_token_travels_as_bearer() -> None:
    assert ADAPTER.sign(target(settings={"auth": "bearer"}), "", b"", "token") == [(b"authorization", b"Bearer token")]


def test_the_token_of_a_service_principal_is_a_bearer_whatever_auth_says() -> None:
    at = target(service_principal=PRINCIPAL)
    assert ADAPTER.sign(at, "", b"", "token") == [(b"authorization", b"Bearer token")]


def test_a_service_principal_asks_its_tenant_for_a_token() -> None:
    assert ADAPTER.token is not None
    at = target(service_principal=PRINCIPAL)
    grant = ADAPTER.token(at.settings, at.options)
    assert grant is not None
    assert grant.url == "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
    assert grant.form == {
        "grant_type": "client_credentials",
        "client_id": "app",
        "client_secret": "s3cret&more",
        "scope": "https://cognitiveservices.azure.com/.default",
    }


def test_a_sovereign_cloud_has_its_own_authority_and_scope() -> None:
    assert ADAPTER.token is not None
    sovereign = {
        "authority": "https://login.microsoftonline.us/",
        "scope": "https://cognitiveservices.azure.us/.default",
    }
    at = target(service_principal=PRINCIPAL | sovereign)
    grant = ADAPTER.token(at.settings, at.options)
    assert grant is not None
    assert grant.url == "https://login.microsoftonline.us/contoso.example/oauth2/v2.0/token"
    assert grant.form["scope"] == "https://cognitiveservices.azure.us/.default"


def test_no_token_is_asked_for_where_there_is_a_key() -> None:
    assert ADAPTER.token is not None
    assert ADAPTER.token(target().settings, target().options) is None


def test_the_model_of_the_request_is_the_deployment() -> None:
    encoded = ADAPTER.codecs["chat"].encode(body(temperature=0.5), target("my-deployment"))
    assert json.loads(encoded.body) == {"model": "my-deployment", "messages": [], "temperature": 0.5}


def test_a_refused_prompt_keeps_what_the_content_filter_says() -> None:
    # https://learn.microsoft.com/en-us/azure/ai-foundry/openai/concepts/content-filter
    refused = {
        "error": {
            "message": "The response was filtered",
            "type": None,
            "param": "prompt",
            "code": "content_filter",
            "status": 400,
            "innererror": {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": {"hate": {"filtered": True, "severity": "high"}},
            },
        }
    }
    error = ADAPTER.explain(400, [], json.dumps(refused).encode())
    told = json.loads(error.body())["error"]
    assert (error.status, error.code, error.retryable) == (400, "content_filter", False)
    assert told["innererror"] == refused["error"]["innererror"]
    assert told["type"] == "invalid_request_error"


def test_a_wrong_key_is_an_error_in_openais_shape() -> None:
    said = b'{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}'
    error = ADAPTER.explain(401, [], said)
    assert json.loads(error.body())["error"] == {
        "code": "401",
        "message": "Access denied due to invalid subscription key or wrong API endpoint.",
        "type": "invalid_request_error",
        "param": None,
    }
