"""What an operator can say of Vertex AI."""

from typing import Annotated

from msgspec import Meta, Struct

from config.values import File

Word = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9.:_-]+$(?!\n)", description="letters, digits, dots, colons and hyphens")
]


class VertexOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The `options` of a provider that speaks the dialect `vertex`."""

    project: Word | None = None
    """The project's id. Only an API key in express mode does without."""
    location: Word = "global"
    """`global`, a multi-region (`us`, `eu`) or a region such as `europe-west4`."""
    credentials: File | None = None
    """A service account's key or the configuration of workload identity federation, as JSON. Without it and without an
    `api_key`, application default credentials count."""
    version: Word = "v1beta1"
    """Of the API, for Google's models; Claude is always at v1."""
