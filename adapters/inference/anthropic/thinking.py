"""How much the model is to think, and what may be said of sampling beside it.

https://platform.claude.com/docs/en/build-with-claude/extended-thinking,
https://platform.claude.com/docs/en/build-with-claude/effort
"""

from typing import Any

from adapters.inference.anthropic.models import Model
from adapters.wire.chat import ChatRequest
from adapters.wire.errors import BadRequest
from adapters.wire.fields import Drops

_BUDGET_MIN, _BUDGET_MAX = 1_024, 128_000
# https://openrouter.ai/docs/guides/best-practices/reasoning-tokens#reasoning-effort-level
_SHARE = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.95, "max": 0.95}
_TOP_P_MIN = 0.95
"""https://platform.claude.com/docs/en/build-with-claude/extended-thinking#feature-compatibility"""


def thinking(
    request: ChatRequest, model: Model, max_tokens: int, drops: Drops, *, forced: bool
) -> dict[str, dict[str, Any]]:
    """`thinking`, and `output_config` where the model has efforts, for a `reasoning_effort`; nothing without one."""
    effort = request.reasoning_effort
    if effort is None or (effort == "none" and not model.thinks):
        return {}
    if effort == "none" and not model.must_think:
        return {"thinking": {"type": "disabled"}}
    if effort == "none" or not model.thinks:
        drops.drop("reasoning_effort")
        return {}
    if model.decides_thinking:
        shown = {"display": "summarized"} if model.hides_thoughts else {}
        return {"thinking": {"type": "adaptive"} | shown, "output_config": {"effort": _effort(effort, model)}}
    # A budget leaves no room in a short answer, and does not go with a call that must be made, nor after one that
    # comes back without its thoughts.
    if max_tokens <= _BUDGET_MIN or forced:
        drops.drop("reasoning_effort")
        return {}
    budget = max(_BUDGET_MIN, min(int(max_tokens * _SHARE[effort]), _BUDGET_MAX))
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def sampling(request: ChatRequest, top_k: Any, model: Model, drops: Drops, *, thinks: bool) -> dict[str, Any]:
    """`temperature`, `top_p` and `top_k` as far as the model takes them. Raises BadRequest on a temperature over 1."""
    asked = {"temperature": request.temperature, "top_p": request.top_p, "top_k": top_k}
    if request.temperature is not None and not 0 <= request.temperature <= 1:
        raise BadRequest(
            "'temperature' must be between 0 and 1: this provider has no higher.",
            param="temperature",
            code="unsupported_value",
        )
    given = {name: value for name, value in asked.items() if value is not None}
    kept = {name: value for name, value in given.items() if _takes(name, value, model, thinks=thinks)}
    if model.samples_by_one and len(kept.keys() & {"temperature", "top_p"}) > 1:
        del kept["temperature" if kept["temperature"] == 1 else "top_p"]
    for name, value in given.items():
        if name not in kept and not (name != "top_k" and value == 1):  # 1 is what happens anyway
            drops.drop(name)
    return kept


def _takes(name: str, value: Any, model: Model, *, thinks: bool) -> bool:
    if not model.samples:
        return False
    return not thinks or (name == "top_p" and value >= _TOP_P_MIN)


def _effort(effort: str, model: Model) -> str:
    if effort == "minimal":
        return "low"
    return "max" if effort == "xhigh" and not model.knows_xhigh else effort
