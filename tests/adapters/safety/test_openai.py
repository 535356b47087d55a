"""The moderation of a provider as a check."""

from typing import Any

import pytest

from adapters.safety.contract import CheckUnavailable, Content
from tests.adapters.safety.asked import Models, judge

RESULT = {
    "flagged": False,
    "categories": {"violence": False, "illicit": None},
    "category_scores": {"violence": 0.01},
    "category_applied_input_types": {"violence": ["text"]},
}


def moderator(asked: Any) -> Any:
    inputs = asked["input"]
    texts = inputs if isinstance(inputs[0], str) else [inputs]
    bad = RESULT | {"flagged": True, "categories": {"violence": True}, "category_scores": {"violence": 0.9}}
    return {"id": "modr-1", "model": "omni", "results": [bad if each == "bad" else RESULT for each in texts]}


async def test_texts_are_asked_about_together_and_answered_in_order() -> None:
    models = Models(moderator)
    judged = await judge("openai", ["good", "bad", *["good"] * 40], models, model="omni")
    assert [place for place, each in enumerate(judged) if each.flagged] == [1]
    assert judged[1].found == {"violence"}
    assert judged[1].scores == {"violence": 0.9}
    assert models.operations == ["moderations"] * 2
    assert models.asked[0]["model"] == "omni"


async def test_parts_are_asked_about_for_themselves() -> None:
    models = Models(moderator)
    parts = Content(("a", "b"), ("https://x.y/z.png",))
    assert len(await judge("openai", ["good", parts, "good"], models, model="omni")) == 3
    assert [type(each["input"][0]) for each in models.asked] == [str, dict, str]
    assert models.asked[1]["input"][2] == {"type": "image_url", "image_url": {"url": "https://x.y/z.png"}}


@pytest.mark.parametrize("answer", [{}, {"results": []}, {"results": [RESULT] * 3}, [], {"results": [{"flagged": 1}]}])
async def test_what_is_no_moderation_is_no_judgement(answer: Any) -> None:
    with pytest.raises(CheckUnavailable):
        await judge("openai", ["good"], Models(lambda asked: answer), model="omni")
