"""The service's whole answers as chat completions."""

from collections.abc import Sequence
from secrets import token_hex
from typing import Any

import msgspec

from adapters.inference.anthropic.errors import explain_inside
from adapters.inference.anthropic.kept import carrying, detail
from adapters.inference.anthropic.schema import (
    Counts,
    Message,
    RedactedThinking,
    StopDetails,
    Text,
    Thinking,
    ToolUse,
    message_decoder,
    read_block,
    read_counts,
)
from adapters.inference.contract import Answer, Target
from adapters.wire.body import Body
from adapters.wire.completion import FinishReason, ReplyFunction, ReplyToolCall, choice, completion, message
from adapters.wire.errors import UpstreamError
from adapters.wire.redaction import redact
from adapters.wire.structured import FORCED_TOOL, asked_schema, check_answer
from adapters.wire.usage import Usage

# https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
_FINISH: dict[str, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
_NO_MESSAGE = "The provider's answer is not a message."
_TIERS = {"standard": "default", "priority": "priority"}


def decode_chat(raw: bytes, target: Target, body: Body) -> Answer:
    """A chat completion from a message.

    Raises UpstreamError on what is no message, on an error inside an answer of status 200, and on an answer that does
    not fit the schema that was asked for.
    """
    told = read_message(raw, target)
    if told.type != "message" and told.stop_reason is None:
        raise UpstreamError(_NO_MESSAGE)
    answer = _Said(structured=asked_schema(body) is not None)
    for index, block in enumerate(told.content):
        answer.take(block, index)
    reason = finish_reason(told.stop_reason, calls=bool(answer.calls))
    text = "".join(answer.texts)
    if reason == "stop":
        check_answer(text, body)
    counts = read_counts(told.usage)
    usage = usage_of(counts)
    said = message(
        text,
        answer.calls,
        reasoning="".join(answer.thoughts),
        reasoning_details=answer.details,
        refusal=refusal(told.stop_reason, told.stop_details),
        annotations=answer.annotations,
    )
    choices, model = [choice(said, reason)], told.model or target.model
    further: dict[str, Any] = {"service_tier": service_tier(counts), "container": told.container}
    out = completion(told.id or made_up_id(), model, choices, usage, **further)
    return Answer(out, usage)


class _Said:
    """What an answer's blocks say, put together."""

    def __init__(self, *, structured: bool) -> None:
        self._structured = structured
        self._uncarried: list[Thinking | RedactedThinking] = []
        self._length = 0
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.details: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.calls: list[ReplyToolCall] = []

    def take(self, raw: msgspec.Raw, index: int) -> None:
        block = read_block(raw)
        match block:
            case Text():
                self.annotations += annotations(block.citations or (), self._length, len(block.text))
                self._say(block.text)
            case ToolUse(name=name) if self._structured and name == FORCED_TOOL:
                self._say(bytes(block.input).decode())
            case ToolUse():
                call_id = carrying(block.id, self._uncarried)
                self._uncarried = []
                self.calls.append(ReplyToolCall(call_id, ReplyFunction(block.name, bytes(block.input).decode())))
            case Thinking() | RedactedThinking():
                self._uncarried.append(block)
                self.details.append(detail(block, index))
                if isinstance(block, Thinking):
                    self.thoughts.append(block.thinking)
            case _:
                self.details.append(detail(block, index))

    def _say(self, text: str) -> None:
        self.texts.append(text)
        self._length += len(text)


def read_message(raw: bytes, target: Target) -> Message:
    """A message. Raises UpstreamError on anything else, an error of the service's included."""
    try:
        told = message_decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise UpstreamError(_NO_MESSAGE) from None
    if told.type == "error":
        error = explain_inside(raw)
        redact(error, target.settings.api_key)
        raise error
    return told


def made_up_id() -> str:
    """The id of an answer that came without one."""
    return f"msg_{token_hex(12)}"


def finish_reason(stop_reason: str | None, *, calls: bool) -> FinishReason:
    """OpenAI's word for why an answer ends; `pause_turn`, and what is yet unknown, is a stop."""
    return _FINISH.get(stop_reason or "") or ("tool_calls" if calls else "stop")


def refusal(stop_reason: str | None, details: StopDetails | None) -> str | None:
    """What the service says of its refusal."""
    return details.explanation if stop_reason == "refusal" and details is not None else None


def annotations(citations: Sequence[dict[str, Any]], start: int, length: int) -> list[dict[str, Any]]:
    """Sources of a text that stands at `start` in the answer: pages as `url_citation`, documents in the service's form.

    https://platform.claude.com/docs/en/build-with-claude/citations
    """
    place = {"start_index": start, "end_index": start + length}
    return [_annotation(citation, place) for citation in citations]


def _annotation(citation: dict[str, Any], place: dict[str, int]) -> dict[str, Any]:
    if citation.get("type") != "web_search_result_location":
        return citation | place
    told = {"url": citation.get("url"), "title": citation.get("title") or "", "content": citation.get("cited_text")}
    return {"type": "url_citation", "url_citation": told | place}


def usage_of(counts: Counts | None) -> Usage | None:
    """Usage in OpenAI's sense: the prompt's tokens include those read from and written to the cache."""
    if counts is None or (counts.input_tokens is None and counts.output_tokens is None):
        return None
    read, written = counts.cache_read_input_tokens or 0, counts.cache_creation_input_tokens or 0
    details = counts.output_tokens_details
    return Usage(
        prompt_tokens=(counts.input_tokens or 0) + read + written,
        completion_tokens=counts.output_tokens or 0,
        cached_tokens=read,
        reasoning_tokens=(details.thinking_tokens or 0) if details is not None else 0,
        cache_write_tokens=written,
    )


def service_tier(counts: Counts | None) -> str | None:
    """The tier that served a request, under OpenAI's name for it."""
    return _TIERS.get(counts.service_tier or "") if counts is not None else None
