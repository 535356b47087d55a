"""The answer that a forced tool's arguments are."""

from typing import Any

from adapters.inference.openai.quirks.memory import FORCED, Memory


def unwrap(choice: dict[str, Any], said: dict[str, Any], memory: Memory) -> None:
    """Make the forced tool's arguments the content.

    A model may answer in plain text all the same; that is held until it is known that no call of the tool comes.
    """
    text = said.get("content")
    if isinstance(text, str):
        memory.held += text
        said["content"] = ""
    pieces = said.pop("tool_calls", None) or []
    for piece in pieces:
        if piece.get("index") == FORCED:
            said["content"] = (said.get("content") or "") + piece["function"].get("arguments", "")
    if others := [piece for piece in pieces if piece.get("index") != FORCED]:
        said["tool_calls"] = others
    if choice.get("finish_reason") or memory.whole:
        _finish(choice, said, memory)


def _finish(choice: dict[str, Any], said: dict[str, Any], memory: Memory) -> None:
    if memory.forced is None:
        said["content"], memory.held = memory.held, ""
    elif choice.get("finish_reason") == "tool_calls":
        choice["finish_reason"] = "stop"  # of the calls that the client sees, `finish_reason` knows itself
