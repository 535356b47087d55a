"""Claude on Vertex AI: Anthropic's format with the model in the URL and the version in the body.

https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
"""

from typing import Any

import msgspec

from adapters.inference.anthropic import passthrough
from adapters.inference.anthropic.request import beta_header, draft
from adapters.inference.contract import Encoded, Target
from adapters.wire.body import Body
from adapters.wire.fields import drops_for

VERSION = "vertex-2023-10-16"

_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_VERSION_JSON = msgspec.Raw(_encode(VERSION))


def encode_chat(body: Body, target: Target) -> Encoded:
    """A chat request for Claude. Raises what the dialect `anthropic` raises."""
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    written = draft(body, target, drops)
    fields: dict[str, Any] = {"anthropic_version": VERSION} | written.fields
    if body.stream:
        fields["stream"] = True
    return Encoded(_encode(fields), drops.dropped, beta_header(written.betas))


def encode_messages(body: Body, target: Target) -> Encoded:
    """A client's own request in Anthropic's format."""
    return _passed(body, target, keeps_model=False)


def encode_count(body: Body, target: Target) -> Encoded:
    """The same for the counting of tokens, which has one URL for all models."""
    return _passed(body, target, keeps_model=True)


def _passed(body: Body, target: Target, *, keeps_model: bool) -> Encoded:
    passed = passthrough.encode(body, target)
    fields = {"anthropic_version": _VERSION_JSON} | _fields.decode(passed.body)
    if not keeps_model:
        del fields["model"]
    return Encoded(_encode(fields), passed.dropped, passed.headers)
