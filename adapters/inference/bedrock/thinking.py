"""How hard to think and how to sample: each family has its own words, for Converse has none for the one.

https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html
https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html
"""

from typing import Any

import msgspec

from adapters.inference.anthropic import thinking as claude
from adapters.inference.anthropic.models import Model
from adapters.inference.bedrock.families import Family
from adapters.inference.bedrock.messages import Conversation
from adapters.wire.body import decode_field
from adapters.wire.chat import ChatRequest, Effort, NamedChoice
from adapters.wire.fields import Drops

ADDITIONAL = "additionalModelRequestFields"
"""Where a model's own parameters go, past Converse."""
_LEVELS = {"minimal": "low", "low": "low", "medium": "medium"}
_HIGHEST = "high"

_integer = msgspec.json.Decoder(int | None)


def inference_fields(request: ChatRequest, conversation: Conversation, family: Family, drops: Drops) -> dict[str, Any]:
    """The bound of the answer, sampling and thinking, as members of the encoded request."""
    top_k = decode_field(request.extra, "top_k", _integer)
    sampled: dict[str, Any] = {"temperature": request.temperature, "top_p": request.top_p, "top_k": top_k}
    if family.claude is not None:
        fields = _of_claude(request, conversation, family.claude, drops)
        thinks = fields.get(ADDITIONAL, {}).get("thinking", {}).get("type") in ("enabled", "adaptive")
        sampled = claude.sampling(request, top_k, family.claude, drops, thinks=thinks)
    elif (told := _of_others(request, family)) is None:
        drops.drop("reasoning_effort")
        fields = {}
    else:
        fields = told
    config = {
        "maxTokens": request.most_tokens,
        "temperature": sampled.get("temperature"),
        "topP": sampled.get("top_p"),
        "stopSequences": request.stops or None,
    }
    if given := {name: value for name, value in config.items() if value is not None}:
        fields["inferenceConfig"] = given
    if (top_k := sampled.get("top_k")) is not None:
        fields[ADDITIONAL] = fields.get(ADDITIONAL, {}) | _top_k(top_k, family)
    return fields


def _of_claude(request: ChatRequest, conversation: Conversation, model: Model, drops: Drops) -> dict[str, Any]:
    """Older models go on thinking only where they find their thoughts before their last call."""
    forced = request.choice == "required" or isinstance(request.choice, NamedChoice)
    asked = claude.thinking(
        request,
        model,
        request.most_tokens or model.max_tokens,
        drops,
        forced=forced or conversation.last_call_lacks_thoughts,
    )
    fields: dict[str, Any] = {}
    if "thinking" in asked:
        fields[ADDITIONAL] = {"thinking": asked["thinking"]}
    if "output_config" in asked:
        fields["outputConfig"] = asked["output_config"]
    return fields


def _of_others(request: ChatRequest, family: Family) -> dict[str, Any] | None:
    """None where the model can't be told."""
    effort = request.reasoning_effort
    if effort is None:
        return {}
    if family.vendor == "openai":
        told = _of_openai(effort, family)
        return {ADDITIONAL: told} if told is not None else None
    if family.is_nova and effort == "none":
        return {}  # it thinks only where it is told to
    if family.is_nova and "nova-2" in family.name:
        return {ADDITIONAL: {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": _of_nova(effort, request)}}}
    return None


def _of_openai(effort: Effort, family: Family) -> dict[str, Any] | None:
    if "gpt-oss" not in family.name:
        return {"reasoning": {"effort": "xhigh" if effort == "max" else effort}}
    return {"reasoning_effort": _LEVELS.get(effort, _HIGHEST)} if effort != "none" else None


def _of_nova(effort: Effort, request: ChatRequest) -> str:
    """The highest level refuses a bound of the tokens and parameters of sampling, which count more."""
    level = _LEVELS.get(effort, _HIGHEST)
    bounds = (request.most_tokens, request.temperature, request.top_p)
    return "medium" if level == _HIGHEST and any(bound is not None for bound in bounds) else level


def _top_k(value: int, family: Family) -> dict[str, Any]:
    """Each model has its own name for it: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html"""
    if family.is_nova:
        return {"inferenceConfig": {"topK": value}}
    return {"k" if family.vendor == "cohere" else "top_k": value}
