"""Rules that know the usual words of prompt injections, and nothing else: no model, and no stand-in for one."""

from adapters.safety.contract import CheckType
from adapters.safety.prompt_guard.labels import INJECTION
from adapters.safety.rules import RulesCheck, RulesOptions


class InjectionRules(RulesCheck):
    """The check."""

    folder = "injection"


CHECK = CheckType("injection_rules", RulesOptions, InjectionRules, (INJECTION,))
