"""Whole answers, from Ollama's format to OpenAI's, and what streams need of the same."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from adapters.inference.contract import Answer, Target
from adapters.inference.ollama.schema import ChatResponse, Function, Logprob, TokenLogprob, ToolCall, read_answer
from adapters.wire.body import Body
from adapters.wire.completion import FinishReason, ReplyFunction, ReplyToolCall, choice, completion, message
from adapters.wire.errors import UpstreamError
from adapters.wire.redaction import redact
from adapters.wire.structured import check_answer
from adapters.wire.usage import Usage

_text = msgspec.json.Decoder(str)


def decode(raw: bytes, target: Target, body: Body) -> Answer:
    """The answer, and its usage where Ollama counted.

    Raises UpstreamError on what can't be read, on an error, and on an answer not in the form that was asked for.
    """
    try:
        answer = read_answer(raw)
    except UpstreamError as error:
        redact(error, target.settings.api_key)
        raise
    said = answer.message
    calls = [
        ReplyToolCall(call_id(call), ReplyFunction(call.function.name, arguments_text(call.function)))
        for call in said.tool_calls or ()
    ]
    reason = finish_reason(answer, called=bool(calls))
    if reason == "stop" and is_judged(body, target):
        check_answer(said.content or "", body)
    reply = message(said.content, calls, reasoning=said.thinking)
    usage = usage_of(answer)
    choices = [choice(reply, reason, logprobs=logprobs_of(answer))]
    written = completion(answer_id(), answer.model or target.model, choices, usage, created=created_of(answer))
    return Answer(written, usage)


def is_judged(body: Body, target: Target) -> bool:
    """Whether a form was asked for that the answer must have."""
    return "response_format" in body.fields and "response_format" not in target.settings.unsupported


def answer_id() -> str:
    """An id, of which Ollama gives none."""
    return f"chatcmpl-{secrets.token_hex(12)}"


def call_id(call: ToolCall) -> str:
    """The id that Ollama gave, or one in its place."""
    return call.id or f"call_{secrets.token_hex(12)}"


def arguments_text(function: Function) -> str:
    """Arguments as OpenAI has them: JSON in a string."""
    written = bytes(function.arguments)
    if written == b"null":
        return "{}"
    return _text.decode(written) if written.startswith(b'"') else written.decode()


def finish_reason(answer: ChatResponse, *, called: bool) -> FinishReason:
    """Why the answer ended. Ollama says `stop` of an answer with tool calls, and names loading a model the same way."""
    if answer.done_reason == "length":
        return "length"
    return "tool_calls" if called else "stop"


def usage_of(answer: ChatResponse) -> Usage | None:
    """The tokens; None where Ollama leaves the prompt's out, as older versions do for one that was cached."""
    if answer.prompt_eval_count is None or answer.eval_count is None:
        return None
    return Usage(answer.prompt_eval_count, answer.eval_count)


def created_of(answer: ChatResponse) -> int | None:
    """Seconds since 1970, None where they can't be told."""
    try:
        return int(datetime.fromisoformat(answer.created_at or "").timestamp())
    except ValueError:
        return None


def logprobs_of(answer: ChatResponse) -> dict[str, Any] | None:
    """Probabilities of the tokens in OpenAI's form."""
    if not answer.logprobs:
        return None
    return {"content": [_logprob(each) for each in answer.logprobs]}


def _logprob(token: Logprob) -> dict[str, Any]:
    others: Sequence[TokenLogprob] = token.top_logprobs or ()
    return {**_chance(token), "top_logprobs": [_chance(other) for other in others]}


def _chance(token: TokenLogprob) -> dict[str, Any]:
    return {"token": token.token, "logprob": token.logprob, "bytes": token.utf8}
