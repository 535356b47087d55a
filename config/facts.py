"""Facts of models: how much they take, what they can do, what they cost; shipped in `models.yaml`, dated."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from config.routing import Capability

Tokens = Annotated[int, Meta(ge=1, le=10**9)]
UsdPerMillion = Annotated[float, Meta(ge=0, le=1_000_000)]


class LongPrices(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the whole of a call costs whose prompt is long."""

    over: Tokens
    """Longer than so many tokens."""
    prompt: UsdPerMillion
    """As in `prices`, like the others."""
    completion: UsdPerMillion
    """Of the answer."""
    cached: UsdPerMillion | None = None
    """Of the prompt, read from the provider's cache."""
    cache_write: UsdPerMillion | None = None
    """Of the prompt, written to the provider's cache."""


class Prices(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """US dollars for a million tokens of each class; a class without a price costs what its whole costs."""

    prompt: UsdPerMillion
    """Also for embeddings and rerank."""
    completion: UsdPerMillion = 0
    """Reasoning included."""
    cached: UsdPerMillion | None = None
    """Of the prompt, read from the provider's cache."""
    cache_write: UsdPerMillion | None = None
    """Of the prompt, written to the provider's cache."""
    prompt_audio: UsdPerMillion | None = None
    """Of the prompt."""
    completion_audio: UsdPerMillion | None = None
    """Of the completion."""
    search: UsdPerMillion | None = None
    """For a million rerank searches, where they are billed so."""
    long: LongPrices | None = None
    """Other prices for calls with long prompts."""
    version: str
    """The day on which these were the prices, as 2026-11-01."""


class Facts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of one model at one provider."""

    context: Tokens | None = None
    """Tokens of prompt and completion together."""
    completion: Tokens | None = None
    """The longest answer, reasoning included."""
    can: list[Capability] = field(default_factory=list)
    """What it is able to do besides text."""
    continues: bool = False
    """Whether it goes on with an assistant message at the end of the prompt."""
    prices: Prices | None = None
    """What it costs; None where nobody knows."""


_FILE = Path(__file__).with_name("models.yaml")


@cache
def shipped() -> Mapping[str, Facts]:
    """The facts of `models.yaml`, by `row/model`; `*` in a name stands for any run of characters."""
    return msgspec.yaml.decode(_FILE.read_bytes(), type=dict[str, Facts])


def find_facts(row: str, model: str, own: Mapping[str, Facts]) -> Facts | None:
    """What is known of a model of a provider: the operator's own facts first, then the shipped ones.

    `row` is the provider's name, or the shipped row that it extends. An exact name wins over one with `*`.
    """
    name = f"{row}/{model}"
    for table in (own, shipped()):
        if name in table:
            return table[name]
        for pattern, facts in table.items():
            if "*" in pattern and re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name):
                return facts
    return None
