"""Where models are: their names are one segment of the path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.inference.bedrock import ADAPTER
from tests.adapters.inference.bedrock import judge
from tests.adapters.inference.bedrock.asking import BASE_URL, body, target


@pytest.mark.parametrize(
    "model",
    [
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3",
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_urls_are_those_of_the_sdk(model: str, streamed: bool) -> None:
    url = ADAPTER.codecs["chat"].url(target(model), body(stream=streamed))
    assert url == BASE_URL + judge.url_path(model, "ConverseStream" if streamed else "Converse")


def test_a_base_url_may_have_a_path() -> None:
    at = target("a.b", base_url="https://proxy.example/aws/")
    assert ADAPTER.codecs["chat"].url(at, body()) == "https://proxy.example/aws/model/a.b/converse"


@given(st.one_of(st.text(st.characters(codec="utf-8"), min_size=1), st.sampled_from([".", "..", "../..", "a/../b"])))
def test_no_name_escapes_its_segment_of_the_path(name: str) -> None:
    url = ADAPTER.codecs["chat"].url(target(name), body())
    segment = url.removeprefix(f"{BASE_URL}/model/").removesuffix("/converse")
    assert not set(segment) & set("/?# ")
    assert segment.isascii()
    assert segment.strip(".")
