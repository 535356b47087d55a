"""Whole answers of generateContent as chat completions."""

import secrets

import msgspec

from adapters.inference.contract import Answer, Target
from adapters.inference.gemini.errors import explain_inside
from adapters.inference.gemini.schema import Candidate, GenerateContentResponse, PromptFeedback, read_response
from adapters.inference.gemini.turn import Turn
from adapters.inference.gemini.usage import tier_of, usage_of
from adapters.wire.body import Body
from adapters.wire.completion import ReplyChoice, choice, completion
from adapters.wire.errors import UpstreamError
from adapters.wire.redaction import redact
from adapters.wire.structured import check_answer


def read_answer(raw: bytes) -> GenerateContentResponse:
    """An answer, or an event of a stream. Raises UpstreamError on what is none, and on the error that it tells."""
    try:
        answer = read_response(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamError("The provider's answer is not what its documentation says.") from None
    if answer.error:
        raise explain_inside(answer.error)
    return answer


def decode_chat(raw: bytes, target: Target, body: Body) -> Answer:
    """A chat completion, and what it used.

    Raises UpstreamError on what is no answer, and on one that does not fit the form that was asked for.
    """
    try:
        answer = read_answer(raw)
        answer_id = answer.response_id or secrets.token_hex(12)
        choices = _choices(answer, answer_id, body)
    except UpstreamError as error:
        redact(error, target.settings.api_key)
        raise
    usage = usage_of(answer.usage_metadata)
    model = answer.model_version or target.model
    return Answer(completion(answer_id, model, choices, usage, service_tier=tier_of(answer.usage_metadata)), usage)


def blocked(feedback: PromptFeedback | None, answer: str) -> Turn | None:
    """The turn of a prompt that was blocked, None where it was not."""
    if feedback is None or feedback.block_reason is None:
        return None
    turn = Turn(answer, 0)
    turn.block(feedback.block_reason, feedback.block_reason_message)
    return turn


def _choices(answer: GenerateContentResponse, id: str, body: Body) -> list[ReplyChoice]:
    choices = [_choice(place, each, id, body) for place, each in enumerate(answer.candidates or ())]
    if choices:
        return choices
    turn = blocked(answer.prompt_feedback, id)
    if turn is None:
        raise UpstreamError("The provider's answer has no candidates.", code="empty_answer")
    return [choice(turn.message(), "content_filter")]


def _choice(place: int, candidate: Candidate, id: str, body: Body) -> ReplyChoice:
    index = candidate.index if candidate.index is not None else place
    turn = Turn(id, index)
    turn.take(candidate)
    logprobs = turn.take_logprobs(candidate.logprobs_result) if candidate.logprobs_result is not None else None
    reason = turn.finish_reason or "stop"
    if reason == "stop":
        check_answer(turn.text, body)
    return choice(turn.message(), reason, index, logprobs)
