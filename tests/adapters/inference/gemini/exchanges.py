"""Recorded exchanges with Gemini on either of its services, and what both sides said in them."""

import base64
import json
from collections.abc import Callable
from typing import Any

from adapters.inference.contract import Target
from adapters.inference.vertex.options import VertexOptions
from adapters.wire.body import Body
from tests.adapters.inference.targets import request, target
from tests.recordings import Recording, params

PROVIDERS = ("gemini", "vertex")
OTHER_SURFACES = (
    "gemini/chat-tool-reasoning-gemini-2-5-pro-preview-05-06-81e14",  # OpenAI's
    "vertex/chat-length-claude-haiku-4-5-20251001-18c7a",  # Anthropic's
    "vertex/chat-stream-reasoning-claude-haiku-4-5-20251001-61226",
    "vertex/chat-stream-text-claude-opus-4-1-20250805-1aa3a",
    "vertex/chat-tool-claude-3-7-sonnet-20250219-500a8",
)


def recorded(operation: str, streamed: bool = False, only: Callable[[Recording], bool] | None = None) -> list[Any]:
    """Exchanges in Gemini's own format."""
    found = params(providers=PROVIDERS, operations=[operation], streamed=streamed, skip=OTHER_SURFACES)
    return [each for each in found if each.values[0] is None or only is None or only(each.values[0])]


def told(recording: Recording) -> dict[str, Any]:
    """What a client sent; some recorders kept it in base64."""
    body = recording.request
    sent: dict[str, Any] = json.loads(base64.b64decode(body["b64"])) if "b64" in body else body
    if "config" in sent:  # kept above the SDK
        sent = {"contents": sent["contents"]} | sent["config"]
    return sent


def answered(recording: Recording) -> dict[str, Any]:
    """A whole answer as it was on the wire; one recorder kept it above the SDK."""
    answer = {name: value for name, value in recording.answer.items() if name != "sdk_http_response"}
    camel: dict[str, Any] = _camel(answer)
    return camel


def events(recording: Recording) -> list[dict[str, Any]]:
    """The events of a stream: of SSE, of one JSON array, or as the recorder kept them."""
    if recording.raw is None:
        return [_camel(each) for each in recording.events]
    if recording.raw.lstrip().startswith(b"["):
        array: list[dict[str, Any]] = json.loads(recording.raw)
        return array
    lines = recording.raw.decode().splitlines()
    return [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]


def sse(recorded_events: list[dict[str, Any]]) -> bytes:
    """Events as the service sends them where it is asked to: with CRLF."""
    return b"".join(b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in recorded_events)


def stream_of(recording: Recording) -> bytes:
    """A stream's bytes, those of SSE as they were."""
    if recording.raw is not None and recording.raw.startswith(b"data:"):
        return recording.raw
    return sse(events(recording))


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def folded(recorded_events: list[dict[str, Any]]) -> dict[str, Any]:
    """A stream's events as the one answer that they make, put together as Google's SDKs do."""
    answer: dict[str, Any] = {}
    parts: list[dict[str, Any]] = []
    for event in recorded_events:
        answer |= {name: value for name, value in event.items() if name not in ("candidates", "usageMetadata")}
        if "promptTokenCount" in event.get("usageMetadata", {}):
            answer["usageMetadata"] = event["usageMetadata"]
        for candidate in event.get("candidates", ()):
            for part in candidate.get("content", {}).get("parts", ()):
                _fold(parts, part)
            kept = {name: value for name, value in candidate.items() if name != "content" and value}
            answer.setdefault("candidates", [{}])[0].update(kept)
    if "candidates" in answer:
        answer["candidates"][0]["content"] = {"role": "model", "parts": parts}
    return answer


def _fold(parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
    last = parts[-1] if parts else {}
    call, open_call = part.get("functionCall"), last.get("functionCall", {})
    if "text" in part and "text" in last and part.get("thought") == last.get("thought"):
        parts[-1] = last | part | {"text": last["text"] + part["text"]}
    elif call is not None and "name" not in call and open_call.pop("willContinue", False):
        for piece in call.get("partialArgs", ()):
            name = piece["jsonPath"].removeprefix("$.")
            arguments = open_call.setdefault("args", {})
            arguments[name] = arguments.get(name, "") + piece["stringValue"]
        if call.get("willContinue"):
            open_call["willContinue"] = True
    else:
        parts.append(json.loads(json.dumps(part)))


def aim(recording: Recording | None = None, model: str = "", provider: str = "gemini", **settings: Any) -> Target:
    """A target of either service, that of a recorded exchange where one is given."""
    if recording is not None:
        path = (recording.url or "").partition("/models/")[2].partition(":")[0]
        model, provider = model or path or recording.model or "gemini", recording.provider
    made = target(model or "gemini-3-flash", dialect=provider, **{"base_url": None} | settings)
    options = VertexOptions(project="PROJECT", location="us-central1") if provider == "vertex" else None
    return Target(made.provider, made.model, made.model_json, made.settings, options)


def asking(**fields: Any) -> Body:
    """A client's request, with a message where the test is about something else."""
    return request(**{"messages": [{"role": "user", "content": "Hello"}]} | fields)


def chunks(written: bytes) -> list[dict[str, Any]]:
    """The chunks that a client sees."""
    frames = written.decode().split("\n\n")
    return [json.loads(frame.removeprefix("data: ")) for frame in frames if frame and frame != "data: [DONE]"]


def gathered(written: bytes, index: int = 0) -> dict[str, Any]:
    """One choice of a stream as clients put it together, in the form of a whole completion's."""
    message: dict[str, Any] = {}
    choice: dict[str, Any] = {"index": index, "message": message, "logprobs": None, "finish_reason": None}
    for chunk in chunks(written):
        for each in chunk["choices"]:
            if each["index"] != index:
                continue
            _gather(message, each["delta"])
            choice["finish_reason"] = each["finish_reason"] or choice["finish_reason"]
            if each["logprobs"]:
                content = (choice["logprobs"] or {"content": []})["content"] + each["logprobs"]["content"]
                choice["logprobs"] = {"content": content, "refusal": None}
    return choice


def _gather(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if name == "tool_calls":
            calls = [{key: each for key, each in call.items() if key != "index"} for call in value]
            message[name] = message.get(name, []) + calls
        elif name in ("content", "reasoning_content"):
            message[name] = message.get(name, "") + value
        elif isinstance(value, list):
            message[name] = message.get(name, []) + value
        else:
            message[name] = value


def _camel(value: Any, name: str = "") -> Any:
    """JSON with the wire's names; arguments and schemas keep theirs."""
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if not isinstance(value, dict) or name == "args":
        return value
    result = {}
    for key, each in value.items():
        head, *rest = key.split("_")
        wire = head + "".join(part.title() for part in rest)
        result[wire] = _camel(each, wire)
    return result
