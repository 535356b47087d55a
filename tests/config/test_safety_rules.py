"""What checks of safety need of other sections."""

import pytest

from tests.config.loading import mistake, read

START = "providers: {lab: {base_url: 'http://lab/v1'}}\nmodels: {gpt: {deployments: [{provider: lab, model: m}]}}\n"
CHECKS = "safety: {checks: {ours: {type: rules}}}"


def test_the_check_for_moderations_is_one_that_there_is() -> None:
    only = mistake(START + "safety: {checks: {rules: {type: rules}}, moderation: rulez}")
    assert (only.path, only.problem, only.nearest) == ("safety.moderation", "there is no such check", "rules")


def test_a_check_may_not_have_the_name_of_a_model() -> None:
    only = mistake(START + "safety: {checks: {gpt: {type: rules}}}")
    assert only.path == "safety.checks.gpt"
    assert "a model has this name" in only.problem


@pytest.mark.parametrize("name", ["ours", "omni-moderation-latest"])
def test_a_key_may_be_limited_to_moderations(name: str) -> None:
    key = f"keys: [{{name: a, key: sk-0123456789abcdef, models: [{name}]}}]\n"
    assert read(START + key + CHECKS).keys[0].models == [name]
    assert mistake(START + key).path == "keys[0].models[0]"
