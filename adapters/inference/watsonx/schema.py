"""What watsonx.ai answers, as types. Fields that nobody needs are left out, nearly all others may be missing.

https://cloud.ibm.com/apidocs/watsonx-ai#text-chat
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from adapters.wire.errors import UpstreamError


class FunctionCall(Struct):
    """What to call; in a stream's later pieces the name is empty."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(Struct):
    """A call that the model asks for, or a piece of it. Some models give no id."""

    function: FunctionCall = field(default_factory=FunctionCall)
    id: str | None = None
    index: int | None = None


class Message(Struct):
    """What the model says, or a piece of it."""

    content: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(Struct, kw_only=True):
    """One answer, or a piece of it."""

    index: int = 0
    message: Message | None = None
    delta: Message | None = None
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class ChatResponse(Struct, kw_only=True):
    """A whole answer, or an event of a stream."""

    id: str = ""
    model_id: str | None = None
    created: int | None = None
    choices: list[Choice]
    usage: Raw = Raw()


class Vector(Struct):
    """One embedding, as it came."""

    embedding: Raw


class EmbeddingsResponse(Struct):
    """Vectors in the order of the inputs."""

    results: list[Vector]
    model_id: str | None = None
    input_token_count: int | None = None


class Rank(Struct):
    """How well the input at a place answers the query."""

    index: int
    score: float


class RerankResponse(Struct):
    """Inputs in the order in which they answer the query."""

    results: list[Rank]
    model_id: str | None = None
    input_token_count: int | None = None


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_chat = msgspec.json.Decoder(ChatResponse)
_embeddings = msgspec.json.Decoder(EmbeddingsResponse)
_ranks = msgspec.json.Decoder(RerankResponse)


def read_answer(raw: bytes) -> ChatResponse:
    """Read an answer, or an event of a stream. Raises UpstreamError on what can't be read."""
    try:
        return _chat.decode(raw)
    except _UNREADABLE:
        raise UpstreamError("The provider's answer can't be read.") from None


def read_vectors(raw: bytes) -> EmbeddingsResponse:
    """Read the answer to an embeddings request. Raises UpstreamError on what can't be read."""
    try:
        return _embeddings.decode(raw)
    except _UNREADABLE:
        raise UpstreamError("The provider's answer has no embeddings.") from None


def read_ranks(raw: bytes) -> RerankResponse:
    """Read the answer to a rerank request. Raises UpstreamError on what can't be read."""
    try:
        return _ranks.decode(raw)
    except _UNREADABLE:
        raise UpstreamError("The provider's answer has no ranking.") from None
