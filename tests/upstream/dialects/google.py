"""What Google's two services share: generateContent, and its errors. Judged by the types of google-genai.

https://ai.google.dev/api/generate-content
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from google.genai import types
from google.genai._common import BaseModel
from pydantic import ValidationError

from tests.upstream.dialects.asked import THOUGHT, asked_error, halves, signature, tokens
from tests.upstream.dialogue import Said, say
from tests.upstream.script import Step, compact, event_stream, json_answer

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_KINDS = {"text", "inlineData", "fileData", "functionCall", "functionResponse"}
_MODES = {"AUTO": "auto", "VALIDATED": "auto", "ANY": "required", "NONE": "none"}
_SKIP = "skip_thought_signature_validator"
_CALL = "scripted-"
"""What the ids of the model's own calls begin with."""


class GenerateContentRequest(BaseModel):
    """The request's body, of which the SDK has the members as types."""

    contents: list[types.Content]
    system_instruction: types.Content | None = None
    tools: list[types.Tool] | None = None
    tool_config: types.ToolConfig | None = None
    safety_settings: list[types.SafetySetting] | None = None
    generation_config: types.GenerationConfig | None = None
    cached_content: str | None = None
    service_tier: types.ServiceTier | None = None


def refusal(status: int, message: str, *details: dict[str, Any]) -> Iterable[Step]:
    """An error as Google writes it."""
    told = [{"@type": f"type.googleapis.com/google.rpc.{each.pop('type')}", **each} for each in map(dict, details)]
    error = {"code": status, "message": message, "status": _STATUSES[status], "details": told}
    return json_answer({"error": error}, status=status)


def asked_refusal(model: str) -> Iterable[Step] | None:
    """The error that a model's name asks for."""
    if (status := asked_error(model)) is None:
        return None
    message = f"The scripted model refuses with {status}."
    return refusal(status, message, *([{"type": "RetryInfo", "retryDelay": "7s"}] if status == 429 else []))


def generate(told: dict[str, Any], model: str, *, stream: bool, gives_ids: bool) -> Iterable[Step]:
    """Answer generateContent, or streamGenerateContent with `alt=sse`."""
    if refused := asked_refusal(model):
        return refused
    try:
        GenerateContentRequest.model_validate(told)
    except ValidationError as error:
        return refusal(400, str(error))
    if fault := _fault(told, model) or _misconfigured(told, model):
        return refusal(400, fault)
    said = say(_asked(told))
    parts = _parts(said, told, gives_ids=gives_ids)
    if not stream:
        return json_answer(_answer(parts, said, told, model, is_last=True))
    return event_stream(*_events(parts, said, told, model))


def _fault(told: dict[str, Any], model: str) -> str | None:
    """What the service checks and the types do not say."""
    calls: list[dict[str, Any]] = []
    for index, content in enumerate(told["contents"]):
        place = f"contents[{index}]"
        parts = content.get("parts")
        if content.get("role") not in ("user", "model") or not parts:
            return f"{place}: please use a valid role, user or model, and at least one part"
        if any(len(_KINDS.intersection(part)) != 1 for part in parts):
            return f"{place}.parts: required oneof field 'data' must have one initialized field"
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        names = [call["name"] for call in calls], [call.get("id") for call in calls]
        if ([result["name"] for result in results], [result.get("id") for result in results]) != names:
            return (
                "Please ensure that the number of function response parts is equal to the number of function call"
                " parts of the function call turn."
            )
        own = [part for part in parts if "functionCall" in part]
        if own and (index == 0 or told["contents"][index - 1]["role"] != "user"):
            return "Please ensure that function call turn comes immediately after a user turn."
        if own and (own_fault := _unsigned(own[0], place, None if _is_older(model) else _SKIP)):
            return own_fault
        calls = [part["functionCall"] for part in own]
    return "Please ensure that every function call has its response." if calls else None


def _unsigned(part: dict[str, Any], place: str, unsigned: str | None) -> str | None:
    """The first call of a step must have its signature; what stands for it is for calls of other models.

    https://ai.google.dev/gemini-api/docs/thought-signatures
    """
    signed = part.get("thoughtSignature")
    is_own = part["functionCall"].get("id", _CALL).startswith(_CALL)
    if signed == signature(THOUGHT) or (not is_own and signed == unsigned):
        return None
    return f"Function call is missing a thought_signature in functionCall parts. {place}, {signed}"


def _misconfigured(told: dict[str, Any], model: str) -> str | None:
    config = told.get("generationConfig") or {}
    if _is_older(model) and config.get("responseMimeType") == "application/json" and _functions(told):
        return "Function calling with a response mime type: 'application/json' is unsupported"
    if ("thinkingBudget" if not _is_older(model) else "thinkingLevel") in config.get("thinkingConfig", {}):
        return "Thinking has levels since Gemini 3, and a budget before"
    if "responseJsonSchema" in config and config.get("responseMimeType") != "application/json":
        return "responseJsonSchema needs the responseMimeType application/json"
    choice = (told.get("toolConfig") or {}).get("functionCallingConfig") or {}
    if "allowedFunctionNames" in choice and choice["mode"] not in ("ANY", "VALIDATED"):
        return "allowed_function_names should only be set when the mode is ANY"
    for each in _functions(told):
        if "parameters" in each and "parametersJsonSchema" in each:
            return "only one of parameters and parametersJsonSchema may be set"
    return None


def _is_older(model: str) -> bool:
    """Models before Gemini 3 think within a budget, take calls without a signature, and no form beside tools."""
    return model.startswith("gemini-2")


def _functions(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for tool in told.get("tools") or () for each in tool.get("functionDeclarations") or ()]


def _asked(told: dict[str, Any]) -> dict[str, Any]:
    """The request as the scripted model knows it."""
    config = told.get("generationConfig") or {}
    choice = (told.get("toolConfig") or {}).get("functionCallingConfig") or {"mode": "AUTO"}
    allowed = choice.get("allowedFunctionNames")
    functions = [
        {"name": each["name"], "parameters": each.get("parametersJsonSchema") or each.get("parameters")}
        for each in _functions(told)
        if allowed is None or each["name"] in allowed
    ]
    form = None
    if config.get("responseMimeType") == "application/json":
        schema = config.get("responseJsonSchema")
        form = {"type": "json_schema", "json_schema": {"schema": schema}} if schema else {"type": "json_object"}
    return {
        "messages": [message for content in told["contents"] for message in _turns(content)],
        "tools": [{"type": "function", "function": each} for each in functions],
        "tool_choice": _MODES[choice["mode"]],
        "response_format": form,
        "max_tokens": config.get("maxOutputTokens"),
        "stop": config.get("stopSequences"),
    }


def _turns(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for part in content["parts"]:
        if result := part.get("functionResponse"):
            given = result["response"]
            yield {"role": "tool", "content": given["output"] if set(given) == {"output"} else json.dumps(given)}
    rest = [{"type": "text", "text": part.get("text", "")} for part in content["parts"] if not part.get("thought")]
    if not any("functionResponse" in part for part in content["parts"]):
        yield {"role": "assistant" if content["role"] == "model" else "user", "content": rest}


def _parts(said: Said, told: dict[str, Any], *, gives_ids: bool) -> list[dict[str, Any]]:
    """What the model says; the first of several calls is signed, always."""
    thinking = (told.get("generationConfig") or {}).get("thinkingConfig") or {}
    parts: list[dict[str, Any]] = []
    if thinking.get("includeThoughts"):
        parts += [{"text": half, "thought": True} for half in halves(THOUGHT)]
    parts += [{"text": word} for word in said.words]
    for index, call in enumerate(said.calls):
        function = {"name": call["function"]["name"], "args": json.loads(call["function"]["arguments"])}
        named = {"id": f"{_CALL}{call['id']}"} if gives_ids else {}
        signed = {"thoughtSignature": signature(THOUGHT)} if index == 0 else {}
        parts.append({"functionCall": named | function} | signed)
    return parts


def _answer(
    parts: list[dict[str, Any]], said: Said, told: dict[str, Any], model: str, *, is_last: bool
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if is_last:
        candidate["finishReason"] = "MAX_TOKENS" if said.finish == "length" else "STOP"
    prompt, answered, thought = len(json.dumps(told["contents"]).split()), tokens(said), 11
    usage = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": answered,
        "totalTokenCount": prompt + answered + thought,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
        "thoughtsTokenCount": thought,
    }
    envelope = {"usageMetadata": usage, "modelVersion": model, "responseId": "scripted-response"}
    return {"candidates": [candidate]} | envelope


def _events(parts: list[dict[str, Any]], said: Said, told: dict[str, Any], model: str) -> Iterator[bytes]:
    for part in parts:
        yield _event(_answer([part], said, told, model, is_last=False))
    yield _event(_answer([{"text": ""}], said, told, model, is_last=True))


def _event(value: Any) -> bytes:
    return b"data: " + compact(value) + b"\r\n\r\n"
