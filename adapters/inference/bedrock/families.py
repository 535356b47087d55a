"""What the models behind Converse can do, known by their names: Converse has one form for all, and not all of it works
with each.

A name is `amazon.nova-lite-v1:0`, with a region before it where requests go to several (`us.amazon.nova-lite-v1:0`), or
an ARN that ends in one. The ARN of an application's own inference profile names no model: nothing is known of it then.
https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
"""

import re
from functools import lru_cache
from typing import NamedTuple

from adapters.inference.anthropic.models import Model, model_of

_REGIONS = "us|eu|apac|jp|au|ca|sa|me|af|global|us-gov"
_NAME = re.compile(rf"(?:.*/)?(?:(?:{_REGIONS})\.)?([a-z0-9]+)\.(.+)")
_REGION = re.compile(rf"^(?:{_REGIONS})\.(?=[a-z0-9]+\.)")
_WITH_SCHEMAS = frozenset(
    ("deepseek", "google", "minimax", "moonshot", "moonshotai", "nvidia", "openai", "qwen", "zai")
)
_MISTRAL_WITH_SCHEMAS = ("devstral", "magistral", "ministral", "mistral-large-3", "voxtral")
_CLAUDE_WITH_SCHEMAS = ((4, 5), (4, 6))
_UNFORCED = (5, 5)


class Family(NamedTuple):
    """Who made a model, and what is known of it."""

    vendor: str = ""
    """As in the model's name; empty where the name tells none."""
    name: str = ""

    @property
    def claude(self) -> Model | None:
        """Which of Anthropic's models it is, where it is one."""
        return model_of(self.name) if self.vendor == "anthropic" else None

    @property
    def is_nova(self) -> bool:
        """Whether it is one of Amazon's Nova models."""
        return self.vendor == "amazon" and "nova" in self.name

    @property
    def has_schemas(self) -> bool:
        """Whether `outputConfig.textFormat` and `strict` tools work; taken for granted where nothing is known.

        https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html names the models; Claude models
        that came later refuse `strict` ("Extra inputs are not permitted").
        """
        if self.claude is not None:
            first, last = _CLAUDE_WITH_SCHEMAS
            return first <= self.claude.version <= last
        if self.vendor == "mistral":
            return self.name.startswith(_MISTRAL_WITH_SCHEMAS)
        return not self.vendor or self.vendor in _WITH_SCHEMAS

    @property
    def can_be_forced(self) -> bool:
        """Whether `toolChoice` may say that a tool has to be called.

        https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolChoice.html; of the newest Claude models
        the service says: 'tool_choice: type "tool" and "any" are not supported for this model'.
        """
        if self.claude is not None:
            return self.claude.can_be_forced and self.claude.version < _UNFORCED
        return not self.vendor or self.vendor == "mistral" or self.is_nova

    @property
    def caches(self) -> bool:
        """Whether messages may have cache points.

        https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
        """
        return not self.vendor or self.claude is not None or self.is_nova

    @property
    def caches_tools(self) -> bool:
        """Whether tools may have them too."""
        return not self.vendor or self.claude is not None


def foundation_of(model: str) -> str:
    """A model's id without the region of an inference profile."""
    return _REGION.sub("", model)


@lru_cache(maxsize=1_024)
def family_of(model: str) -> Family:
    """The family of a model's id, inference profile or ARN."""
    found = _NAME.fullmatch(model)
    return Family(found[1], found[2]) if found else Family()
