"""What providers say they have."""

import logging
from collections.abc import Sequence
from typing import cast

import pytest

from adapters.wire.errors import UpstreamUnreachable
from gateway.catalogue import Catalogue
from gateway.provider import Provider


class Listing:
    """A provider that lists these models, or can't."""

    def __init__(self, models: Sequence[str] | None) -> None:
        self._models = models
        self.asked = 0

    async def model_names(self) -> list[str]:
        self.asked += 1
        if self._models is None:
            raise UpstreamUnreachable("Nobody there.")
        return list(self._models)


def catalogue(**providers: Listing) -> Catalogue:
    return Catalogue(cast(dict[str, Provider], providers))


async def test_every_providers_models_are_listed_in_order() -> None:
    listed = catalogue(b=Listing(["2", "1"]), a=Listing(["3"]))
    assert await listed.names() == [("b", "2"), ("b", "1"), ("a", "3")]


async def test_a_provider_that_does_not_answer_is_left_out_with_a_word(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("isthmus"), "propagate", True)
    assert await catalogue(gone=Listing(None), here=Listing(["x"])).names() == [("here", "x")]
    assert "gone does not list its models: Nobody there." in caplog.text


async def test_providers_are_not_asked_again_at_once() -> None:
    provider = Listing(["x"])
    listed = catalogue(a=provider)
    await listed.names()
    await listed.names()
    assert provider.asked == 1
