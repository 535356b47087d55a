"""IBM watsonx.ai: chat, embeddings and rerank, of models and of deployments, signed in through IBM Cloud's IAM.

https://cloud.ibm.com/apidocs/watsonx-ai
"""

from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote

from adapters.inference import openai
from adapters.inference.contract import Adapter, Codec, Target, TokenGrant
from adapters.inference.openai.stream import Stream as OpenAIStream
from adapters.inference.watsonx.embeddings import EMBEDDINGS_FIELDS, decode_embeddings, encode_embeddings
from adapters.inference.watsonx.errors import explain
from adapters.inference.watsonx.options import WatsonxOptions
from adapters.inference.watsonx.request import FIELDS, deployment_of, encode
from adapters.inference.watsonx.rerank import RERANK_FIELDS, decode_rerank, encode_rerank
from adapters.inference.watsonx.response import decode
from adapters.inference.watsonx.stream import Stream
from adapters.wire.body import Body
from config.schema import Provider

_GRANT_TYPE = "urn:ibm:params:oauth:grant-type:apikey"


def at(path: str) -> Callable[[Target, Body], str]:
    """The URL function of an operation that does not stream."""

    def url(target: Target, body: Body) -> str:
        return locate(target.settings.base_url or "", path, target.options.version)

    return url


def chat_url(target: Target, body: Body) -> str:
    """Streams have a path of their own, and so has every deployment."""
    deployment = deployment_of(target)
    below = f"/deployments/{quote(deployment, safe='')}" if deployment is not None else ""
    path = f"{below}/text/chat_stream" if body.stream else f"{below}/text/chat"
    return locate(target.settings.base_url or "", path, target.options.version)


@lru_cache(maxsize=1_024)
def locate(base_url: str, path: str, version: str) -> str:
    """The URL of a path of the API below a region's address."""
    return f"{base_url.rstrip('/').removesuffix('/ml/v1')}/ml/v1{path}?version={version}"


def token(settings: Provider, options: WatsonxOptions) -> TokenGrant | None:
    """The exchange of an API key for an access token.

    https://cloud.ibm.com/apidocs/iam-identity-token-api#gettoken-apikey
    """
    if options.sign_in != "iam" or not settings.api_key:
        return None
    return TokenGrant(options.iam_url, {"grant_type": _GRANT_TYPE, "apikey": settings.api_key})


ADAPTER = Adapter(
    name="watsonx",
    codecs={
        "chat": Codec(chat_url, encode, decode, Stream, fields=FIELDS),
        "embeddings": Codec(
            at("/text/embeddings"),
            encode_embeddings,
            decode_embeddings,
            OpenAIStream,
            fields=EMBEDDINGS_FIELDS,
        ),
        "rerank": Codec(at("/text/rerank"), encode_rerank, decode_rerank, OpenAIStream, fields=RERANK_FIELDS),
    },
    sign=openai.sign,
    explain=explain,
    options=WatsonxOptions,
    token=token,
)
