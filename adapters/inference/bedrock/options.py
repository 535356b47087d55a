"""What only Amazon Bedrock knows: the region, and who signs the requests."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Region = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}$", description="an AWS region such as eu-central-1")]


class BedrockOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`options` of a provider with the dialect `bedrock`.

    Without `api_key` and without keys here, AWS's own chain of credentials is asked: variables, profiles, single
    sign-on, web identity, containers, instances.
    """

    region: Region | None = None
    """Where `base_url` does not name it, as behind a proxy."""
    access_key_id: str | None = None
    """A fixed key, with `secret_access_key`, instead of the chain."""
    secret_access_key: str | None = None
    """The secret of `access_key_id`."""
    session_token: str | None = None
    """Of keys that expire."""
    profile: str | None = None
    """Of `~/.aws/config`, instead of AWS_PROFILE."""
    role_arn: str | None = None
    """A role to assume with what the chain gives."""
    structured_outputs: Literal["native", "tool"] | None = None
    """How to ask for answers by a schema: with `outputConfig`, or with a tool that the model has to call. Left out, it
    is known by the model's name; an ARN that names no model is taken for native."""

    def __post_init__(self) -> None:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together")
