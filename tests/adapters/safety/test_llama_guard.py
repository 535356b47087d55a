"""Llama Guard: its prompt, its answers, and what OpenAI's categories say of them."""

from typing import Any

import pytest

from adapters.safety.asking import AT_ONCE
from adapters.safety.contract import CheckUnavailable, Content
from adapters.safety.llama_guard import CHECK, LlamaGuardOptions
from adapters.safety.llama_guard.prompt import read_verdict, written
from adapters.safety.llama_guard.taxonomy import HAZARDS
from tests.adapters.safety.asked import Models, chat, judge

PROMPT = """\
Task: Check if there is unsafe content in 'Agent' messages in conversations according our safety policy with the below \
categories.

<BEGIN UNSAFE CONTENT CATEGORIES>
S1: Violent Crimes.
S10: Hate.
<END UNSAFE CONTENT CATEGORIES>

<BEGIN CONVERSATION>

User: How?

Agent: So.

<END CONVERSATION>

Provide your safety assessment for ONLY THE LAST Agent message in the above conversation:
 - First line must read 'safe' or 'unsafe'.
 - If unsafe, a second line must include a comma-separated list of violated categories."""
PICTURE = "data:image/png;base64,AAAA"


def says(text: str | None) -> Models:
    return Models(lambda asked: chat(text))


def test_the_prompt_is_the_one_it_was_trained_with() -> None:
    content = Content(("So.",), role="assistant", question="How?")
    assert written(content, 3, ["S1", "S10"]) == PROMPT
    assert written(content, 4, ["S1", "S10"]) == PROMPT.replace("according our", "according to our")


@pytest.mark.parametrize("answer", ["safe", "\n\nsafe", "safe\n", " Safe "])
async def test_safe_is_safe(answer: str) -> None:
    (judgement,) = await judge("llama_guard", ["Hello"], says(answer), model="guard")
    assert not judgement.flagged
    assert judgement.scores == {}


async def test_its_codes_become_openais_categories() -> None:
    (judgement,) = await judge("llama_guard", ["…"], says("\n\nunsafe\nS1,S10"), model="guard")
    assert judgement.flagged
    assert judgement.found == {"violence", "illicit", "illicit/violent", "hate"}
    assert judgement.scores == dict.fromkeys(judgement.found, 1.0)
    assert judgement.notes == ("S1 Violent Crimes", "S10 Hate")


@pytest.mark.parametrize("code", HAZARDS)
async def test_every_code_means_something(code: str) -> None:
    (judgement,) = await judge("llama_guard", ["…"], says(f"unsafe\n{code}"), model="guard")
    assert judgement.found == set(HAZARDS[code].categories)


async def test_a_hazard_that_does_not_count_is_none() -> None:
    (judgement,) = await judge("llama_guard", ["…"], says("unsafe\nS6"), model="guard", hazards=["S1", "S9"])
    assert not judgement.flagged


@pytest.mark.parametrize("answer", ["", "I can't help with that.", "unsafe", "unsafe\nS15", "unsafe\nviolence", None])
async def test_what_is_no_verdict_is_no_judgement(answer: str | None) -> None:
    with pytest.raises(CheckUnavailable):
        await judge("llama_guard", ["…"], says(answer), model="guard")


def test_a_code_is_not_read_into_another() -> None:
    assert read_verdict("unsafe\nS14, S1", HAZARDS) == ["S14", "S1"]


async def test_a_server_with_its_template_is_given_the_conversation() -> None:
    models = says("safe")
    answered = Content(("So.",), role="assistant", question="How?")
    await judge("llama_guard", ["Hello", answered], models, model="guard")
    assert models.operations == ["chat", "chat"]
    assert [each["messages"] for each in models.asked] == [
        [{"role": "user", "content": "Hello"}],
        [{"role": "user", "content": "How?"}, {"role": "assistant", "content": "So."}],
    ]
    assert {(each["model"], each["temperature"]) for each in models.asked} == {("guard", 0)}


async def test_a_server_without_it_is_given_the_prompt() -> None:
    models = says("safe")
    answered = Content(("So.",), role="assistant", question="How?")
    await judge("llama_guard", [answered], models, model="guard", prompt="written", hazards=["S1", "S10"])
    assert models.asked[0]["messages"] == [{"role": "user", "content": PROMPT}]


async def test_version_4_is_shown_images_and_says_that_it_saw_them() -> None:
    models = says("unsafe\nS12")
    content = Content(("Look.",), (PICTURE,))
    (judgement,) = await judge("llama_guard", [content], models, model="guard", version=4)
    parts: list[Any] = models.asked[0]["messages"][0]["content"]
    assert parts == [{"type": "image_url", "image_url": {"url": PICTURE}}, {"type": "text", "text": "Look."}]
    assert judgement.applied["sexual"] == ("text", "image")


def test_only_version_4_sees_images() -> None:
    assert CHECK.sees is not None
    assert [CHECK.sees(LlamaGuardOptions(model="guard", version=version)) for version in (3, 4)] == [False, True]


async def test_many_texts_are_asked_about_a_few_at_a_time_and_answered_in_order() -> None:
    def answer(asked: Any) -> Any:
        return chat("unsafe\nS2" if asked["messages"][0]["content"] == "7" else "safe")

    models = Models(answer)
    judged = await judge("llama_guard", [str(number) for number in range(40)], models, model="guard")
    assert [place for place, each in enumerate(judged) if each.flagged] == [7]
    assert models.most_at_once <= AT_ONCE


async def test_an_image_alone_is_shown_and_may_be_safe() -> None:
    models = says("safe")
    (judgement,) = await judge("llama_guard", [Content((), (PICTURE,))], models, model="guard", version=4)
    assert models.asked[0]["messages"][0]["content"] == [{"type": "image_url", "image_url": {"url": PICTURE}}]
    assert not judgement.flagged
    assert judgement.applied["violence"] == ("image",)


async def test_an_answer_whose_question_nobody_knows_stands_alone() -> None:
    models = says("safe")
    answer = Content(("So.",), role="assistant")
    await judge("llama_guard", [answer], models, model="guard", prompt="written")
    assert "<BEGIN CONVERSATION>\n\nAgent: So.\n\n<END" in models.asked[0]["messages"][0]["content"]


@pytest.mark.parametrize("answer", [[], {"choices": []}, {"choices": [{"message": 1}]}])
async def test_what_is_no_chat_completion_is_no_judgement(answer: Any) -> None:
    with pytest.raises(CheckUnavailable):
        await judge("llama_guard", ["…"], Models(lambda asked: answer), model="guard")


async def test_a_chat_completion_that_is_no_utf8_is_no_judgement() -> None:
    async def ask(operation: object, body: bytes) -> bytes:
        return b'{"choices": [{"message": {"content": "\xff"}}]}'

    with pytest.raises(CheckUnavailable, match="no chat completion"):
        await CHECK.open("guard", LlamaGuardOptions(model="guard")).judge([Content(("…",))], ask)
