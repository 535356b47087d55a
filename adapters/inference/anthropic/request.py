"""Chat requests as the service's messages.

https://platform.claude.com/docs/en/api/messages/create
"""

from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from adapters.inference.anthropic.kept import DIALECT
from adapters.inference.anthropic.messages import conversation
from adapters.inference.anthropic.models import model_of
from adapters.inference.anthropic.thinking import sampling, thinking
from adapters.inference.anthropic.tools import toolbox
from adapters.inference.contract import Encoded, Target
from adapters.wire.body import Body
from adapters.wire.chat import ChatRequest, FilePart, read_chat
from adapters.wire.errors import BadRequest
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import KEPT, MAPPED, UNSUPPORTED, Drops, Fields, Support, drops_for

FIELDS: Fields = {
    "anthropic": Support("mapped", "merged into the request, where it wins; betas as anthropic-beta"),
    "audio": UNSUPPORTED,
    "frequency_penalty": UNSUPPORTED,
    "function_call": Support("mapped", "as tool_choice"),
    "functions": Support("mapped", "as tools"),
    "logit_bias": UNSUPPORTED,
    "logprobs": UNSUPPORTED,
    "max_completion_tokens": Support("mapped", "as max_tokens"),
    "max_tokens": Support("kept", "without one, what models of its age give at most, up to 32,000"),
    "messages": Support("mapped", "instructions as system, or in their place from Opus 4.8 on"),
    "metadata": UNSUPPORTED,
    "modalities": UNSUPPORTED,
    "moderation": UNSUPPORTED,
    "model": KEPT,
    "n": UNSUPPORTED,
    "parallel_tool_calls": Support("mapped", "as tool_choice.disable_parallel_tool_use"),
    "prediction": UNSUPPORTED,
    "presence_penalty": UNSUPPORTED,
    "prompt_cache_key": UNSUPPORTED,
    "prompt_cache_options": UNSUPPORTED,
    "prompt_cache_retention": UNSUPPORTED,
    "reasoning_effort": Support("mapped", "as output_config.effort, up to 4.5 as a budget, a share of max_tokens"),
    "response_format": Support("mapped", "as output_config.format, else by a tool that must be called"),
    "safety_identifier": Support("mapped", "as metadata.user_id"),
    "seed": UNSUPPORTED,
    "service_tier": Support("mapped", "auto and priority as auto, default as standard_only"),
    "stop": Support("mapped", "as stop_sequences"),
    "store": UNSUPPORTED,
    "stream": KEPT,
    "stream_options": Support("emulated", "the service always tells usage"),
    "temperature": Support("kept", "up to 1, and up to 4.6; with thinking or a newer model it is left out"),
    "tool_choice": MAPPED,
    "tools": MAPPED,
    "top_logprobs": UNSUPPORTED,
    "top_p": Support("kept", "as temperature; from 4.1 on only one of the two"),
    "user": Support("mapped", "as metadata.user_id"),
    "verbosity": UNSUPPORTED,
    "web_search_options": Support("mapped", "as the service's web search tool"),
}
NATIVE = (
    "cache_control", "container", "context_management", "inference_geo", "mcp_servers", "output_config", "speed",
    "thinking", "top_k",
)  # fmt: skip
"""The service's own fields that a client may write at the top level."""

_RESERVED = frozenset({"model", "fallbacks", "messages", "system", "stream"})
"""What no extra may change."""
_TIERS = {"auto": "auto", "priority": "auto", "default": "standard_only", "standard_only": "standard_only"}
_NO_THINKING = {"type": "disabled"}
_FILES_BETA = "files-api-2025-04-14"

_encode = msgspec.json.Encoder().encode
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any)
_names = msgspec.json.Decoder(list[str] | None)

T = TypeVar("T")


class Draft(Struct):
    """A request without what differs from cloud to cloud: the model, how it is streamed, where betas are named."""

    fields: dict[str, Any]
    betas: list[str]


def encode_chat(body: Body, target: Target) -> Encoded:
    """A chat request for the Messages API.

    Raises BadRequest on what the service can't take, and UnsupportedParameter where such fields are to be refused.
    """
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    written = draft(body, target, drops)
    fields = {"model": target.model_json} | written.fields
    if body.stream:
        fields["stream"] = True
    return Encoded(_encode(fields), drops.dropped, beta_header(written.betas))


def beta_header(betas: list[str]) -> tuple[tuple[bytes, bytes], ...]:
    """https://platform.claude.com/docs/en/api/beta-headers"""
    return ((b"anthropic-beta", ",".join(betas).encode()),) if betas else ()


def draft(body: Body, target: Target, drops: Drops) -> Draft:
    """The request for the target's model, with the members that are meant for this dialect."""
    given = drops.without(body, target.settings.unsupported)
    request = read_chat(given)
    drops.drop_unexpressed(given.fields, FIELDS, own=DIALECT, native=NATIVE)
    extras = _extras(given)
    betas = _betas(given)
    fields = _fields(request, given, target, extras, drops)
    if _has_file_ids(request):
        betas = [*betas, _FILES_BETA]
    return Draft(_merged(fields, extras), betas)


def _fields(request: ChatRequest, body: Body, target: Target, extras: dict[str, Any], drops: Drops) -> dict[str, Any]:
    model = model_of(target.model)
    said = conversation(request.messages, drops, takes_system_turns=model.takes_system_turns)
    box = toolbox(request, body, model, drops)
    for path in request.unknown:
        if not _is_of_native_tool(path, request):
            drops.drop(path, "unknown")
    max_tokens = request.most_tokens if request.most_tokens is not None else model.max_tokens
    forced = box.is_forced or said.last_call_lacks_thoughts
    thoughts = thinking(request, model, max_tokens, drops, forced=forced)
    thinks = (extras.get("thinking") or thoughts.get("thinking", _NO_THINKING)) != _NO_THINKING
    config = thoughts.pop("output_config", {}) | ({"format": box.format} if box.format is not None else {})
    fields: dict[str, Any] = {
        "max_tokens": max_tokens,
        "messages": said.turns,
        "system": said.system,
        "tools": box.tools,
        "tool_choice": box.choice,
        "output_config": config,
        "stop_sequences": _stop_sequences(request, drops),
        "metadata": _metadata(request),
        "service_tier": _service_tier(request, drops),
    }
    top_k = extras.pop("top_k", None)
    fields |= thoughts | sampling(request, top_k, model, drops, thinks=thinks)
    return {name: value for name, value in fields.items() if value not in (None, [], {})}


def _extras(body: Body) -> dict[str, Any]:
    """The service's own fields; those in the member of the dialect's name win."""
    native = {name: value for name, value in body.fields.items() if name in NATIVE}
    own = vendor_extras(body, DIALECT, _RESERVED)
    given = {name: _decoded(name, value, _any) for name, value in (native | own).items() if name != "betas"}
    return {name: value for name, value in given.items() if value is not None}


def _betas(body: Body) -> list[str]:
    """The beta features that a client names."""
    own = vendor_extras(body, DIALECT, _RESERVED)
    return _decoded(f"{DIALECT}.betas", own["betas"], _names) or [] if "betas" in own else []


def _decoded(name: str, value: Raw, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"Invalid '{name}': {error}.", param=name, code="invalid_type") from None


def _merged(fields: dict[str, Any], extras: dict[str, Any]) -> dict[str, Any]:
    """Extras win; tools are added to those of the request, and settings of the output beside the others."""
    for name, value in extras.items():
        before = fields.get(name)
        if name == "tools" and isinstance(value, list):
            fields[name] = [*(before or ()), *value]
        elif name == "output_config" and isinstance(value, dict):
            fields[name] = (before or {}) | value
        else:
            fields[name] = value
    return fields


def _stop_sequences(request: ChatRequest, drops: Drops) -> list[str]:
    """The service refuses those of white space alone."""
    kept = []
    for index, stop in enumerate(request.stops):
        if stop.strip():
            kept.append(stop)
        else:
            drops.drop("stop" if isinstance(request.stop, str) else f"stop[{index}]")
    return kept


def _metadata(request: ChatRequest) -> dict[str, str] | None:
    user = request.safety_identifier or request.user
    return {"user_id": user} if user else None


def _service_tier(request: ChatRequest, drops: Drops) -> str | None:
    tier = _TIERS.get(request.service_tier or "")
    if request.service_tier is not None and tier is None:
        drops.drop("service_tier")
    return tier


def _has_file_ids(request: ChatRequest) -> bool:
    return any(
        isinstance(part, FilePart) and part.file.file_id is not None
        for message in request.messages
        if isinstance(message.content, list)
        for part in message.content
    )


def _is_of_native_tool(path: str, request: ChatRequest) -> bool:
    """Whether an unknown member belongs to a tool that goes on as it came, or is left out whole."""
    if not path.startswith("tools["):
        return False
    index = int(path[len("tools[") : path.index("]")])
    return request.tools is not None and request.tools[index].function is None
