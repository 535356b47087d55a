"""Asking a check as the engine does."""

from adapters.safety.contract import Content, Judgement, SafetyCheck


async def nobody(operation: object, body: bytes) -> bytes:
    """A model that must not be asked."""
    raise AssertionError("this check asks no model")


async def judge(check: SafetyCheck, *texts: str) -> Judgement:
    """What it says of one content."""
    (judgement,) = await check.judge([Content(texts)], nobody)
    return judgement


def shown(judgement: Judgement, *texts: str) -> list[tuple[str, str]]:
    """The places that it found, as what stands there and what that is."""
    return [(texts[span.text][span.start : span.end], span.label) for span in judgement.spans]
