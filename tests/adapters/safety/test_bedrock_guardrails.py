"""Bedrock's guardrails against a stand-in that checks signatures, and what their assessments become."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from adapters.safety.bedrock_guardrails import CHECK, BedrockGuardrailOptions
from adapters.safety.bedrock_guardrails.judgement import judgement
from adapters.safety.contract import CheckUnavailable, Content, SafetyCheck
from tests.adapters.safety.bedrock_stand_in import KEY_ID, REGION, SECRET, Service
from tests.adapters.safety.judging import judge, nobody, shown

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


async def opened(service: Service, **options: Any) -> SafetyCheck:
    usual = {"guardrail": "gr-1", "version": "3", "region": REGION, "base_url": service.url}
    usual |= {"access_key_id": KEY_ID, "secret_access_key": SECRET}
    check = CHECK.open("aws", msgspec.convert(usual | options, BedrockGuardrailOptions))
    await check.start()
    return check


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def check(service: Service) -> AsyncIterator[SafetyCheck]:
    check = await opened(service)
    yield check
    await check.close()


async def test_what_is_blocked_is_found_in_openais_categories(check: SafetyCheck, service: Service) -> None:
    found = await judge(check, "a BOMB")
    assert (found.flagged, found.found, found.scores) == (True, frozenset({"violence"}), {"violence": 0.95})
    assert found.notes == ("content filter VIOLENCE",)
    assert service.asked[-1] == {
        "guardrailIdentifier": "gr-1",
        "guardrailVersion": "3",
        "source": "INPUT",
        "content": [{"text": {"text": "a BOMB"}}],
    }


async def test_what_is_masked_is_told_by_place(check: SafetyCheck) -> None:
    texts = ("I am NAME1.", "NAME12 and NAME1")
    found = await judge(check, *texts)
    assert shown(found, *texts) == [("NAME1", "NAME"), ("NAME12", "NAME"), ("NAME1", "NAME")]
    assert found.found == frozenset({"pii"})


async def test_masking_does_not_let_pass_what_else_was_found(check: SafetyCheck) -> None:
    found = await judge(check, "NAME1 has a BOMB")
    assert (found.found, found.spans) == (frozenset({"pii", "violence"}), ())


async def test_harmless_texts_are_left(check: SafetyCheck) -> None:
    found = await judge(check, "hello")
    assert (found.flagged, found.found, found.spans) == (False, frozenset(), ())


async def test_answers_are_judged_as_output_and_images_by_their_bytes(check: SafetyCheck, service: Service) -> None:
    content = Content(("hello",), ("data:image/png;base64,aGk=",), "assistant", "why?")
    await check.judge([content], nobody)
    asked = service.asked[-1]
    assert asked["source"] == "OUTPUT"
    assert asked["content"][0] == {"image": {"format": "png", "source": {"bytes": "aGk="}}}


@pytest.mark.parametrize("url", ["https://example.com/a.png", "data:image/webp;base64,aGk=", "data:image/png;base64,?"])
async def test_an_image_that_it_can_not_be_shown_is_no_judgement(check: SafetyCheck, url: str) -> None:
    with pytest.raises(CheckUnavailable):
        await check.judge([Content((), (url,))], nobody)


async def test_long_texts_are_sent_in_parts_that_overlap(check: SafetyCheck, service: Service) -> None:
    text = "x" * 19_998 + "BOMB" + "y" * 30_000
    before = len(service.asked)
    assert (await judge(check, text)).found == frozenset({"violence"})
    assert len(service.asked) - before == 3


@pytest.mark.parametrize(
    ("fault", "says"),
    [((429, "ThrottlingException"), "ThrottlingException"), ((500, "InternalServerException"), "InternalServer")],
)
async def test_a_service_that_fails_is_no_judgement(
    service: Service, check: SafetyCheck, fault: tuple[int, str], says: str
) -> None:
    service.fault = fault
    try:
        with pytest.raises(CheckUnavailable, match=says):
            await judge(check, "hello")
    finally:
        service.fault = None


@pytest.mark.parametrize("body", [b"{}", b"nonsense"])
async def test_nonsense_is_no_judgement(service: Service, check: SafetyCheck, body: bytes) -> None:
    service.body = body
    try:
        with pytest.raises(CheckUnavailable):
            await judge(check, "hello")
    finally:
        service.body = None


async def test_a_service_that_is_slow_or_away_is_no_judgement(service: Service) -> None:
    check = await opened(service, seconds=0.1)
    service.slow = 0.5
    try:
        with pytest.raises(CheckUnavailable, match="ReadTimeoutError"):
            await judge(check, "hello")
    finally:
        service.slow = 0.0
        await check.close()
    away = await opened(service, base_url="http://127.0.0.1:9")
    with pytest.raises(CheckUnavailable, match="EndpointConnectionError"):
        await judge(away, "hello")
    await away.close()


async def test_a_profile_that_is_not_there_is_told_and_judges_nothing() -> None:
    check = CHECK.open("aws", BedrockGuardrailOptions(guardrail="g", region=REGION, profile="nobody-made-it"))
    with pytest.raises(CheckUnavailable, match="ProfileNotFound"):
        await check.start()
    with pytest.raises(CheckUnavailable, match="not loaded"):
        await judge(check, "hello")
    await check.close()


async def test_nothing_is_asked_about_what_is_empty(check: SafetyCheck, service: Service) -> None:
    before = len(service.asked)
    assert (await judge(check, "", "")).flagged is False
    assert len(service.asked) == before


async def test_a_wrong_key_is_refused_by_the_stand_in(service: Service) -> None:
    check = await opened(service, secret_access_key="another")
    with pytest.raises(CheckUnavailable, match="InvalidSignatureException"):
        await judge(check, "hello")
    await check.close()


def blocked(**policy: Any) -> list[dict[str, Any]]:
    return [{"action": "GUARDRAIL_INTERVENED", "assessments": [policy]}]


@pytest.mark.parametrize(
    ("assessment", "category"),
    [
        ({"topicPolicy": {"topics": [{"name": "Finance", "type": "DENY", "action": "BLOCKED"}]}}, "denied_topic"),
        ({"wordPolicy": {"customWords": [{"match": "x", "action": "BLOCKED"}], "managedWordLists": []}}, "custom_word"),
        (
            {"wordPolicy": {"managedWordLists": [{"match": "x", "type": "PROFANITY", "action": "BLOCKED"}]}},
            "profanity",
        ),
        (
            {"contextualGroundingPolicy": {"filters": [{"type": "GROUNDING", "score": 0.1, "action": "BLOCKED"}]}},
            "ungrounded",
        ),
        ({"automatedReasoningPolicy": {"findings": []}}, "guardrail"),
    ],
)
async def test_every_policy_has_a_category(assessment: dict[str, Any], category: str) -> None:
    found = judgement(["x"], blocked(**assessment))
    assert (found.flagged, found.found) == (True, frozenset({category}))
    assert not [note for note in found.notes if "x" in note.split()]


async def test_what_is_only_detected_has_a_score_and_does_not_count() -> None:
    seen = {"type": "PROMPT_ATTACK", "confidence": "MEDIUM", "action": "NONE", "detected": True}
    found = judgement(["x"], [{"action": "NONE", "assessments": [{"contentPolicy": {"filters": [seen]}}]}])
    assert (found.flagged, found.found, found.scores) == (False, frozenset(), {"prompt_injection": 0.7})


async def test_personal_data_without_its_words_is_found_and_has_no_place() -> None:
    entity = {"type": "NAME", "action": "ANONYMIZED"}
    found = judgement(["I am NAME1."], blocked(sensitiveInformationPolicy={"piiEntities": [entity], "regexes": []}))
    assert (found.found, found.spans) == (frozenset({"pii"}), ())


async def test_own_expressions_are_named_as_they_are_called() -> None:
    own = {"name": "order number", "match": "A-17", "regex": "A-[0-9]+", "action": "ANONYMIZED"}
    found = judgement(["order A-17"], blocked(sensitiveInformationPolicy={"piiEntities": [], "regexes": [own]}))
    assert [(span.start, span.end, span.label) for span in found.spans] == [(6, 10, "ORDER_NUMBER")]


async def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'isthmus\[bedrock\]'"):
        CHECK.open("aws", BedrockGuardrailOptions(guardrail="g"))


async def test_half_a_key_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="go together"):
        msgspec.convert({"guardrail": "g", "access_key_id": "a"}, BedrockGuardrailOptions)
