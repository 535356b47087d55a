"""What only Azure OpenAI knows: which version of its API to speak, and how to sign in without a key."""

from typing import Annotated

from msgspec import Meta, Struct

ApiVersion = Annotated[
    str,
    Meta(
        pattern=r"^(v1|preview|\d{4}-\d{2}-\d{2}(-preview)?)$",
        description="v1, preview, or a dated version such as 2024-10-21 or 2025-04-01-preview",
    ),
]


class ServicePrincipal(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An application registered in Microsoft Entra ID that gets access tokens with a secret.

    https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """

    tenant_id: str
    client_id: str
    client_secret: str
    authority: str = "https://login.microsoftonline.com"
    """The cloud's sign-in service; sovereign clouds have their own."""
    scope: str = "https://cognitiveservices.azure.com/.default"


class AzureOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`options` of a provider with the dialect `azure`."""

    api_version: ApiVersion = "v1"
    """`v1` and `preview` are served at `/openai/v1`; a date stands for the API before it, with deployments in URLs."""
    service_principal: ServicePrincipal | None = None
    """Signs in with Entra tokens instead of `api_key`."""
