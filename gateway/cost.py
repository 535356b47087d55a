"""What usage costs, in whole nano-dollars."""

import math

from adapters.wire.usage import Usage
from config.facts import Prices

_NANO_PER_USD = 1_000_000_000
_NANO_PER_TOKEN = _NANO_PER_USD / 1_000_000


def cost_of(usage: Usage, prices: Prices) -> int:
    """The money that a call's tokens cost, rounded up to a nano-dollar."""
    prompt, completion = prices.prompt, prices.completion
    plain = usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens - usage.prompt_audio_tokens
    spoken = usage.completion_audio_tokens
    usd_per_million = (
        max(0, plain) * prompt
        + usage.cached_tokens * _or(prices.cached, prompt)
        + usage.cache_write_tokens * _or(prices.cache_write, prompt)
        + usage.prompt_audio_tokens * _or(prices.prompt_audio, prompt)
        + max(0, usage.completion_tokens - spoken) * completion
        + spoken * _or(prices.completion_audio, completion)
    )
    return math.ceil(usd_per_million * _NANO_PER_TOKEN - 1e-6)


def nano_dollars(usd: float) -> int:
    """Dollars as the operator writes them, in the unit that everything counts in."""
    return round(usd * _NANO_PER_USD)


def _or(price: float | None, otherwise: float) -> float:
    return otherwise if price is None else price
