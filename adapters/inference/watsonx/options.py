"""What only watsonx.ai knows: who pays, which version of its API to speak, and how to sign in."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ApiVersion = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="a date such as 2026-10-14")]


class WatsonxOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`options` of a provider with the dialect `watsonx`."""

    project_id: str = ""
    """The project that requests belong to."""
    space_id: str = ""
    """The deployment space that they belong to, where no project is named."""
    version: ApiVersion = "2026-10-14"
    """The API as it was on this day; the default is that of IBM's own package `ibm-watsonx-ai` 1.8.1."""
    sign_in: Literal["iam", "token"] = "iam"
    """`iam`: `api_key` is an API key of IBM Cloud, which is exchanged for tokens; `token`: it goes out as it is."""
    iam_url: str = "https://iam.cloud.ibm.com/identity/token"
    """Where API keys are exchanged."""
