"""What Gemini answers, as types: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse

Everything may be absent, and what is not named here is not read. A part is what its one set member says; that union has
no tag, so `match` tells its kinds apart.
"""

from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct, field


class PartialArg(Struct, rename="camel"):
    """A piece of a call's arguments, at a place that a JSON path names."""

    json_path: str = "$"
    string_value: str | None = None
    number_value: float | None = None
    bool_value: bool | None = None


class FunctionCall(Struct, rename="camel"):
    """A call; without a name it goes on with the one that `will_continue`."""

    name: str | None = None
    args: Raw = Raw()
    id: str | None = None
    partial_args: list[PartialArg] | None = None
    will_continue: bool | None = None


class Blob(Struct, rename="camel"):
    """Bytes in base64."""

    mime_type: str = "application/octet-stream"
    data: str = ""


class Part(Struct, rename="camel"):
    """A piece of what is said."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: FunctionCall | None = None
    inline_data: Blob | None = None
    executable_code: Raw = Raw()
    code_execution_result: Raw = Raw()
    tool_call: Raw = Raw()
    tool_response: Raw = Raw()


class Content(Struct):
    """What one candidate says."""

    parts: list[Part] | None = None


class Source(Struct, rename="camel"):
    """Where something was found."""

    uri: str | None = None
    title: str | None = None
    source_uri: str | None = None


class GroundingChunk(Struct, rename="camel"):
    """A source of one kind: a page, a document, a place or an image."""

    web: Source | None = None
    retrieved_context: Source | None = None
    maps: Source | None = None
    image: Source | None = None

    @property
    def source(self) -> Source | None:
        """The one that is there."""
        return self.web or self.retrieved_context or self.maps or self.image


class Segment(Struct, rename="camel"):
    """A stretch of a part's text, in bytes of UTF-8."""

    part_index: int | None = None
    start_index: int | None = None
    end_index: int | None = None


class GroundingSupport(Struct, rename="camel"):
    """Which sources a segment rests on."""

    segment: Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class GroundingMetadata(Struct, rename="camel"):
    """What an answer rests on."""

    grounding_chunks: list[GroundingChunk] | None = None
    grounding_supports: list[GroundingSupport] | None = None


class Citation(Struct, rename="camel"):
    """A source that is quoted."""

    start_index: int | None = None
    end_index: int | None = None
    uri: str | None = None
    title: str | None = None


class CitationMetadata(Struct, rename="camel"):
    """The same list under the names of both services."""

    citations: list[Citation] | None = None
    citation_sources: list[Citation] | None = None


class Token(Struct, rename="camel"):
    """A token and how likely it was."""

    token: str = ""
    log_probability: float = 0.0


class TopTokens(Struct):
    """The likeliest tokens at one place."""

    candidates: list[Token] | None = None


class LogprobsResult(Struct, rename="camel"):
    """The tokens that were chosen, and those that might have been."""

    chosen_candidates: list[Token] | None = None
    top_candidates: list[TopTokens] | None = None


class Candidate(Struct, rename="camel"):
    """One answer, or a piece of it."""

    content: Content | None = None
    index: int | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    grounding_metadata: GroundingMetadata | None = None
    citation_metadata: CitationMetadata | None = None
    logprobs_result: LogprobsResult | None = None


class PromptFeedback(Struct, rename="camel"):
    """Why there is no answer."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class ModalityTokens(Struct, rename="camel"):
    """Tokens of one modality."""

    modality: str = ""
    token_count: int | None = None


class UsageMetadata(Struct, rename="camel"):
    """Tokens of a call; a stream's events tell them so far."""

    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    prompt_tokens_details: list[ModalityTokens] | None = None
    candidates_tokens_details: list[ModalityTokens] | None = None
    service_tier: str | None = None


class GenerateContentResponse(Struct, rename="camel"):
    """A whole answer, or an event of a stream."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: Raw = Raw()


class Embedding(Struct):
    """The vector of one text."""

    values: Raw


class EmbeddingUsage(Struct, rename="camel"):
    """Tokens of an embeddings request."""

    prompt_token_count: int | None = None


class EmbedContentResponse(Struct, rename="camel"):
    """One vector or many."""

    embedding: Embedding | None = None
    embeddings: list[Embedding] = field(default_factory=list)
    usage_metadata: EmbeddingUsage | None = None


class ErrorDetail(Struct, rename="camel"):
    """What Google's services say of an error for programs to read.

    https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
    """

    reason: Any = None
    retry_delay: Any = None
    field_violations: Any = None


class Status(Struct):
    """An error: https://cloud.google.com/apis/design/errors#http_mapping"""

    message: str = ""
    code: int | None = None
    status: str | None = None
    details: list[ErrorDetail] | None = None


class ErrorBody(Struct):
    """An error as it is sent."""

    error: Status


read_response = msgspec.json.Decoder(GenerateContentResponse).decode
read_vectors = msgspec.json.Decoder(EmbedContentResponse).decode
ErrorBodies: TypeAlias = ErrorBody | list[ErrorBody]
read_error = msgspec.json.Decoder(ErrorBodies).decode
read_status = msgspec.json.Decoder(Status).decode
