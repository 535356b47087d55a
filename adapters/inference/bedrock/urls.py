"""Where Bedrock's operations are: verbs on a model."""

from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote

from adapters.inference.contract import Target
from adapters.wire.body import Body

MEDIA_TYPE = b"application/vnd.amazon.eventstream"
"""Of every stream."""


def at(verb: str, streamed: str | None = None) -> Callable[[Target, Body], str]:
    """The URL function of a verb on a model, and of another one for streams."""

    def url(target: Target, body: Body) -> str:
        return locate(target.settings.base_url or "", target.model, streamed if streamed and body.stream else verb)

    return url


@lru_cache(maxsize=1_024)
def locate(base_url: str, model: str, verb: str) -> str:
    """The URL of a verb on a model, whose name may be an ARN with colons and slashes."""
    name = quote(model, safe="")
    if not name.strip("."):
        name = name.replace(".", "%2E")  # a step up in a path elsewhere
    return f"{base_url.rstrip('/')}/model/{name}/{verb}"
