"""OpenAI's chat request as Converse takes it.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

import re
from typing import Any

import msgspec

from adapters.inference.bedrock.carrying import DIALECT
from adapters.inference.bedrock.families import family_of
from adapters.inference.bedrock.messages import Conversation
from adapters.inference.bedrock.structured import native_format, way_of
from adapters.inference.bedrock.thinking import inference_fields
from adapters.inference.bedrock.tools import tool_fields
from adapters.inference.contract import Encoded, Target
from adapters.wire.body import Body
from adapters.wire.chat import ChatRequest, read_chat
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import MAPPED, UNSUPPORTED, Drops, Fields, Support, drops_for

FIELDS: Fields = {
    "model": Support("mapped", "in the URL"),
    "messages": MAPPED,
    "stream": Support("mapped", "in the URL"),
    "stream_options": Support("emulated", "streams always tell usage"),
    "max_completion_tokens": MAPPED,
    "max_tokens": MAPPED,
    "temperature": MAPPED,
    "top_p": MAPPED,
    "stop": MAPPED,
    "tools": MAPPED,
    "functions": MAPPED,
    "tool_choice": Support("mapped", "`none` by leaving the tools out, or as the model has it"),
    "function_call": MAPPED,
    "parallel_tool_calls": Support("mapped", "`false` for Claude"),
    "response_format": Support("mapped", "natively where the model has it, else a tool that it must call"),
    "reasoning_effort": Support("mapped", "for Claude, Nova 2 and OpenAI's models"),
    "service_tier": Support("mapped", "`default`, `flex`, `priority`, `reserved`"),
    "metadata": Support("mapped", "in the logs of invocations"),
    **dict.fromkeys(
        (
            "audio",
            "frequency_penalty",
            "logit_bias",
            "logprobs",
            "modalities",
            "moderation",
            "n",
            "prediction",
            "presence_penalty",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
            "seed",
            "store",
            "top_logprobs",
            "user",
            "verbosity",
            "web_search_options",
        ),
        UNSUPPORTED,
    ),
}

RESERVED = frozenset(("model", "modelid", "messages", "system"))
"""What nobody may set past the gateway."""
_NATIVE = ("top_k",)
_TIERS = ("default", "flex", "priority", "reserved")
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")
"""What a key or a value of `requestMetadata` may be made of."""
_MOST_METADATA = 16

_encode = msgspec.json.Encoder().encode


def encode(body: Body, target: Target) -> Encoded:
    """A chat request as Converse takes it.

    Raises UnsupportedParameter where the client or the settings say to refuse, and BadRequest on what can't be said.
    """
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    body = drops.without(body, target.settings.unsupported)
    extras = vendor_extras(body, DIALECT, RESERVED)
    request = read_chat(body)
    drops.drop_unexpressed(body.fields, FIELDS, own=DIALECT, native=_NATIVE)
    for path in request.unknown:
        drops.drop(path, "unknown")
    family = family_of(target.model)
    conversation = Conversation(request, family, drops)
    asked = request.response_format
    way = way_of(asked, target)
    fields: dict[str, Any] = {"messages": conversation.turns}
    if conversation.system:
        fields["system"] = conversation.system
    merge(fields, inference_fields(request, conversation, family, drops))
    merge(fields, tool_fields(request, conversation, family, way == "tool", drops))
    if asked is not None and way == "native":
        merge(fields, {"outputConfig": {"textFormat": native_format(asked, family)}})
    merge(fields, _further(request, drops))
    merge(fields, {name: msgspec.json.decode(value) for name, value in extras.items()})
    return Encoded(_encode(fields), drops.dropped)


def merge(fields: dict[str, Any], more: dict[str, Any]) -> None:
    """Put members into others, objects into objects; what comes last wins."""
    for name, value in more.items():
        there = fields.get(name)
        if isinstance(there, dict) and isinstance(value, dict):
            merge(there, value)
        else:
            fields[name] = value


def _further(request: ChatRequest, drops: Drops) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if request.service_tier in _TIERS:
        fields["serviceTier"] = {"type": request.service_tier}
    elif request.service_tier not in (None, "auto"):
        drops.drop("service_tier")
    told: dict[str, str] = {}
    for name, value in (request.metadata or {}).items():
        if name and _fits(name) and _fits(value) and len(told) < _MOST_METADATA:
            told[name] = value
        else:
            drops.drop(f"metadata.{name}")
    if told:
        fields["requestMetadata"] = told
    return fields


def _fits(word: Any) -> bool:
    return isinstance(word, str) and _METADATA.fullmatch(word) is not None
