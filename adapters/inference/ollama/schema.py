"""What Ollama answers, as types. Fields that nobody needs are left out, all others may be missing.

https://github.com/ollama/ollama/blob/main/api/types.go
"""

import msgspec
from msgspec import Raw, Struct, field

from adapters.wire.errors import UpstreamError


class Function(Struct):
    """What to call, and with which arguments: an object."""

    name: str = ""
    arguments: Raw = Raw(b"{}")


class ToolCall(Struct):
    """A call that the model asks for, whole. Older servers give no id."""

    function: Function
    id: str | None = None


class Message(Struct):
    """What the model says, or a piece of it."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[ToolCall] | None = None


class TokenLogprob(Struct):
    """How likely a token was."""

    token: str
    logprob: float
    utf8: list[int] | None = field(name="bytes", default=None)


class Logprob(TokenLogprob):
    """The same of a token that was chosen, with those that were not."""

    top_logprobs: list[TokenLogprob] | None = None


class ChatResponse(Struct, kw_only=True):
    """A whole answer, or one line of a stream."""

    model: str | None = None
    created_at: str | None = None
    message: Message = field(default_factory=Message)
    done: bool | None = None
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    logprobs: list[Logprob] | None = None
    error: str | None = None
    """Alone in its line: what went wrong after the stream had begun."""


class EmbedResponse(Struct):
    """Vectors, each as it came."""

    embeddings: list[Raw]
    model: str | None = None
    prompt_eval_count: int | None = None


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_chat = msgspec.json.Decoder(ChatResponse)
_embeddings = msgspec.json.Decoder(EmbedResponse)


def read_answer(raw: bytes) -> ChatResponse:
    """Read an answer or a line of a stream.

    Raises UpstreamError on what can't be read, and the provider's error where it tells one instead.
    """
    try:
        answer = _chat.decode(raw)
    except _UNREADABLE:
        raise UpstreamError("The provider's answer can't be read.") from None
    if answer.error is not None:
        raise UpstreamError(answer.error or "The provider failed without a message.", type="server_error")
    return answer


def read_vectors(raw: bytes) -> EmbedResponse:
    """Read the answer to an embeddings request. Raises UpstreamError on what can't be read."""
    try:
        return _embeddings.decode(raw)
    except _UNREADABLE:
        raise UpstreamError("The provider's answer has no embeddings.") from None
