"""Answers of Cohere's chat as OpenAI's chat completions.

https://docs.cohere.com/reference/chat
"""

import secrets
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from adapters.inference.cohere.request import is_judged, stands_in
from adapters.inference.cohere.schema import (
    ChatResponse,
    Citation,
    Logprobs,
    Message,
    ToolCall,
    Units,
    Usage,
    read_chat,
)
from adapters.inference.contract import Answer, Target
from adapters.wire import usage as wire
from adapters.wire.body import Body
from adapters.wire.completion import (
    FinishReason,
    ReplyChoice,
    ReplyFunction,
    ReplyToolCall,
    choice,
    completion,
    message,
)
from adapters.wire.errors import UpstreamError
from adapters.wire.structured import FORCED_TOOL, check_answer

NO_ARGUMENTS = "{}"
"""What OpenAI's models write for a call without arguments, where Cohere's leave them out."""

PLAN = -1
"""The plan, which stands before all blocks."""

_FINISH_REASONS: Mapping[str | None, FinishReason] = {
    "MAX_TOKENS": "length",
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
}


def decode_chat(raw: bytes, target: Target, body: Body) -> Answer:
    """The answer as a chat completion.

    Raises UpstreamError on what is none, on one that failed and on one that does not fit the schema asked for.
    """
    try:
        answer = read_chat(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise UpstreamError("The provider's answer is not a chat answer.") from None
    if (failed := failure(answer.finish_reason, None)) is not None:
        raise failed
    answer_id = answer.id or made_up_id()
    usage = usage_of(answer.usage)
    return Answer(completion(answer_id, target.model, [_choice(answer, answer_id, target, body)], usage), usage)


def _choice(answer: ChatResponse, answer_id: str, target: Target, body: Body) -> ReplyChoice:
    said = answer.message
    plan = said.tool_plan or ""
    texts = [block.text or "" for block in said.content or ()]
    reasoning = "".join(block.thinking or "" for block in said.content or ())
    if stands_in(body, target):
        reasoning, plan = reasoning + plan, ""
    every = [_call(call, answer_id, place) for place, call in enumerate(said.tool_calls or ())]
    calls = [call for call in every if call.function.name != FORCED_TOOL]
    forced = [call.function.arguments for call in every if call.function.name == FORCED_TOOL]
    text = "".join((plan, *texts, *forced))
    reason = finish_reason(answer.finish_reason, called=bool(calls))
    if reason == "stop" and is_judged(body, target):
        check_answer(text, body)
    told = message(text, calls, reasoning=reasoning, annotations=_annotations(said, plan, texts))
    return choice(told, reason, logprobs=logprobs_of(answer.logprobs))


def made_up_id() -> str:
    """An id for an answer that has none."""
    return f"chatcmpl-{secrets.token_hex(12)}"


def call_id(call: ToolCall, answer_id: str, place: int) -> str:
    """The service's own id, else one made of the answer's."""
    return call.id or f"{answer_id}_{place}"


def _call(call: ToolCall, answer_id: str, place: int) -> ReplyToolCall:
    name = (call.function.name if call.function else None) or ""
    arguments = (call.function.arguments if call.function else None) or NO_ARGUMENTS
    return ReplyToolCall(id=call_id(call, answer_id, place), function=ReplyFunction(name, arguments))


def finish_reason(told: str | None, *, called: bool) -> FinishReason:
    """Why the model stopped: it called tools, or said all, where nothing else is told."""
    return _FINISH_REASONS.get(told, "tool_calls" if called else "stop")


def failure(told: str | None, why: str | None) -> UpstreamError | None:
    """The error of an answer that did not end well, where it did not."""
    if told == "TIMEOUT":
        status = HTTPStatus.GATEWAY_TIMEOUT
        message = why or "The model took too long."
        return UpstreamError(message, status=status, type="timeout_error", code="upstream_timeout")
    if told == "ERROR" or why:
        return UpstreamError(why or "The provider failed to answer.", code="upstream_error")
    return None


def usage_of(told: Usage | None) -> wire.Usage | None:
    """Tokens in OpenAI's sense: what was charged where the service does not tell what was used.

    Its input leaves out images, its output has what was thought.
    """
    counts = (told.tokens or told.billed_units) if told is not None else None
    if told is None or counts is None:
        return None
    prompt = _count(counts.input_tokens) + _count(counts.image_tokens)
    return wire.Usage(
        prompt_tokens=prompt,
        completion_tokens=_count(counts.output_tokens),
        cached_tokens=min(_count(told.cached_tokens), prompt),
        reasoning_tokens=_count(counts.reasoning_tokens),
    )


def input_usage(tokens: Units | None) -> wire.Usage | None:
    """Tokens of an operation without a completion, where they are told."""
    return wire.Usage(_count(tokens.input_tokens) + _count(tokens.image_tokens)) if tokens is not None else None


def _count(told: float | None) -> int:
    return int(told) if told is not None and told > 0 else 0


def logprobs_of(told: Iterable[Logprobs] | None) -> dict[str, Any] | None:
    """Probabilities of pieces of text; one of several tokens has the product of theirs."""
    if told is None:
        return None
    content = [
        {
            "token": piece.text or "",
            "logprob": sum(piece.logprobs or ()),
            "bytes": list((piece.text or "").encode()),
            "top_logprobs": [],
        }
        for piece in told
    ]
    return {"content": content, "refusal": None}


def _annotations(said: Message, plan: str, texts: list[str]) -> list[dict[str, Any]]:
    """The sources of the answer; where a block begins in it is the length of all that stands before."""
    starts = {PLAN: 0} if plan else {}
    start = len(plan)
    for block, text in enumerate(texts):
        starts[block] = start
        start += len(text)
    first = next((block for block, text in enumerate(texts) if text), 0)
    return [found for citation in said.citations or () for found in annotations_of(citation, starts, first)]


def annotations_of(citation: Citation, starts: Mapping[int, int], first: int) -> list[dict[str, Any]]:
    """One annotation for each source: a page as `url_citation`, anything else as a `citation` with the source as told.

    `starts` are the places of blocks in the answer, `first` is the block of a citation that does not say which.
    Citations in thoughts are left out: an annotation is a place in the answer.
    """
    block = citation.content_index if citation.content_index is not None else first
    start = starts.get(PLAN if citation.type == "PLAN" else block)
    if start is None or citation.type == "THINKING_CONTENT":
        return []
    place = {"start_index": start + (citation.start or 0), "end_index": start + (citation.end or 0)}
    return [_annotation(source, place, citation.text) for source in citation.sources or ()]


def _annotation(source: dict[str, Any], place: dict[str, int], text: str | None) -> dict[str, Any]:
    held = source.get("document") or source.get("tool_output")
    if isinstance(held, dict) and isinstance(url := held.get("url"), str):
        title = held.get("title")
        told = {"url": url, "title": title if isinstance(title, str) else ""}
        return {"type": "url_citation", "url_citation": place | told}
    return {"type": "citation", "citation": place | {"text": text, "source": source}}
