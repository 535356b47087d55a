"""Where Vertex AI has a model: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/learn/locations"""

from functools import lru_cache
from urllib.parse import quote

import msgspec

from adapters.inference.contract import Target
from adapters.inference.vertex.options import VertexOptions
from adapters.wire.body import Body, decode_field
from adapters.wire.errors import BadRequest

_MULTI_REGIONS = ("us", "eu")
_RESOURCES = ("projects/", "publishers/", "endpoints/", "models/")
_CLAUDE_VERSION = "v1"
_inputs = msgspec.json.Decoder(str | list[msgspec.Raw])


def is_claude(model: str) -> bool:
    """Whether a model is Anthropic's, which is asked in Anthropic's own format."""
    return model.rpartition("/")[2].startswith("claude")


def has_claude(target: Target) -> bool:
    """Whether a target's model is Anthropic's."""
    return is_claude(target.model)


def is_gemini_embedding(model: str) -> bool:
    """Whether a model embeds through embedContent, as those of the Gemini family do; all others know only predict."""
    return "gemini" in model.rpartition("/")[2]


def url_of_chat(target: Target, body: Body) -> str:
    """Where a chat goes."""
    if is_claude(target.model):
        return url_of_messages(target, body)
    return _locate(target, target.model, "streamGenerateContent?alt=sse" if body.stream else "generateContent")


def url_of_messages(target: Target, body: Body) -> str:
    """Where a request in Anthropic's format goes."""
    return _locate(target, target.model, "streamRawPredict" if body.stream else "rawPredict", _CLAUDE_VERSION)


def url_of_count(target: Target, body: Body) -> str:
    """Where Claude's tokens are counted: https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai"""
    return _locate(target, "anthropic/count-tokens", "rawPredict", _CLAUDE_VERSION)


def url_of_embeddings(target: Target, body: Body) -> str:
    """Where texts go: one, or many."""
    if not is_gemini_embedding(target.model):
        return _locate(target, target.model, "predict")
    return _locate(target, target.model, "embedContent" if is_single(body) else "batchEmbedContents")


def is_single(body: Body) -> bool:
    """Whether a request has one text."""
    inputs = decode_field(body.fields, "input", _inputs)
    return not isinstance(inputs, list) or len(inputs) == 1


def _locate(target: Target, model: str, method: str, version: str | None = None) -> str:
    options: VertexOptions = target.options
    root = target.settings.base_url or root_of(options.location)
    return locate(f"{root.rstrip('/')}/{version or options.version}", options.project, options.location, model, method)


def root_of(location: str) -> str:
    """The host of a location."""
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in _MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


@lru_cache(maxsize=1_024)
def locate(root: str, project: str | None, location: str, model: str, method: str) -> str:
    """The URL of a model's method; a model may be a name, `publisher/name`, or a resource such as `endpoints/123`.

    Raises BadRequest for a resource of another project than the configured one: a client may name any model, and the
    gateway's credentials may reach further than they are meant to.
    """
    if model.startswith("projects/") and project is not None and not model.startswith(f"projects/{project}/"):
        raise BadRequest(
            "The model belongs to another project than the one that is configured.", param="model", code="invalid_value"
        )
    if model.startswith(_RESOURCES):
        path = model
    elif "/" in model:
        publisher, _, name = model.partition("/")
        path = f"publishers/{publisher}/models/{name}"
    else:
        path = f"publishers/{'anthropic' if is_claude(model) else 'google'}/models/{model}"
    if project is not None and not path.startswith("projects/"):
        path = f"projects/{project}/locations/{location}/{path}"
    return f"{root}/{quote(path, safe='/@:')}:{method}"
