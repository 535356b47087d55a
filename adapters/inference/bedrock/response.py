"""Converse's answer in OpenAI's format, and what a stream's decoder does alike."""

import secrets
from collections.abc import Iterable
from typing import Any

import msgspec

from adapters.inference.bedrock.carrying import JsonBlock, carrying, kept_call, kept_thought, reasoning_detail
from adapters.inference.bedrock.families import Family, family_of
from adapters.inference.bedrock.schema import (
    Block,
    Citations,
    Converse,
    Image,
    Message,
    Reasoning,
    TokenUsage,
    Told,
    ToolUse,
)
from adapters.inference.bedrock.structured import answers_by_tool
from adapters.inference.contract import Answer, Target
from adapters.wire.body import Body
from adapters.wire.completion import (
    FinishReason,
    ReplyFunction,
    ReplyMessage,
    ReplyToolCall,
    choice,
    completion,
    message,
)
from adapters.wire.errors import UpstreamError
from adapters.wire.structured import FORCED_TOOL, check_answer
from adapters.wire.usage import Usage

_FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
"""By `stopReason`; what is not here, such as `malformed_model_output`, is a stop."""

_converse = msgspec.json.Decoder(Converse)


def decode(raw: bytes, target: Target, body: Body) -> Answer:
    """The answer in OpenAI's format.

    Raises UpstreamError on what is no answer, and on one that is not in the form that was asked for.
    """
    try:
        told = _converse.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamError("The provider's answer is not what Converse answers with.") from None
    if told.output is None or told.output.message is None:
        raise UpstreamError("The provider's answer has no message.")
    said = _Said(family_of(target.model), answers_by_tool(body, target))
    said.read(told.output.message)
    finish = finish_reason(told.stop_reason, bool(said.calls))
    if finish == "stop":
        check_answer(said.content, body)
    usage = usage_of(told.usage)
    further = further_of(told)
    return Answer(
        completion(answer_id(), target.model, [choice(said.message(), finish)], usage, **further),
        usage,
    )


def answer_id() -> str:
    """An id for the answer: Bedrock tells its own in a header alone."""
    return f"chatcmpl-{secrets.token_hex(12)}"


def finish_reason(stop_reason: str, calls: bool) -> FinishReason:
    """Why the answer ended; the call of the tool that stands for the answer is an ordinary end."""
    finish = _FINISH.get(stop_reason, "stop")
    return "stop" if finish == "tool_calls" and not calls else finish


def usage_of(told: TokenUsage | None) -> Usage | None:
    """Tokens in OpenAI's sense, where the prompt's include those of the cache."""
    if told is None:
        return None
    return Usage(
        prompt_tokens=told.input_tokens + told.cache_read_input_tokens + told.cache_write_input_tokens,
        completion_tokens=told.output_tokens,
        cached_tokens=told.cache_read_input_tokens,
        cache_write_tokens=told.cache_write_input_tokens,
    )


def further_of(told: Told) -> dict[str, Any]:
    """Top-level members: the tier, and what guardrails and routers tell of themselves, as Bedrock tells it."""
    further: dict[str, Any] = {}
    if told.service_tier is not None and told.service_tier.type:
        further["service_tier"] = told.service_tier.type
    if bytes(told.trace) not in (b"", b"null"):
        further["bedrock"] = {"trace": told.trace}
    return further


def annotation(citation: dict[str, Any], start: int, end: int) -> dict[str, Any]:
    """A source of a piece of the text: OpenAI's form for pages of the web, the service's own for documents."""
    location = citation.get("location")
    web = location.get("web") if isinstance(location, dict) else None
    if isinstance(web, dict):
        told = {"url": web.get("url", ""), "title": citation.get("title") or web.get("domain", "")}
        return {"type": "url_citation", "url_citation": {"start_index": start, "end_index": end} | told}
    return {"type": "document_citation", "document_citation": {"start_index": start, "end_index": end} | citation}


def picture(form: str, data: Iterable[str]) -> dict[str, Any]:
    """An image that the model made."""
    return {"type": "image_url", "image_url": {"url": f"data:image/{form};base64,{''.join(data)}"}}


class _Said:
    """Gathers what the blocks of one message say."""

    def __init__(self, family: Family, by_tool: bool) -> None:
        self.calls: list[ReplyToolCall] = []
        self._family = family
        self._by_tool = by_tool
        self._text = ""
        self._answer: str | None = None
        self._thoughts: list[str] = []
        self._details: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._images: list[dict[str, Any]] = []
        self._before: list[JsonBlock] = []
        """Blocks since the last call that the model wants back."""

    @property
    def content(self) -> str:
        """The text; what was said beside a call that is the answer is no part of it."""
        return self._text if self._answer is None else self._answer

    def read(self, said: Message) -> None:
        """Take a message's blocks in."""
        for block in said.content:
            self._read(block)

    def message(self) -> ReplyMessage:
        """The message in OpenAI's format."""
        return message(
            self.content,
            self.calls,
            reasoning="".join(self._thoughts),
            reasoning_details=self._details,
            annotations=self._annotations,
            images=self._images,
        )

    def _read(self, block: Block) -> None:
        match block:
            case Block(text=str(text)):
                self._text += text
            case Block(reasoning_content=Reasoning() as thought):
                self._think(thought)
            case Block(tool_use=ToolUse() as call):
                self._call(call)
            case Block(tool_result=dict(result)):
                self._before.append({"toolResult": result})
            case Block(citations_content=Citations() as cited):
                self._cite(cited)
            case Block(image=Image() as image) if image.source is not None and image.source.bytes is not None:
                self._images.append(picture(image.format, [image.source.bytes]))

    def _think(self, thought: Reasoning) -> None:
        if thought.reasoning_text is not None:
            self._thoughts.append(thought.reasoning_text.text)
        self._details.append(reasoning_detail(thought, self._family, len(self._details)))
        if (kept := kept_thought(thought)) is not None:
            self._before.append(kept)

    def _call(self, call: ToolUse) -> None:
        if call.ran_already:
            self._before.append(kept_call(call))
        elif self._by_tool and call.name == FORCED_TOOL:
            self._answer = self._answer or bytes(call.input).decode()
        else:
            call_id = carrying(call.tool_use_id, self._family, self._before)
            self._before = []
            self.calls.append(ReplyToolCall(call_id, ReplyFunction(call.name, bytes(call.input).decode())))

    def _cite(self, cited: Citations) -> None:
        start = len(self._text)
        self._text += "".join(piece.text for piece in cited.content)
        self._annotations += [annotation(each, start, len(self._text)) for each in cited.citations]
