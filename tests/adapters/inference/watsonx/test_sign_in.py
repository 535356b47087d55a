"""Signing in: an API key is exchanged for tokens by a server that speaks as IBM Cloud's IAM does."""

import asyncio
import json
from collections.abc import Mapping
from urllib.parse import parse_qs

import pytest

from adapters.inference.watsonx import ADAPTER
from adapters.inference.watsonx.options import WatsonxOptions
from adapters.wire.errors import UpstreamError
from config.schema import Provider
from gateway.upstream.tokens import AccessToken
from tests.adapters.inference.watsonx.service import SECRET, target
from tests.config.loading import mistake, read
from tests.gateway.upstream.raw_server import RawServer, answer_with


def answer(status: int, told: Mapping[str, object]) -> bytes:
    body = json.dumps(told).encode()
    return b"HTTP/1.1 %d X\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)


def granted(token: str, expires_in: int = 3600) -> bytes:
    """https://cloud.ibm.com/apidocs/iam-identity-token-api#gettoken-apikey"""
    told = {
        "access_token": token,
        "refresh_token": "not_supported",
        "ims_user_id": 118,
        "token_type": "Bearer",
        "expires_in": expires_in,
        "expiration": 1473188353,
        "scope": "ibm openid",
    }
    return answer(200, told)


def access_token(port: int) -> AccessToken:
    assert ADAPTER.token is not None
    grant = ADAPTER.token(
        Provider(dialect="watsonx", api_key=SECRET),
        WatsonxOptions(iam_url=f"http://127.0.0.1:{port}/identity/token"),
    )
    assert grant is not None
    return AccessToken(grant)


async def test_the_key_is_exchanged_for_a_bearer_token() -> None:
    async with RawServer(answer_with(granted("a-token"))) as server:
        token = access_token(server.port)
        secret = await token.get()
        head, _, form = server.peers[0].requests[0].partition(b"\r\n\r\n")
        await token.close()
    assert head.startswith(b"POST /identity/token HTTP/1.1\r\n")
    assert b"content-type: application/x-www-form-urlencoded" in head.lower()
    assert parse_qs(form.decode()) == {"grant_type": ["urn:ibm:params:oauth:grant-type:apikey"], "apikey": [SECRET]}
    assert ADAPTER.sign(target(), "", b"", secret) == [(b"authorization", b"Bearer a-token")]


async def test_the_token_is_renewed_ahead_of_its_end() -> None:
    async with RawServer(answer_with(granted("first", 1)), answer_with(granted("second"))) as server:
        token = access_token(server.port)
        told = [await token.get()]
        await asyncio.sleep(0.55)  # over half of its life
        told.append(await token.get())
        await asyncio.sleep(0.2)
        told.append(await token.get())
        await token.close()
    assert told == ["first", "first", "second"]


async def test_a_key_that_nobody_knows_is_told_without_the_key() -> None:
    refused = {"errorCode": "BXNIM0415E", "errorMessage": f"Provided API key could not be found. {SECRET}"}
    async with RawServer(answer_with(answer(400, refused))) as server:
        token = access_token(server.port)
        with pytest.raises(UpstreamError, match="status 400") as failed:
            await token.get()
        await token.close()
    assert SECRET not in failed.value.message


def test_ibm_clouds_own_address_is_asked_without_more() -> None:
    assert ADAPTER.token is not None
    grant = ADAPTER.token(Provider(dialect="watsonx", api_key=SECRET), WatsonxOptions())
    assert grant is not None
    assert grant.url == "https://iam.cloud.ibm.com/identity/token"


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        (Provider(dialect="watsonx", api_key="a-token"), WatsonxOptions(sign_in="token")),
        (Provider(dialect="watsonx"), WatsonxOptions()),
    ],
)
def test_a_token_is_not_exchanged_and_no_key_neither(settings: Provider, options: WatsonxOptions) -> None:
    assert ADAPTER.token is not None
    assert ADAPTER.token(settings, options) is None


def test_a_key_of_watsonx_software_travels_as_it_is() -> None:
    cluster = target(auth="header:authorization")
    assert ADAPTER.sign(cluster, "", b"", "ZenApiKey abc") == [(b"authorization", b"ZenApiKey abc")]


def test_the_row_takes_its_project_from_the_environment() -> None:
    environ = {"WATSONX_API_KEY": SECRET, "WATSONX_PROJECT_ID": "p-1"}
    options = read("providers: {watsonx: {}}", environ).providers["watsonx"].options
    assert options.items() >= {"project_id": "p-1", "space_id": ""}.items()


def test_a_version_is_a_day() -> None:
    text = "providers: {watsonx: {api_key: k, options: {version: latest}}}"
    assert mistake(text).path == "providers.watsonx.options.version"
