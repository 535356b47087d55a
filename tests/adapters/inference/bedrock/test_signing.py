"""Signatures, judged byte for byte by botocore's own."""

import json
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from adapters.inference.bedrock import ADAPTER
from adapters.inference.bedrock.signing import AwsKeys, region_of, signed
from adapters.inference.bedrock.urls import locate
from adapters.wire.errors import ProviderUnusable
from tests.adapters.inference.bedrock.asking import BASE_URL, target

MOMENT = "20261122T083000Z"
KEYS = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SECRET = json.dumps({"access_key_id": "AKID", "secret_access_key": "secret", "session_token": "token"})
URL = locate(BASE_URL, "us.amazon.nova-lite-v1:0", "converse")
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


def judged(keys: AwsKeys, region: str, url: str, body: bytes) -> dict[str, str]:
    """The headers with which botocore signs the same request at the same moment."""
    request: Any = AWSRequest("POST", url, {"Content-Type": "application/json"}, body)
    request.context["timestamp"] = MOMENT
    request.headers["X-Amz-Date"] = MOMENT
    signer: Any = SigV4Auth(
        Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token), "bedrock", region
    )
    if keys.session_token:
        request.headers["X-Amz-Security-Token"] = keys.session_token
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    signer._inject_signature_to_request(request, signature)
    return {name.lower(): value for name, value in request.headers.items() if name != "Content-Type"}


def sign(keys: AwsKeys, region: str, url: str, body: bytes) -> dict[str, str]:
    headers = signed(keys, region, MOMENT, "POST", url, body)
    return {name.decode(): value.decode() for name, value in headers.items()}


@given(NAMES, st.binary(max_size=200), st.sampled_from([None, "FwoGZXIvYXdzEBYaDH/token=="]))
def test_every_model_and_body_is_signed_as_botocore_signs_it(model: str, body: bytes, token: str | None) -> None:
    keys = AwsKeys(KEYS.access_key_id, KEYS.secret_access_key, token)
    url = locate(BASE_URL, model, "converse-stream")
    assert sign(keys, "us-east-1", url, body) == judged(keys, "us-east-1", url, body)


@pytest.mark.parametrize(
    "url",
    [
        "https://proxy.example:8443/aws/model/a/converse",
        "https://proxy.example:443/model/a/converse",
        "http://127.0.0.1:80/model/a/converse",
        "http://127.0.0.1:9000/model/a/converse?b=2&a=1",
        "http://[::1]:9000/model/a/converse",
        "https://Proxy.Example",
    ],
)
def test_every_kind_of_address_is_signed_as_botocore_signs_it(url: str) -> None:
    assert sign(KEYS, "eu-central-1", url, b"{}") == judged(KEYS, "eu-central-1", url, b"{}")


def test_a_request_is_signed_for_its_own_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.gmtime", lambda: (2026, 11, 22, 8, 30, 0, 6, 326, 0))
    headers = dict(ADAPTER.sign(target(), URL, b"{}", SECRET))
    keys = AwsKeys("AKID", "secret", "token")
    assert {name.decode(): value.decode() for name, value in headers.items()} == judged(keys, "us-east-1", URL, b"{}")


def test_keys_of_the_options_sign() -> None:
    at = target(options={"access_key_id": "AKID", "secret_access_key": "secret", "region": "eu-west-3"})
    headers = dict(ADAPTER.sign(at, URL, b"{}", None))
    assert b"/eu-west-3/bedrock/aws4_request" in headers[b"authorization"]
    assert b"x-amz-security-token" not in headers


def test_an_api_key_is_a_bearer_token() -> None:
    assert ADAPTER.sign(target(api_key="bedrock-key"), URL, b"", "bedrock-key") == [
        (b"authorization", b"Bearer bedrock-key")
    ]


def test_nothing_is_signed_where_a_proxy_does_it() -> None:
    assert ADAPTER.sign(target(auth="none", headers={"X-Proxy": "yes"}), URL, b"", None) == [(b"x-proxy", b"yes")]


def test_the_providers_own_headers_go_along() -> None:
    assert (b"x-team", b"a") in ADAPTER.sign(target(headers={"X-Team": "a"}), URL, b"", SECRET)


def test_without_a_region_the_operator_is_told_what_to_set() -> None:
    with pytest.raises(ProviderUnusable, match=r"options\.region"):
        ADAPTER.sign(target(base_url="https://proxy.example"), "https://proxy.example/model/a/converse", b"", SECRET)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("bedrock-runtime.us-east-1.amazonaws.com", "us-east-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("vpce-0a1b.bedrock-runtime.eu-west-1.vpce.amazonaws.com", "eu-west-1"),
        ("bedrock-agent-runtime.us-west-2.amazonaws.com", "us-west-2"),
        ("bedrock.example.com", None),
    ],
)
def test_the_region_is_read_from_the_endpoint(host: str, region: str | None) -> None:
    assert region_of(f"https://{host}/model/a/converse") == region
