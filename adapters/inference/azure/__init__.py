"""Azure OpenAI: OpenAI's dialect at a resource's own endpoint, where a model is named by its deployment.

Bodies, streams and errors are OpenAI's, with additions that go through: content filter results, a first chunk without
choices, errors without a type. URLs and signing in differ.
https://learn.microsoft.com/en-us/azure/foundry/openai/api-version-lifecycle
"""

from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote

from msgspec.structs import replace

from adapters.inference import openai
from adapters.inference.azure.options import AzureOptions
from adapters.inference.contract import Adapter, Headers, Target, TokenGrant
from adapters.inference.openai.errors import explain
from adapters.wire.body import Body
from config.schema import Provider


def at(path: str) -> Callable[[Target, Body], str]:
    """The URL function of the operation that is served at a path of the API."""

    def url(target: Target, body: Body) -> str:
        return locate(target.settings.base_url or "", target.options.api_version, path, target.model)

    return url


@lru_cache(maxsize=1_024)
def locate(endpoint: str, api_version: str, path: str, deployment: str | None = None) -> str:
    """The URL of a path, below a deployment where one is named and the version wants it in the URL."""
    # Azure's pages show the endpoint of a resource both without and with the path of the API.
    root = endpoint.rstrip("/").removesuffix("/openai/v1").removesuffix("/openai") + "/openai"
    if api_version == "v1":
        return f"{root}/v1{path}"
    if api_version == "preview":
        return f"{root}/v1{path}?api-version=preview"
    if deployment is not None:
        root += f"/deployments/{quote(deployment, safe='')}"
    return f"{root}{path}?api-version={api_version}"


def sign(target: Target, url: str, body: bytes, secret: str | None) -> Headers:
    """The key as `auth` says, or the token of the service principal, which is always a bearer token."""
    if target.options.service_principal is not None:
        target = replace(target, settings=replace(target.settings, auth="bearer"))
    return openai.sign(target, url, body, secret)


def token(settings: Provider, options: AzureOptions) -> TokenGrant | None:
    """The client credentials grant of the service principal."""
    principal = options.service_principal
    if principal is None:
        return None
    form = {
        "grant_type": "client_credentials",
        "client_id": principal.client_id,
        "client_secret": principal.client_secret,
        "scope": principal.scope,
    }
    tenant = quote(principal.tenant_id, safe="")
    return TokenGrant(f"{principal.authority.rstrip('/')}/{tenant}/oauth2/v2.0/token", form)


def models_url(settings: Provider, options: AzureOptions) -> str:
    """Where the resource lists the models it can deploy: not its deployments, which this API does not tell."""
    return locate(settings.base_url or "", options.api_version, "/models")


ADAPTER = Adapter(
    name="azure",
    codecs=openai.codecs(at),
    sign=sign,
    explain=explain,
    options=AzureOptions,
    token=token,
    models_url=models_url,
)
