"""What a message or delta says, put where OpenAI's clients look for it; members of other names stay beside it."""

from typing import Any

import msgspec

from adapters.inference.openai.quirks.memory import Memory

_encode = msgspec.json.Encoder().encode
_NAMES = ("reasoning", "thinking")
"""What providers call `reasoning_content`: Groq, Cerebras, OpenRouter and newer vLLM the first, Ollama the second."""
_HOLLOW = frozenset(
    {"tool_calls", "function_call", "audio", "refusal", "reasoning", "reasoning_content", "reasoning_details"}
)


def fill_reasoning(said: dict[str, Any], memory: Memory) -> None:
    """Give `reasoning_content` what stands under another name, or in the clear parts of `reasoning_details`."""
    if said.get("reasoning_content"):
        return
    for name in _NAMES:
        if isinstance(value := said.get(name), str) and value:
            said["reasoning_content"] = value
            return
    details = said.get("reasoning_details")
    if isinstance(details, list) and (text := "".join(map(_clear_text, details))):
        said["reasoning_content"] = text


def flatten_content(said: dict[str, Any], memory: Memory) -> None:
    """Make `content` a string: the text of its parts, and JSON of an object.

    Mistral's `thinking` and Databricks' `reasoning` parts become `reasoning_content`, others go to `content_parts`.
    https://docs.mistral.ai/studio-api/conversations/reasoning
    https://docs.databricks.com/aws/machine-learning/model-serving/query-reason-models
    https://developers.cloudflare.com/workers-ai/features/json-mode/
    """
    content = said.get("content")
    if isinstance(content, dict):
        said["content"] = _encode(content).decode()
    if not isinstance(content, list):
        return
    thoughts = "".join(map(_thoughts, content))
    said["content"] = _text(content)
    if thoughts:
        said["reasoning_content"] = (said.get("reasoning_content") or "") + thoughts
    if others := [part for part in content if _kind(part) not in ("text", "thinking", "reasoning")]:
        said["content_parts"] = others


def split_tags(said: dict[str, Any], memory: Memory) -> None:
    """Move the thoughts of a message or delta that stand in tags from `content` to `reasoning_content`."""
    tags, text = memory.tags, said.get("content")
    if tags.passed and not memory.ends:
        return
    thoughts, answer = tags.feed(text) if isinstance(text, str) else ("", "")
    if memory.ends:
        more = tags.close()
        thoughts, answer = thoughts + more[0], answer + more[1]
    if thoughts:
        said["reasoning_content"] = (said.get("reasoning_content") or "") + thoughts
    if isinstance(text, str) or answer:
        said["content"] = answer


def drop_hollow(said: dict[str, Any], memory: Memory) -> None:
    """Leave out members that are null, empty or filled with empty strings: some clients ask only if they are there."""
    if _HOLLOW.isdisjoint(said):
        return
    for name in _HOLLOW:
        if name in said and is_hollow(said[name]):
            del said[name]


def is_hollow(value: Any) -> bool:
    """Whether a value says nothing: `{"name": "", "arguments": ""}`."""
    if isinstance(value, dict):
        return all(map(is_hollow, value.values()))
    if isinstance(value, list):
        return all(map(is_hollow, value))
    return value is None or value == "" or value == 0


def _clear_text(detail: Any) -> str:
    if not isinstance(detail, dict):
        return ""
    return _text(detail.get("text")) or _text(detail.get("summary"))


def _kind(part: Any) -> Any:
    return part.get("type") if isinstance(part, dict) else None


def _thoughts(part: Any) -> str:
    """The thoughts in a part of a content list."""
    match part:
        case {"type": "thinking", "thinking": thinking}:
            return _text(thinking)
        case {"type": "reasoning", "summary": [*summary]}:
            return "".join(_text(item.get("text")) for item in summary if isinstance(item, dict))
    return ""


def _text(value: Any) -> str:
    """A text, or those of a list of parts."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return ""
    return "".join(_text(part.get("text")) for part in value if _kind(part) == "text")
