"""What Gemini wants back on the next turn, as `reasoning_details` in OpenRouter's form.

A signature belongs to a part: to a thought (`reasoning.text`), to a tool call (`reasoning.encrypted` with the call's
id), or to the text (without one). What tools of the service's own did goes back as it came (`gemini.part`).
https://ai.google.dev/gemini-api/docs/thought-signatures and
https://openrouter.ai/docs/guides/best-practices/reasoning-tokens
"""

from typing import Any

from msgspec import Raw, Struct, field

FORMAT = "google-gemini-v1"
MADE_UP = "gemini_"
"""What ids begin with that the service did not give; it never sees them."""


def thought(text: str, signature: str, index: int) -> dict[str, Any]:
    """A thought that is signed."""
    return {"type": "reasoning.text", "text": text, "signature": signature, "format": FORMAT, "index": index}


def encrypted(signature: str, index: int, id: str | None = None) -> dict[str, Any]:
    """The signature of the text, or of the tool call with this id."""
    detail = {"type": "reasoning.encrypted", "data": signature, "format": FORMAT, "index": index}
    return detail | {"id": id} if id is not None else detail


def server_part(kind: str, value: Raw, signature: str | None, index: int) -> dict[str, Any]:
    """What a tool of the service's own was asked, or gave."""
    part: dict[str, Any] = {kind: value}
    if signature:
        part["thoughtSignature"] = signature
    return {"type": "gemini.part", "part": part, "format": FORMAT, "index": index}


class Returned(Struct):
    """What a client brought back of one turn."""

    before: list[dict[str, Any]] = field(default_factory=list)
    """Parts that come before the text."""
    of_text: str | None = None
    of_calls: dict[str, str] = field(default_factory=dict)
    """Signatures by the ids of calls."""


def read_details(details: list[dict[str, Any]] | None) -> Returned:
    """Sort what belongs to this dialect; other services' details say nothing here."""
    found = Returned()
    for detail in details or ():
        match detail:
            case {"type": "reasoning.text", "format": "google-gemini-v1", "text": str(text), "signature": str(signed)}:
                found.before.append({"text": text, "thought": True, "thoughtSignature": signed})
            case {"type": "reasoning.encrypted", "format": "google-gemini-v1", "data": str(signed), "id": str(id)}:
                found.of_calls[id] = signed
            case {"type": "reasoning.encrypted", "format": "google-gemini-v1", "data": str(signed)}:
                found.of_text = signed
            case {"type": "gemini.part", "format": "google-gemini-v1", "part": dict(part)}:
                found.before.append(part)
    return found
