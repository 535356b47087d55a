"""Which safety checks there are."""

import msgspec

from adapters.breaches import breach_of
from adapters.offers import Kind, Offers
from adapters.safety.contract import CheckType, SafetyCheck
from config.mistakes import UnusableCheck
from config.safety import Check

SHIPPED: dict[str, str] = {
    "bedrock_guardrails": "adapters.safety.bedrock_guardrails",
    "classifier": "adapters.safety.classifier",
    "code_scanner": "adapters.safety.code_scanner",
    "injection_rules": "adapters.safety.injection_rules",
    "llama_guard": "adapters.safety.llama_guard",
    "openai": "adapters.safety.openai",
    "pii": "adapters.safety.pii",
    "pii_patterns": "adapters.safety.pii_patterns",
    "prompt_guard": "adapters.safety.prompt_guard",
    "rules": "adapters.safety.rules",
}
"""The modules whose `CHECK` each is."""

GROUP = "isthmus.safety"
"""Entry points of this group: the name is the check's type, the value is its CheckType."""

_KIND = Kind(
    group=GROUP,
    value="CHECK",
    noun="a CheckType",
    unusable=UnusableCheck,
    breach=breach_of(CheckType),
    contract="adapters/safety/contract.py",
)
CHECKS: Offers[CheckType] = Offers(_KIND, SHIPPED)


def open_check(name: str, settings: Check) -> SafetyCheck:
    """A check as it is configured. Raises UnusableCheck, and ImportError where a library is missing."""
    kind = CHECKS.find(settings.type)
    return kind.open(name, msgspec.convert(settings.options, kind.options))
