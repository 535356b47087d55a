"""What a call is told that may not be made."""

from typing import Final

from adapters.wire.errors import BadRequest, GatewayError
from gateway.cost import dollars
from gateway.state.limits.contract import NEVER, Bucket, Measure, Refusal

_DO_NOT_RETRY: Final = ((b"x-should-retry", b"false"),)
"""OpenAI's SDKs obey it: https://github.com/openai/openai-python/blob/main/src/openai/_base_client.py"""


class RateLimited(GatewayError):
    """A limit of requests, tokens or calls in progress is reached, or calls in progress hold the rest of a budget."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class BudgetReserved(RateLimited):
    """What is left of a budget is held by calls in progress, which rarely use what they hold."""

    code = "budget_reserved"


class BudgetSpent(GatewayError):
    """The call could cost more than what is left of a budget."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"


class LimitsUnavailable(GatewayError):
    """Redis or the ledger does not answer, and the call may not be made uncounted."""

    status = 503
    code = "limits_unavailable"
    retryable = True


class PriceUnknown(BadRequest):
    """A call under a budget whose price nobody knows."""

    code = "price_unknown"


def refused(refusal: Refusal, headers: tuple[tuple[bytes, bytes], ...] = ()) -> GatewayError:
    """The error of a refusal: which limit, whose, and when to try again."""
    bucket = refusal.bucket
    if bucket.measure is not Measure.MONEY:
        return _too_much(refusal, bucket, headers)
    left = dollars(max(0, bucket.most - refusal.spent))
    if refusal.held:
        return BudgetReserved(
            f"The {bucket.title} of {bucket.holder} has ${left} left, and calls in progress hold it until they are"
            " over. Try again in a moment.",
            retry_after=refusal.wait / 1_000,
            headers=headers,
        )
    message = f"The {bucket.title} of {bucket.holder} (${dollars(bucket.most)}) has ${left} left; this call may cost"
    message += f" up to ${dollars(refusal.asked)}."
    if refusal.wait == NEVER:
        advice = " Ask for a shorter answer with 'max_tokens', or whoever runs this gateway for a larger budget."
        return BudgetSpent(message + advice, headers=headers + _DO_NOT_RETRY)
    advice = (
        f" A new period begins in {duration(refusal.wait)}; a shorter answer ('max_tokens') may cost little enough."
    )
    return BudgetSpent(message + advice, retry_after=refusal.wait / 1_000, headers=headers + _DO_NOT_RETRY)


def duration(milliseconds: int) -> str:
    """A time as OpenAI writes it: 120ms, 1s, 6m0s, 1h0m0s; to the second where it is longer than that."""
    if milliseconds < 1_000:
        return f"{milliseconds}ms"
    minutes, seconds = divmod(-(-milliseconds // 1_000), 60)
    if not minutes:
        return f"{seconds}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{seconds}s" if hours else f"{minutes}m{seconds}s"


def _too_much(refusal: Refusal, bucket: Bucket, headers: tuple[tuple[bytes, bytes], ...]) -> RateLimited:
    what = bucket.title.replace("_", " ")
    message = f"The limit of {bucket.most} {what} of {bucket.holder} is reached: {refusal.used} used"
    if bucket.measure is Measure.TOKENS:
        message += f", and this call may take up to {refusal.asked} tokens"
    if refusal.wait == NEVER:
        advice = ". It can never be made: send less, or ask for a shorter answer with 'max_tokens'."
        return RateLimited(message + advice, headers=headers + _DO_NOT_RETRY)
    advice = f". Try again in {duration(refusal.wait)}."
    return RateLimited(message + advice, retry_after=refusal.wait / 1_000, headers=headers)
