"""OpenAI's requests that should become the recorded ones, written by hand, and where they can't.

A request is given by a function of the recorded body, from which it only takes long texts and files.
"""

from collections.abc import Callable
from typing import Any

Recorded = Any
Request = dict[str, Any]

CACHED = {"cache_control": {"type": "ephemeral", "ttl": "5m"}}


def text(told: str, **further: Any) -> Request:
    return {"type": "text", "text": told, **further}


def user(*parts: Any) -> Request:
    return {"role": "user", "content": list(parts)}


def asks(told: str) -> list[Request]:
    """A conversation of one question."""
    return [user(text(told))]


def file(data: str, **further: Any) -> Request:
    return {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{data}", **further}}


def image(data: str) -> Request:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def function(name: str, description: str, parameters: Any) -> Request:
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def calls(call_id: str, name: str, arguments: str, **further: Any) -> Request:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call], **further}


def result(call_id: str, content: Any) -> Request:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def schema(told: Any) -> Request:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": told}}


def block(told: Any) -> Request:
    """A block that OpenAI's format has no place for, as an answer gave it to the client."""
    return {"type": "anthropic.block", "block": told, "format": "anthropic-claude-v1"}


def said(recorded: Recorded, turn: int, part: int = 0) -> str:
    told: str = recorded["messages"][turn]["content"][part]["text"]
    return told


def data(recorded: Recorded, part: int) -> str:
    told: str = recorded["messages"][0]["content"][part]["source"]["data"]
    return told


# Those recordings have a `strict` that is part of the schema, and means nothing there.
WEATHER = function(
    "weather",
    "Gets current weather for a location",
    {
        "type": "object",
        "properties": {
            "latitude": {"type": "string", "description": "Latitude (e.g., 52.5200)"},
            "longitude": {"type": "string", "description": "Longitude (e.g., 13.4050)"},
        },
        "required": ["latitude", "longitude"],
        "additionalProperties": False,
        "strict": True,
    },
)
NO_ARGUMENTS = {"type": "object", "properties": {}, "required": [], "additionalProperties": False, "strict": True}
BEST_LANGUAGE = function("best_language_to_learn", "Gets the best language to learn", NO_ARGUMENTS)
DICE = function("dice_roll", "Rolls a single six-sided die and returns the result", NO_ARGUMENTS)
COLOUR = function(
    "favorite_color",
    "Returns a person's favourite colour",
    {
        "type": "object",
        "properties": {"_person": {"type": "string"}},
        "required": ["_person"],
        "additionalProperties": False,
    },
)
ARTICLE = {
    "type": "object",
    "description": "Summary of the article",
    "title": "ArticleSummary",
    "properties": {"title": {"type": "string", "title": "Title"}, "author": {"type": "string", "title": "Author"}},
    "additionalProperties": False,
    "required": ["title", "author"],
}
PERSON = {
    "type": "object",
    "title": "Person",
    "properties": {"name": {"type": "string", "title": "Name"}, "age": {"type": "integer", "title": "Age"}},
    "additionalProperties": False,
    "required": ["name", "age"],
}
EMPTY = text("[empty string]", **CACHED)
RATES = "What is the current exchange rate from USD to EUR?"
SUM = "what is 65465-6544 * 65464-6+1.02255"
STAR_WARS = "What's the first movie listed on https://rvest.tidyverse.org/articles/starwars.html?"
STAR_WARS_SAID = "I'll fetch that page for you."

REQUESTS: dict[str, Callable[[Recorded], Request]] = {
    "chat-builtin-tool-claude-haiku-4-5-20251001-65ee5": lambda recorded: {
        "messages": asks("Use code execution to compute 123456789 * 987654321 and report the exact product."),
        "max_tokens": 64000,
        "tools": [{"type": "code_execution_20260521", "name": "code_execution"}],
    },
    "chat-builtin-tool-claude-sonnet-4-0-14d6b": lambda recorded: {
        "messages": asks("How much is 3 * 12390?"),
        "max_completion_tokens": 4096,
        "tools": [{"type": "code_execution_20250522", "name": "code_execution"}],
        "tool_choice": "auto",
    },
    "chat-builtin-tool-claude-sonnet-4-5-20250929-195a0": lambda recorded: {
        "messages": asks("Fetch https://example.com and summarize what the page contains."),
        "max_tokens": 64000,
        "tools": [{"type": "web_fetch_20260209", "name": "web_fetch", "max_uses": 2}],
    },
    "chat-builtin-tool-tool-claude-sonnet-4-5-88ffc": lambda recorded: {
        "messages": asks(RATES),
        "max_tokens": 1024,
        "tools": [function(tool["name"], tool["description"], tool["input_schema"]) for tool in recorded["tools"][:4]]
        + [{"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}],
    },
    "chat-builtin-tool-tool-result-claude-sonnet-5-b9a9d": lambda recorded: {
        "messages": [
            {"role": "system", "content": recorded["system"][0]["text"]},
            user(text(said(recorded, 0))),
            {
                "role": "assistant",
                "content": said(recorded, 1, 5),
                "reasoning_details": [
                    *map(block, recorded["messages"][1]["content"][:2]),
                    {
                        "type": "reasoning.text",
                        "text": "",
                        "signature": recorded["messages"][1]["content"][2]["signature"],
                    },
                    *map(block, recorded["messages"][1]["content"][3:5]),
                ],
            },
            user(text("Use the code execution tool again to report the average of the `value` column.", **CACHED)),
        ],
        "max_tokens": 4096,
        "tools": [{"type": "code_execution_20260120", "name": "code_execution"}],
        "container": "container_018t3shgKLWFUp5P77cqGq3D",
    },
    "chat-citations-document-claude-haiku-4-5-20251001-47152": lambda recorded: {
        "messages": [
            user(
                text("What does the document say? Use the document."),
                file(data(recorded, 1), filename="sample.pdf"),
            )
        ],
        "max_tokens": 64000,
    },
    "chat-image-document-claude-haiku-4-5-20251001-be2b3": lambda recorded: {
        "messages": [user(text("Analyze these files"), image(data(recorded, 1)), file(data(recorded, 2)))],
        "max_tokens": 64000,
    },
    "chat-json-schema-claude-haiku-4-5-20251001-0a8da": lambda recorded: {
        "messages": [
            {"role": "system", "content": [EMPTY]},
            user(text(said(recorded, 0))),
            {"role": "assistant", "content": '{"title":"Apples are tasty","author":"Hadley Wickham"}'},
            user(text(said(recorded, 2), **CACHED)),
        ],
        "max_tokens": 4096,
        "response_format": schema(ARTICLE),
    },
    "chat-length-claude-sonnet-4-5-20250929-33f32": lambda recorded: {
        "messages": [{"role": "user", "content": "When do you use 'whom' instead of 'who'?"}],
        "max_tokens": 15,
    },
    "chat-parallel-tools-claude-haiku-4-5-20251001-84e2e": lambda recorded: {
        "messages": asks(
            "What's the weather in Berlin (52.5200, 13.4050) and what's the best language to learn?",
        ),
        "max_tokens": 64000,
        "tools": [WEATHER, BEST_LANGUAGE],
    },
    "chat-parallel-tools-claude-haiku-4-5-20251001-d000d": lambda recorded: {
        "messages": [
            {
                "role": "developer",
                "content": "You must call the dice_roll tool exactly 3 times when asked to roll dice 3 times.",
            },
            user(text("Roll the dice 3 times")),
        ],
        "max_tokens": 64000,
        "tools": [DICE],
    },
    "chat-prefill-claude-haiku-4-5-20251001-a5306": lambda recorded: {
        "messages": [
            *asks("What is the square root of 64? Answer with a JSON object with the key `result`."),
            {"role": "assistant", "content": "{ "},
        ],
        "max_tokens": 64000,
        "service_tier": "default",
    },
    "chat-stop-claude-sonnet-4-5-f93e8": lambda recorded: {
        "messages": asks(said(recorded, 0)),
        "max_tokens": 1024,
        "stop": "Paris",
    },
    "chat-stream-builtin-tool-citations-claude-haiku-4-5-20251001-415de": lambda recorded: {
        "messages": asks("Search the web: what is the latest stable Ruby version?"),
        "max_tokens": 64000,
        "tools": [{"type": "web_search_20260318", "name": "web_search", "allowed_callers": ["direct"]}],
    },
    "chat-stream-builtin-tool-claude-haiku-4-5-20251001-2b2ed": lambda recorded: {
        "messages": [user(text(STAR_WARS, **CACHED))],
        "max_tokens": 4096,
        "tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}],
    },
    "chat-stream-builtin-tool-reasoning-claude-sonnet-4-6-0d263": lambda recorded: {
        "messages": asks(SUM),
        "max_tokens": 4096,
        "thinking": {"type": "enabled", "budget_tokens": 3000},
        "tools": [{"type": "code_execution_20260120", "name": "code_execution"}],
        "tool_choice": "auto",
    },
    "chat-stream-builtin-tool-reasoning-claude-sonnet-5-326bc": lambda recorded: {
        "messages": asks("What's 2+2? Consult your advisor first."),
        "max_tokens": 4096,
        "tools": [{"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-4-8", "max_tokens": 1024}],
    },
    "chat-stream-builtin-tool-tool-claude-sonnet-4-6-a0be6": lambda recorded: {
        "messages": asks("What is the weather in San Francisco, CA?"),
        "max_tokens": 200,
        "tools": [
            {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
            {
                "type": "custom",
                "name": "get_weather",
                "description": "Get the weather for a specific location",
                "input_schema": {"type": "object", "properties": {"location": {"type": "string"}}},
                "defer_loading": True,
            },
        ],
    },
    "chat-stream-document-cache-read-claude-sonnet-4-6-f9c6f": lambda recorded: {
        "messages": [
            user(
                text("Reply with the single word: ok"),
                {"type": "file", "file": {"file_id": "file_011CdTjeKJHj4L6nvUiustm7"}, **CACHED},
            )
        ],
        "max_tokens": 4096,
    },
    "chat-stream-document-cache-write-claude-sonnet-4-6-e0c9a": lambda recorded: {
        "messages": [
            user(
                text("Reply with the single word: ok"),
                {"type": "file", "file": {"file_id": "file_011CdTdZVCFsK7adq7aaf4ie"}, **CACHED},
            )
        ],
        "max_tokens": 4096,
    },
    "chat-stream-document-tool-result-claude-haiku-4-5-20251001-0ad6c": lambda recorded: {
        "messages": [
            *asks(STAR_WARS),
            {
                "role": "assistant",
                "content": STAR_WARS_SAID + said(recorded, 1, 3),
                "reasoning_details": [*map(block, recorded["messages"][1]["content"][1:3])],
            },
            user(text("Who directed it?", **CACHED)),
        ],
        "max_tokens": 4096,
        "tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}],
    },
    "chat-stream-image-tool-result-claude-opus-4-6-12d40": lambda recorded: {
        "messages": [
            {"role": "system", "content": "You are a helpful assistant"},
            *asks("Take a screenshot of the desktop"),
            calls("toolu_01DkSrnHZMNWNEqf7wznra4W", "computer", '{"action":"screenshot"}'),
            result(
                "toolu_01DkSrnHZMNWNEqf7wznra4W",
                [image(recorded["messages"][2]["content"][0]["content"][0]["source"]["data"])],
            ),
        ],
        "max_tokens": 4096,
        "tools": [
            {"type": "computer_20251124", "name": "computer", "display_height_px": 1080, "display_width_px": 1920}
        ],
    },
    "chat-stream-json-schema-claude-haiku-4-5-20251001-4526b": lambda recorded: {
        "messages": [
            {"role": "system", "content": [EMPTY]},
            user(text("John, age 15, won first prize", **CACHED)),
        ],
        "max_tokens": 4096,
        "response_format": schema(PERSON),
    },
    "chat-stream-length-cache-write-claude-sonnet-4-20250514-05e00": lambda recorded: {
        "messages": [
            {
                "role": "system",
                "content": [text(recorded["system"][0]["text"], cache_control={"type": "ephemeral"})],
            },
            *asks("What are the key principles for designing scalable systems?"),
        ],
        "max_tokens": 100,
        "temperature": 0.1,
    },
    "chat-stream-parallel-tools-claude-haiku-4-5-20251001-1fe16": lambda recorded: {
        "messages": [
            {"role": "system", "content": [text("Be very terse, not even punctuation.", **CACHED)]},
            user(text(said(recorded, 0), **CACHED)),
        ],
        "max_tokens": 4096,
        "tools": [COLOUR],
    },
    "chat-stream-reasoning-claude-haiku-4-5-20251001-28825": lambda recorded: {
        "messages": asks(said(recorded, 0)),
        "max_tokens": 64000,
        "anthropic": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    },
    "chat-stream-text-claude-3-haiku-20240307-4276d": lambda recorded: {
        "messages": asks("what is 9+1?, just return the number"),
        "max_tokens": 1024,
    },
    "chat-stream-tool-claude-sonnet-4-20250514-de48a": lambda recorded: {
        "messages": [
            {"role": "system", "content": "You are a helpful assistant"},
            *asks("Take a screenshot of the desktop"),
        ],
        "max_tokens": 4096,
        "tools": [
            {"type": "computer_20250124", "name": "computer", "display_height_px": 1080, "display_width_px": 1920}
        ],
    },
    "chat-stream-tool-tool-result-claude-haiku-4-5-20251001-3baba": lambda recorded: {
        "messages": [
            *asks("What's the weather in Berlin? (52.5200, 13.4050)"),
            calls("toolu_01MKSN7NHsBVKr7Jvw5pqCQq", "weather", '{"latitude": "52.5200", "longitude": "13.4050"}'),
            result(
                "toolu_01MKSN7NHsBVKr7Jvw5pqCQq",
                [text("Current weather at 52.5200, 13.4050: 15°C, Wind: 10 km/h")],
            ),
            {"role": "assistant", "content": said(recorded, 3)},
            user(text("What's the weather in Paris? (48.8575, 2.3514)")),
        ],
        "max_tokens": 64000,
        "tools": [WEATHER],
    },
    "chat-stream-tool-tool-result-claude-haiku-4-5-20251001-9a990": lambda recorded: {
        "messages": [
            {"role": "system", "content": "You must use tools whenever possible."},
            *asks("What's the best language to learn?"),
            calls("toolu_01EcJNDtgucTvxugUxuGcJmF", "best_language_to_learn", ""),
            result("toolu_01EcJNDtgucTvxugUxuGcJmF", [text("Ruby")]),
            {"role": "assistant", "content": said(recorded, 3)},
            user(text("Tell me again: what's the best language to learn?")),
        ],
        "max_tokens": 64000,
        "tools": [BEST_LANGUAGE],
    },
    "chat-text-claude-haiku-4-5-0c957": lambda recorded: {
        "messages": asks("hello"),
        "max_tokens": 4096,
        "temperature": 0.2,
        "top_k": 40,
    },
    "chat-text-claude-haiku-4-5-58c18": lambda recorded: {
        "messages": asks("hello"),
        "max_tokens": 4096,
        "user": "123",
    },
    "chat-text-claude-sonnet-4-6-ca821": lambda recorded: {
        "messages": [
            {"role": "system", "content": "Be brief."},
            *asks("Hello!"),
            {
                "role": "assistant",
                "content": "Hello! How can I help?",
                "reasoning_details": [block({"type": "compaction", "content": "Summary: user said hello."})],
            },
            user(text("What did I say earlier?"), text("What did I say earlier?")),
        ],
        "max_tokens": 4096,
        "anthropic": {"context_management": {"edits": [{"type": "compact_20260112"}]}},
    },
    "chat-tool-claude-haiku-4-5-20251001-f6ee5": lambda recorded: {
        "messages": asks("When was the fall of Rome?"),
        "max_tokens": 64000,
        "tools": [WEATHER],
        "tool_choice": "required",
    },
}


def _without_citations(recorded: Recorded) -> None:
    del recorded["messages"][0]["content"][1]["citations"]


def _without_upload(recorded: Recorded) -> None:
    del recorded["messages"][0]["content"][1]


def _at_once(recorded: Recorded) -> None:
    for tool in recorded["tools"]:
        tool.pop("defer_loading", None)


def _text_last(recorded: Recorded) -> None:
    first, use, found, last = recorded["messages"][1]["content"]
    recorded["messages"][1]["content"] = [use, found, text(first["text"] + last["text"])]


DIFFERENCES: dict[str, Callable[[Recorded], None]] = {
    # OpenAI's documents have no switch for citations.
    "chat-citations-document-claude-haiku-4-5-20251001-47152": _without_citations,
    # OpenAI's messages have no part for a file in a container.
    "chat-builtin-tool-tool-result-claude-sonnet-5-b9a9d": _without_upload,
    # OpenAI's functions are known to the model from the start.
    "chat-builtin-tool-tool-claude-sonnet-4-5-88ffc": _at_once,
    # OpenAI's answers have one text, and blocks of tools that the service runs are beside it.
    "chat-stream-document-tool-result-claude-haiku-4-5-20251001-0ad6c": _text_last,
}
"""How a recorded request differs from ours, and why."""
