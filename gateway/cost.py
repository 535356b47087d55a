"""What usage costs, in whole nano-dollars, and whether there was any."""

import math

from adapters.wire.errors import UpstreamUnreachable
from adapters.wire.usage import Usage
from config.facts import Prices
from config.schema import Operation
from gateway.call import Attempt

_NANO_PER_USD = 1_000_000_000
_NANO_PER_TOKEN = _NANO_PER_USD / 1_000_000
_NOISE = 1e-6
"""Of a nano-dollar: what sums of fractions may be off by, which is not rounded up."""
_EXACT = 1 - 1e-14
"""Of a large sum: the same of its last digits, some of the 2 ** -53 that a double has."""
_REFUSED = 300
_LEFT = 499


def did_no_work(operation: Operation, attempt: Attempt) -> bool:
    """Whether a target did nothing that it could bill: it counted tokens, refused, failed, or was not reached.

    One that broke off may have worked, as may one that was too slow, or whose client left.
    """
    if operation == "count_tokens":
        return True
    if attempt.status:
        return attempt.status >= _REFUSED and attempt.status != _LEFT
    return attempt.error == UpstreamUnreachable.code


def cost_of(usage: Usage, prices: Prices) -> int:
    """The money that a call's tokens and searches cost, rounded up to a nano-dollar.

    A provider that bills a rerank by the search does not bill its tokens.
    """
    if usage.searches and prices.search is not None:
        return _rounded(usage.searches * prices.search)
    prompt, completion = prices.prompt, prices.completion
    cached, written = prices.cached, prices.cache_write
    if prices.long is not None and usage.prompt_tokens > prices.long.over:
        prompt, completion = prices.long.prompt, prices.long.completion
        cached, written = prices.long.cached, prices.long.cache_write
    plain = usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens - usage.prompt_audio_tokens
    spoken = usage.completion_audio_tokens
    return _rounded(
        max(0, plain) * prompt
        + usage.cached_tokens * _or(cached, prompt)
        + usage.cache_write_tokens * _or(written, prompt)
        + usage.prompt_audio_tokens * _or(prices.prompt_audio, prompt)
        + max(0, usage.completion_tokens - spoken) * completion
        + spoken * _or(prices.completion_audio, completion)
    )


def dearest(prices: Prices, prompt: int, completion: int, *, searches: int = 0, audio: bool = True) -> int:
    """What so many tokens and searches cost at most, whatever their classes. `audio`: some may be sound."""
    read = max(prices.prompt, prices.cached or 0, prices.cache_write or 0)
    written = prices.completion
    if audio:
        read, written = max(read, prices.prompt_audio or 0), max(written, prices.completion_audio or 0)
    if (long := prices.long) is not None and prompt > long.over:
        read = max(read, long.prompt, long.cached or 0, long.cache_write or 0)
        written = max(written, long.completion)
    tokens = _rounded(prompt * read + completion * written)
    return max(tokens, _rounded(searches * prices.search)) if searches and prices.search else tokens


def nano_dollars(usd: float) -> int:
    """Dollars as the operator writes them, in the unit that everything counts in."""
    return round(usd * _NANO_PER_USD)


def dollars(nano: int) -> str:
    """Nano-dollars as a decimal number of dollars, exactly."""
    whole, rest = divmod(nano, _NANO_PER_USD)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".") if rest else str(whole)


def _rounded(usd_per_million: float) -> int:
    return math.ceil(usd_per_million * _NANO_PER_TOKEN * _EXACT - _NOISE)


def _or(price: float | None, otherwise: float) -> float:
    return otherwise if price is None else price
