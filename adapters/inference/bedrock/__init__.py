"""Amazon Bedrock: Converse, which has one form for the chat models of all makers behind it; InvokeModel for the rest.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html
"""

from adapters.inference.bedrock import embeddings, rerank
from adapters.inference.bedrock.claude import MESSAGES
from adapters.inference.bedrock.counting import COUNT_TOKENS
from adapters.inference.bedrock.credentials import lend
from adapters.inference.bedrock.errors import explain
from adapters.inference.bedrock.options import BedrockOptions
from adapters.inference.bedrock.request import FIELDS, encode
from adapters.inference.bedrock.response import decode
from adapters.inference.bedrock.signing import sign
from adapters.inference.bedrock.stream import Stream
from adapters.inference.bedrock.urls import MEDIA_TYPE, at
from adapters.inference.contract import Adapter, Codec

CHAT = Codec(at("converse", "converse-stream"), encode, decode, Stream, MEDIA_TYPE, fields=FIELDS)

ADAPTER = Adapter(
    name="bedrock",
    codecs={
        "chat": CHAT,
        "embeddings": Codec(
            at("invoke"),
            embeddings.encode_embeddings,
            embeddings.decode_embeddings,
            Stream,
            MEDIA_TYPE,
            fields=embeddings.FIELDS,
            most_inputs=embeddings.most_inputs,
        ),
        "rerank": Codec(
            at("invoke"), rerank.encode_rerank, rerank.decode_rerank, Stream, MEDIA_TYPE, fields=rerank.FIELDS
        ),
        "messages": MESSAGES,
        "count_tokens": COUNT_TOKENS,
    },
    sign=sign,
    explain=explain,
    options=BedrockOptions,
    lend=lend,
    signs_each=True,
)
