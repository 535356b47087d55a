"""What caching needs of other sections: the advice for each mistake."""

import pytest

from tests.config.loading import read, refusal

HEAD = """
providers: {lab: {base_url: "http://lab/v1"}}
models:
  embed: {deployments: [{provider: lab, model: e}]}
  chat:
    deployments: [{provider: lab, model: c}]
"""


@pytest.mark.parametrize(
    ("text", "path", "allowed", "nearest"),
    [
        ("cache: {store: redis}", "cache.store", "state.redis beside it, or memory", None),
        (
            "    cache: {ignore: [trace, messages]}",
            "models.chat.cache.ignore[1]",
            "fields that change no answer",
            None,
        ),
        (
            "    cache: {semantic: {embedding: embedd}}",
            "models.chat.cache.semantic.embedding",
            "embed, chat",
            "embed",
        ),
    ],
)
def test_mistakes_are_told_with_what_is_allowed(text: str, path: str, allowed: str, nearest: str | None) -> None:
    (found,) = refusal(HEAD + text).mistakes
    assert (found.path, found.allowed, found.nearest) == (path, allowed, nearest)


def test_a_cache_with_all_that_it_needs_is_right() -> None:
    config = read(
        HEAD
        + """    cache: {ignore: [trace], semantic: {embedding: embed}}
cache: {store: redis}
state: {redis: {url: "redis://localhost"}}
"""
    )
    assert config.models["chat"].cache is not None
