"""Chat requests as those of generateContent: https://ai.google.dev/api/generate-content"""

import re
from typing import Any

import msgspec

from adapters.inference.contract import Encoded, Target
from adapters.inference.gemini.contents import Conversation
from adapters.inference.gemini.structured import form_or_functions
from adapters.inference.gemini.tools import drop_unsaid, encode_tools, json_schema
from adapters.wire.body import Body, decode_field
from adapters.wire.chat import ChatRequest, read_chat
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import MAPPED, UNSUPPORTED, Drops, Fields, Support, drops_for
from adapters.wire.structured import ANY_OBJECT, schema_of

FIELDS: Fields = {
    "messages": MAPPED,
    "model": Support("mapped", "stands in the URL"),
    "stream": Support("mapped", "stands in the URL"),
    "stream_options": Support("emulated", "the service always tells usage"),
    "tools": Support("mapped", "functions; `parametersJsonSchema` takes JSON Schema as it is"),
    "functions": MAPPED,
    "tool_choice": Support("mapped", "AUTO, ANY, NONE, `allowedFunctionNames`; VALIDATED for strict functions"),
    "function_call": MAPPED,
    "parallel_tool_calls": UNSUPPORTED,
    "response_format": Support("mapped", "`responseJsonSchema`; up to 2.5 beside tools by a tool that must be called"),
    "reasoning_effort": Support("mapped", "`thinkingLevel`, or `thinkingBudget` for Gemini 2.5"),
    "max_completion_tokens": MAPPED,
    "max_tokens": MAPPED,
    "temperature": MAPPED,
    "top_p": MAPPED,
    "top_k": MAPPED,
    "stop": MAPPED,
    "n": Support("mapped", "`candidateCount`"),
    "seed": MAPPED,
    "frequency_penalty": MAPPED,
    "presence_penalty": MAPPED,
    "logprobs": MAPPED,
    "top_logprobs": MAPPED,
    "modalities": Support("mapped", "`responseModalities`: text, image, audio"),
    "audio": Support("mapped", "the voice; the format is the service's"),
    "service_tier": MAPPED,
    "web_search_options": Support("mapped", "the tool `googleSearch`, without its options"),
    "logit_bias": UNSUPPORTED,
    "metadata": UNSUPPORTED,
    "prediction": UNSUPPORTED,
    "prompt_cache_key": UNSUPPORTED,
    "prompt_cache_retention": UNSUPPORTED,
    "safety_identifier": UNSUPPORTED,
    "store": UNSUPPORTED,
    "user": UNSUPPORTED,
    "verbosity": UNSUPPORTED,
}

_TIERS = {"flex": "flex", "priority": "priority", "default": "standard"}
_LEVELS = {"low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH"}
_BUDGETS = {"none": 0, "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 24_576, "max": 24_576}
"""Google's own table: https://ai.google.dev/gemini-api/docs/openai#thinking

Pro models think always, and have no level below LOW.
"""
_OLDER = re.compile(r"gemini-[12]\b")
_LEAST_BUDGET_OF_PRO = 128
_RESERVED = frozenset({"model", "contents", "systeminstruction", "system_instruction"})
"""What no extra may change."""
_UNDERSCORE = re.compile("_([a-z])")
_FILES = "https://generativelanguage.googleapis.com/v1beta"

_encode = msgspec.json.Encoder().encode
_any = msgspec.json.Decoder(Any)
_number = msgspec.json.Decoder(float | None)


class _Audio(msgspec.Struct):
    voice: str | None = None
    format: str | None = None


_audio = msgspec.json.Decoder(_Audio | None)


def encode_chat(body: Body, target: Target) -> Encoded:
    """A chat request for the Gemini API; the member `gemini` of the request wins over what is made here."""
    return Encoded(*encode_as("gemini", body, target))


def encode_as(own: str, body: Body, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """The same for a dialect of another name, and what was dropped.

    Raises BadRequest on content that can't be expressed, and UnsupportedParameter where the target is to refuse.
    """
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    body = drops.without(body, target.settings.unsupported)
    request = read_chat(body)
    drops.drop_unexpressed(body.fields, FIELDS, own)
    for path in request.unknown:
        drops.drop(path, "unknown")
    extras = {name: _any.decode(value) for name, value in vendor_extras(body, own, _RESERVED).items()}
    drop_unsaid(request, drops)
    if not thinks_by_level(target.model):
        request = form_or_functions(request)
    fields = _contents(request, target, drops) | encode_tools(request, drops)
    if config := _generation(request, body, target, drops):
        fields["generationConfig"] = config
    if request.service_tier not in (None, "auto"):
        if tier := _TIERS.get(request.service_tier or ""):
            fields["serviceTier"] = tier
        else:
            drops.drop("service_tier")
    return _encode(merged(fields, extras)), drops.dropped


def merged(fields: dict[str, Any], extras: dict[str, Any]) -> dict[str, Any]:
    """Fields with a client's own in them: objects grow together, tools are added, all else is replaced.

    The service takes `snake_case` as well, but not the same field twice.
    """
    result = dict(fields)
    for spelled, value in extras.items():
        name = _UNDERSCORE.sub(lambda match: match[1].upper(), spelled)
        before = result.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            result[name] = merged(before, value)
        elif name == "tools" and isinstance(before, list) and isinstance(value, list):
            result[name] = before + value
        else:
            result[name] = value
    return result


def thinks_by_level(model: str) -> bool:
    """Whether a model is of those since Gemini 3.

    Their thinking has levels, their calls are signed, and they take a form beside functions.
    """
    return _OLDER.search(model) is None


def _contents(request: ChatRequest, target: Target, drops: Drops) -> dict[str, Any]:
    conversation = Conversation(drops, target.settings.base_url or _FILES, thinks_by_level(target.model))
    for index, message in enumerate(request.messages):
        conversation.add(message, f"messages[{index}]")
    conversation.finish()
    fields: dict[str, Any] = {"contents": conversation.contents}
    if conversation.system:
        fields["systemInstruction"] = {"parts": conversation.system}
    return fields


def _generation(request: ChatRequest, body: Body, target: Target, drops: Drops) -> dict[str, Any]:
    told = {
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": decode_field(body.fields, "top_k", _number),
        "maxOutputTokens": request.most_tokens,
        "stopSequences": request.stops or None,
        "candidateCount": request.n,
        "seed": request.seed,
        "frequencyPenalty": request.frequency_penalty,
        "presencePenalty": request.presence_penalty,
        "responseLogprobs": request.logprobs or None,
        "logprobs": request.top_logprobs if request.logprobs else None,
        "responseModalities": [each.upper() for each in request.modalities] if request.modalities else None,
        "thinkingConfig": _thinking(request, target.model),
        "speechConfig": _speech(body, drops),
    }
    return {name: value for name, value in told.items() if value is not None} | _format(request, drops)


def _format(request: ChatRequest, drops: Drops) -> dict[str, Any]:
    schema = schema_of(request.response_format)
    if schema is None:
        return {}
    form = request.response_format.json_schema if request.response_format is not None else None
    if form is not None and form.description is not None:
        drops.drop("response_format.json_schema.description")
    plain = {"responseMimeType": "application/json"}
    return plain if schema is ANY_OBJECT else plain | {"responseJsonSchema": json_schema(schema)}


def _thinking(request: ChatRequest, model: str) -> dict[str, Any] | None:
    effort = request.reasoning_effort
    if effort is None:
        return None
    shown = {"includeThoughts": True} if effort != "none" else {}
    least_level, least_budget = ("LOW", _LEAST_BUDGET_OF_PRO) if "pro" in model else ("MINIMAL", 0)
    if thinks_by_level(model):
        return {"thinkingLevel": _LEVELS.get(effort, least_level)} | shown
    return {"thinkingBudget": max(least_budget, _BUDGETS[effort])} | shown


def _speech(body: Body, drops: Drops) -> dict[str, Any] | None:
    audio = decode_field(body.fields, "audio", _audio)
    if audio is None:
        return None
    if audio.format not in (None, "pcm16"):
        drops.drop("audio.format")
    return {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": audio.voice}}} if audio.voice else None
