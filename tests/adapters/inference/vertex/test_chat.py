"""Chats with Gemini on Vertex AI: the Gemini dialect under another name."""

import json

import pytest

from adapters.inference.vertex import ADAPTER
from adapters.wire.fields import VENDOR_FIELDS
from tests.adapters.inference.gemini.exchanges import asking
from tests.adapters.inference.vertex.test_urls import target
from tests.config.loading import mistake, read

CHAT = ADAPTER.codecs["chat"]


def test_the_member_of_the_dialects_name_wins() -> None:
    encoded = CHAT.encode(
        asking(temperature=0, vertex={"generationConfig": {"temperature": 1}, "labels": {"a": "b"}}), target()
    )
    body = json.loads(encoded.body)
    assert (body["generationConfig"], body["labels"]) == ({"temperature": 1}, {"a": "b"})
    assert encoded.dropped == ()


def test_members_for_other_dialects_are_left_out() -> None:
    others = sorted(VENDOR_FIELDS - {"vertex"})
    encoded = CHAT.encode(asking(**{name: {} for name in others}), target())
    assert sorted(encoded.dropped) == [f"{name}=other-dialect" for name in others]
    assert json.loads(encoded.body).keys() == {"contents"}


def test_options_are_read_from_the_configuration() -> None:
    config = read("providers: {vertex: {options: {location: us}}}", {"GOOGLE_CLOUD_PROJECT": "p"})
    assert config.providers["vertex"].options.items() >= {"project": "p", "location": "us"}.items()


@pytest.mark.parametrize("project", ["a/b", "a b", '""'])
def test_a_project_that_is_no_word_is_a_mistake(project: str) -> None:
    found = mistake(f"providers: {{vertex: {{options: {{project: {project}}}}}}}")
    assert "project" in str(found)
