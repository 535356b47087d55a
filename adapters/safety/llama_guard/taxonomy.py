"""Llama Guard's categories of hazards, and OpenAI's for each.

https://github.com/meta-llama/PurpleLlama/blob/main/Llama-Guard3/8B/MODEL_CARD.md: MLCommons' taxonomy, with S14 added.
"""

from typing import Final

from msgspec import Struct


class Hazard(Struct, frozen=True):
    """One category of Llama Guard."""

    title: str
    """As its prompt has it."""
    categories: tuple[str, ...]
    """What is said of a text that has it: OpenAI's categories, or one of its own where OpenAI has none."""


HAZARDS: Final = {
    "S1": Hazard("Violent Crimes", ("violence", "illicit/violent", "illicit")),
    "S2": Hazard("Non-Violent Crimes", ("illicit",)),
    "S3": Hazard("Sex Crimes", ("sexual", "illicit")),
    "S4": Hazard("Child Exploitation", ("sexual/minors", "sexual")),
    "S5": Hazard("Defamation", ("defamation",)),
    "S6": Hazard("Specialized Advice", ("specialized_advice",)),
    "S7": Hazard("Privacy", ("privacy",)),
    "S8": Hazard("Intellectual Property", ("intellectual_property",)),
    "S9": Hazard("Indiscriminate Weapons", ("illicit/violent", "illicit")),
    "S10": Hazard("Hate", ("hate",)),
    "S11": Hazard("Self-Harm", ("self-harm",)),
    "S12": Hazard("Sexual Content", ("sexual",)),
    "S13": Hazard("Elections", ("elections",)),
    "S14": Hazard("Code Interpreter Abuse", ("code_interpreter_abuse",)),
}
"""In the order of their numbers."""

FOUND: Final = tuple(dict.fromkeys(category for hazard in HAZARDS.values() for category in hazard.categories))
