"""Whole answers, from watsonx.ai's format to OpenAI's, and what streams need of the same."""

from adapters.inference.contract import Answer, Target
from adapters.inference.watsonx.schema import Choice, Message, ToolCall, read_answer
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
from adapters.wire.structured import check_answer
from adapters.wire.usage import read_usage

_CUT = frozenset({"length", "time_limit", "cancelled"})


def decode(raw: bytes, target: Target, body: Body) -> Answer:
    """The answer and its usage.

    Raises UpstreamError on what can't be read, and on an answer not in the form that was asked for.
    """
    answer = read_answer(raw)
    judged = is_judged(body, target)
    choices = [_choice(each, answer.id) for each in answer.choices]
    for each in choices if judged else ():
        if each.finish_reason == "stop":
            check_answer(each.message.content or "", body)
    usage = read_usage(answer.usage) if answer.usage else None
    model = answer.model_id or target.model
    return Answer(completion(answer.id, model, choices, usage, created=answer.created), usage)


def is_judged(body: Body, target: Target) -> bool:
    """Whether a form was asked for that the answer must have."""
    return "response_format" in body.fields and "response_format" not in target.settings.unsupported


def finish_reason(told: str | None, *, called: bool) -> FinishReason:
    """Why an answer ended. Where tools were required, some models say `stop` of their calls.

    Raises UpstreamError on `error`: what there is of the answer is no answer.
    """
    if told == "error":
        raise UpstreamError("The provider failed in the middle of its answer.", type="server_error")
    if told in _CUT:
        return "length"
    return "tool_calls" if called else "stop"


def call_id(call: ToolCall, answer_id: str, choice: int, index: int) -> str:
    """The id that the service gave, or one in its place that stays the same."""
    return call.id or f"call_{answer_id.removeprefix('chatcmpl-')}_{choice}_{index}"


def _choice(told: Choice, answer_id: str) -> ReplyChoice:
    said = told.message or Message()
    calls = [
        ReplyToolCall(
            call_id(call, answer_id, told.index, index),
            ReplyFunction(call.function.name or "", call.function.arguments or "{}"),
        )
        for index, call in enumerate(said.tool_calls or ())
    ]
    reply = message(said.content, calls, reasoning=said.reasoning_content, refusal=said.refusal or None)
    return choice(reply, finish_reason(told.finish_reason, called=bool(calls)), told.index, told.logprobs)
