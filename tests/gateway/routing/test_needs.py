"""What a request needs, in OpenAI's and the Messages format."""

from typing import Any

import pytest

from adapters.wire.body import parse
from config.routing import Capability
from gateway.routing.needs import needs
from tests.gateway.calls import a_call


def user(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


IMAGE_BLOCK = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}


@pytest.mark.parametrize(
    ("capability", "fields"),
    [
        ("vision", user({"type": "image_url", "image_url": {"url": "https://x/y.png"}})),
        ("vision", user(IMAGE_BLOCK)),
        ("vision", user({"type": "tool_result", "tool_use_id": "t", "content": [IMAGE_BLOCK]})),
        ("audio", user({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}})),
        ("audio", {"modalities": ["audio"]}),
        ("tools", {"tools": [{"name": "f", "input_schema": {}}]}),
        ("tools", {"functions": [{"name": "f"}]}),
        ("structured_outputs", {"response_format": {"type": "json_schema", "json_schema": {}}}),
        ("structured_outputs", {"output_config": {"format": {"type": "json_schema", "schema": {}}}}),
        ("structured_outputs", {"output_format": {"type": "json_schema", "schema": {}}}),
        ("reasoning", {"reasoning_effort": "low"}),
        ("reasoning", {"thinking": {"type": "enabled", "budget_tokens": 1_024}}),
        ("reasoning", {"thinking": {"type": "adaptive"}}),
    ],
)
async def test_it_is_needed(capability: Capability, fields: dict[str, Any]) -> None:
    assert needs(a_call(**fields).body, capability)


@pytest.mark.parametrize("capability", ["vision", "audio", "tools", "structured_outputs", "reasoning"])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"messages": "image_url"},
        {"messages": [3, None]},
        {"messages": [{"role": "user", "content": '"image_url" and "input_audio"'}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": '"image"'}, 7]}]},
        {"tools": None, "functions": [], "modalities": ["text"]},
        {"response_format": {"type": "text"}, "output_config": {}, "output_format": None},
        {"reasoning_effort": None, "thinking": {"type": "disabled"}},
        {"reasoning_effort": "none", "thinking": 3},
    ],
)
async def test_it_is_not_needed(capability: Capability, fields: dict[str, Any]) -> None:
    assert not needs(a_call(**fields).body, capability)


def test_a_part_written_with_escapes_is_seen() -> None:
    raw = rb'{"model":"m","messages":[{"role":"user","content":[{"type":"\u0069mage_url"}]}]}'
    assert needs(parse(raw), "vision")
