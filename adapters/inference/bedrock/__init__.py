"""Amazon Bedrock: Converse, which has one form for the chat models of all makers behind it.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html
"""

from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote

from adapters.inference.bedrock.credentials import lend
from adapters.inference.bedrock.errors import explain
from adapters.inference.bedrock.options import BedrockOptions
from adapters.inference.bedrock.request import FIELDS, encode
from adapters.inference.bedrock.response import decode
from adapters.inference.bedrock.signing import sign
from adapters.inference.bedrock.stream import Stream
from adapters.inference.contract import Adapter, Codec, Target
from adapters.wire.body import Body

MEDIA_TYPE = b"application/vnd.amazon.eventstream"


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


ADAPTER = Adapter(
    name="bedrock",
    codecs={
        "chat": Codec(at("converse", "converse-stream"), encode, decode, Stream, MEDIA_TYPE, fields=FIELDS),
    },
    sign=sign,
    explain=explain,
    options=BedrockOptions,
    lend=lend,
    signs_each=True,
)
