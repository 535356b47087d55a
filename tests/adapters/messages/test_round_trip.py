"""What can be said in both formats comes through both: Messages to chat, and by Anthropic's own dialect back."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.errors import BadRequest
from tests.adapters.inference.anthropic.sdk import judge
from tests.adapters.inference.targets import target
from tests.adapters.messages.asking import TRANSLATED, request
from tests.recordings import Recording, params

MODEL = "claude-sonnet-4-5"


def round_trip(**fields: Any) -> Any:
    """The request that Anthropic gets through chat, as far as its SDK agrees; without the model."""
    told: Any = judge(TRANSLATED.encode(request(**fields), target(MODEL)).body)
    del told["model"]
    return told


_TEXT = st.text(min_size=1).filter(lambda text: text.strip() == text)
_HINT: Any = st.one_of(st.just({}), st.just({"cache_control": {"type": "ephemeral", "ttl": "1h"}}))
_ID = st.from_regex(r"toolu_[a-zA-Z0-9]{4}", fullmatch=True)
_NAME = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
_SOURCE = st.one_of(
    st.just({"type": "base64", "media_type": "image/png", "data": "AAAA"}),
    st.just({"type": "url", "url": "https://a.test/b.png"}),
)


def _block(kind: str, hint: Any = _HINT, **members: Any) -> st.SearchStrategy[Any]:
    return st.builds(lambda hint, **told: {"type": kind, **told, **hint}, hint, **members)


_TEXTS = _block("text", text=_TEXT)
_IMAGES = _block("image", source=_SOURCE)
_PDFS = _block(
    "document",
    title=st.just("t.pdf"),
    source=st.just({"type": "base64", "media_type": "application/pdf", "data": "AAAA"}),
)
_RESULTS = _block("tool_result", tool_use_id=_ID, content=st.lists(st.one_of(_TEXTS, _IMAGES), min_size=2, max_size=3))
_THOUGHTS = st.one_of(
    st.builds(lambda text: {"type": "thinking", "thinking": text, "signature": "of-anthropic"}, _TEXT),
    st.just({"type": "redacted_thinking", "data": "of-anthropic"}),
)
_CALLS = _block(
    "tool_use", st.just({}), id=_ID, name=_NAME, input=st.dictionaries(_NAME, st.one_of(_TEXT, st.integers(-9, 9)))
)
_USER = st.builds(
    lambda results, rest: [
        *([{"role": "user", "content": results}] if results else []),
        *([{"role": "user", "content": rest}] if rest else []),
    ],
    st.lists(_RESULTS, max_size=2),
    st.lists(st.one_of(_TEXTS, _IMAGES, _PDFS), min_size=2, max_size=3),
)
_ASSISTANT = st.builds(
    lambda thoughts, texts, calls: {"role": "assistant", "content": [*thoughts, *texts, *calls]},
    st.lists(_THOUGHTS, max_size=2),
    st.lists(_TEXTS, min_size=2, max_size=2),
    st.lists(_CALLS, max_size=2),
)
_TURNS = st.builds(
    lambda pairs, last: [turn for user, said in pairs for turn in (*user, said)] + last,
    st.lists(st.tuples(_USER, _ASSISTANT), max_size=2),
    _USER,
)
_TOOLS = st.lists(
    st.builds(
        lambda name, description, hint: {
            "name": name,
            "description": description,
            "input_schema": {"type": "object", "properties": {}},
            **hint,
        },
        _NAME,
        _TEXT,
        _HINT,
    ),
    min_size=1,
    max_size=2,
)
_CHOICE = st.one_of(
    st.sampled_from([{"type": "any"}, {"type": "none"}, {"type": "tool", "name": "f"}]),
    st.just({"type": "auto", "disable_parallel_tool_use": True}),
)
_FURTHER = st.fixed_dictionaries(
    {},
    optional={
        "system": st.lists(_TEXTS, min_size=2, max_size=2),
        "stop_sequences": st.lists(_TEXT, min_size=1, max_size=2),
        "temperature": st.sampled_from([0.0, 0.5, 1.0]),
        "top_k": st.integers(1, 9),
        "metadata": st.builds(lambda name: {"user_id": name}, _TEXT),
        "service_tier": st.just("standard_only"),
    },
)


@given(_TURNS, _FURTHER)
def test_conversations(turns: Any, further: Any) -> None:
    told = round_trip(messages=turns, **further)
    for name in ("tools", "tool_choice"):
        told.pop(name, None)  # the dialect declares tools that were called, as the service demands it
    assert told == {"max_tokens": 99, "messages": turns, **further}


@given(_TOOLS, _CHOICE)
def test_tools(tools: Any, choice: Any) -> None:
    told = round_trip(tools=tools, tool_choice=choice)
    assert told["tools"] == tools
    assert told["tool_choice"] == choice


def test_a_schema_for_the_answer() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    config = {"format": {"type": "json_schema", "schema": schema | {"additionalProperties": False}}}
    assert round_trip(output_config=config)["output_config"] == config


@pytest.mark.parametrize("budget", [2_000, 8_000, 20_000])
def test_a_budget_stays_one(budget: int) -> None:
    told = round_trip(max_tokens=32_000, thinking={"type": "enabled", "budget_tokens": budget})
    assert told["thinking"]["type"] == "enabled"


@pytest.mark.parametrize("streamed", [False, True], ids=["unary", "streams"])
def test_recorded_requests_come_through_or_are_refused_by_name(streamed: bool) -> None:
    came_through = 0
    for param in params(providers=("anthropic",), operations=("chat",), streamed=streamed):
        recording = param.values[0]
        if not isinstance(recording, Recording):
            pytest.skip("no recordings")
        asked = recording.request
        if not isinstance(asked, dict) or "messages" not in asked:
            continue
        told = translated(asked)
        if told is None:
            continue
        came_through += 1
        assert texts(told) == texts(asked), recording.case
        assert [tool["name"] for tool in told.get("tools", ())] == [tool["name"] for tool in asked.get("tools", ())]
    assert came_through >= 5


def translated(asked: Any) -> Any:
    """The request that Anthropic gets through chat, None where what is asked is refused by name."""
    try:
        return json.loads(TRANSLATED.encode(request(**asked), target(asked["model"])).body)
    except BadRequest as error:
        named = f"{error.param} {error.message}"
    assert re.search(REFUSED, named), named
    return None


REFUSED = r"Blocks of type|only Anthropic's models have|uploaded as files|mcp_servers|thread"


def texts(asked: Any) -> str:
    """Every text of a conversation."""
    found = []
    for message in asked["messages"]:
        content = message["content"]
        for block in [{"text": content}] if isinstance(content, str) else content:
            if block.get("type") == "tool_result":
                inner = block.get("content") or ""
                found += [inner] if isinstance(inner, str) else [part.get("text", "") for part in inner]
            found.append(block.get("text", ""))
    return "".join(found)
