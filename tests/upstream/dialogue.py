"""What the scripted model says: the client's words again, a tool call where tools fit, JSON where a schema asks."""

import json
import re
from dataclasses import dataclass
from typing import Any

from tests.upstream.invented import invent

_WORD = re.compile(r"\S+\s*")
_KEY = re.compile(r"[`'](\w+)[`']")


@dataclass(frozen=True)
class Said:
    """One answer."""

    text: str | None
    calls: list[dict[str, Any]]
    finish: str

    @property
    def words(self) -> tuple[str, ...]:
        """The text in the pieces in which it is streamed; each counts as a token."""
        return tuple(_WORD.findall(self.text or ""))


def say(asked: dict[str, Any]) -> Said:
    """The answer to a chat request."""
    messages = asked["messages"]
    prompt = next((text_of(message) for message in reversed(messages) if message["role"] == "user"), "")
    if messages[-1]["role"] != "tool" and (calls := _calls(asked, prompt)):
        return Said(None, calls, "tool_calls")
    text = _written(asked.get("response_format") or {}, prompt) or _spoken(messages[-1], prompt)
    return _shortened(text, asked)


def text_of(message: dict[str, Any]) -> str:
    """The text of a message, whichever way it is written."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content or () if isinstance(part, dict))


def _spoken(last: dict[str, Any], prompt: str) -> str:
    if last["role"] == "tool":
        return f"The tool said: {text_of(last)}"
    return f"You said: {prompt}"


def _written(form: dict[str, Any], prompt: str) -> str | None:
    if form.get("type") == "json_schema":
        schema = form["json_schema"]["schema"]
        return json.dumps(invent(schema, prompt), ensure_ascii=False)
    if form.get("type") == "json_object":
        return json.dumps({key: f"some {key}" for key in _KEY.findall(prompt)} or {"said": prompt}, ensure_ascii=False)
    return None


def _calls(asked: dict[str, Any], prompt: str) -> list[dict[str, Any]]:
    """The tool calls of an answer: of the tool that is forced, else of those that the prompt is about."""
    choice = asked.get("tool_choice") or "auto"
    tools = [tool["function"] for tool in asked.get("tools") or () if tool.get("type") == "function"]
    if not tools or choice == "none":
        return []
    if isinstance(choice, dict):
        chosen = [tool for tool in tools if tool["name"] == choice["function"]["name"]]
    else:
        chosen = [tool for tool in tools if _is_about(prompt, tool["name"])]
        if choice == "required":
            chosen = chosen or tools[-1:]
    if asked.get("parallel_tool_calls") is False:
        chosen = chosen[:1]
    return [
        {"id": f"call_{number}_{tool['name']}", "type": "function", "function": _function(tool, prompt)}
        for number, tool in enumerate(chosen)
    ]


def _function(tool: dict[str, Any], prompt: str) -> dict[str, str]:
    arguments = invent(tool.get("parameters") or {"type": "object"}, prompt)
    return {"name": tool["name"], "arguments": json.dumps(arguments, ensure_ascii=False)}


def _is_about(prompt: str, tool: str) -> bool:
    words = prompt.lower()
    return tool.lower() in words or all(part in words for part in tool.lower().split("_") if part != "get")


def _shortened(text: str, asked: dict[str, Any]) -> Said:
    stops = asked.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.partition(stop)[0]
    words = _WORD.findall(text)
    most = asked.get("max_completion_tokens") or asked.get("max_tokens")
    if most is not None and len(words) > most:
        return Said("".join(words[:most]), [], "length")
    return Said(text, [], "stop")
