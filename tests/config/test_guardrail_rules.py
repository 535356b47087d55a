"""What guardrails need of other sections: the advice for each mistake."""

import pytest

from tests.config.loading import read, refusal

HEAD = """
providers: {lab: {base_url: "http://lab/v1"}}
safety: {checks: {rules: {type: rules}, pii: {type: pii}}}
models:
  chat:
    deployments: [{provider: lab, model: c}]
"""


@pytest.mark.parametrize(
    ("text", "path", "allowed", "nearest"),
    [
        (
            "    guardrails: {input: [{check: rules}, {check: rule}]}",
            "models.chat.guardrails.input[1].check",
            "rules, pii",
            "rules",
        ),
        (
            "    guardrails: {input: [{check: pii, action: redact, parallel: true}]}",
            "models.chat.guardrails.input[0].parallel",
            "false, or another action",
            None,
        ),
        (
            "    guardrails: {output: [{check: rules, parallel: true}]}",
            "models.chat.guardrails.output[0].parallel",
            "false",
            None,
        ),
    ],
)
def test_mistakes_are_told_with_what_is_allowed(text: str, path: str, allowed: str, nearest: str | None) -> None:
    (found,) = refusal(HEAD + text).mistakes
    assert (found.path, found.allowed, found.nearest) == (path, allowed, nearest)


def test_without_any_check_the_place_for_them_is_named() -> None:
    text = HEAD.replace("safety: {checks: {rules: {type: rules}, pii: {type: pii}}}\n", "")
    (found,) = refusal(text + "    guardrails: {input: [{check: rules}]}").mistakes
    assert found.allowed == "a check under safety.checks"


def test_guardrails_with_all_that_they_need_are_right() -> None:
    text = "    guardrails: {input: [{check: rules, parallel: true}], output: [{check: pii, action: redact}]}"
    guardrails = read(HEAD + text).models["chat"].guardrails
    assert guardrails is not None
    assert [each.check for each in (*guardrails.input, *guardrails.output)] == ["rules", "pii"]
