"""The classifier: the rules, and a score for offensive language beside them."""

import builtins
import sys
from typing import Any

import pytest

from adapters.safety.contract import CheckUnavailable
from adapters.safety.registry import open_check
from config.safety import Check
from tests.adapters.safety.asked import Models, judge


async def test_it_scores_offensive_language_and_keeps_what_the_rules_say() -> None:
    pytest.importorskip("profanity_check", reason="the extra classifier is not installed")
    texts = [
        "The bakery opens at eight.",
        "you are a damn idiot",
        "I will kill you tomorrow.",
        "what a damn shitty day",
    ]
    harmless, insult, threat, curse = await judge("classifier", texts)
    assert not harmless.flagged
    assert harmless.scores["profanity"] < 0.5
    assert {"profanity", "harassment"} <= insult.found
    assert "harassment/threatening" in threat.found
    assert curse.found == {"profanity"}


async def test_without_its_library_it_says_which_extra_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "profanity_check":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.delitem(sys.modules, "profanity_check", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    check = open_check("c", Check(type="classifier"))
    with pytest.raises(CheckUnavailable, match=r"isthmus\[classifier\]"):
        await check.start()
    with pytest.raises(CheckUnavailable):
        await check.judge([], Models().ask)
