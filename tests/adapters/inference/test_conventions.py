"""What OpenTelemetry calls a provider."""

import msgspec
import pytest

from adapters.inference.contract import NoOptions, Target
from adapters.inference.conventions import provider_name
from config.schema import Provider


@pytest.mark.parametrize(
    ("provider", "settings", "name"),
    [
        ("openai", Provider(), "openai"),
        ("vertex", Provider(dialect="vertex"), "gcp.vertex_ai"),
        ("fast", Provider(extends="groq"), "groq"),
        ("claude", Provider(dialect="anthropic"), "anthropic"),
        ("lab", Provider(base_url="http://lab/v1"), "lab"),
        ("mine", Provider(extends="vllm"), "mine"),
    ],
)
def test_the_well_known_name_else_the_operators_own(provider: str, settings: Provider, name: str) -> None:
    assert provider_name(Target(provider, "m", msgspec.Raw(b'"m"'), settings, NoOptions())) == name
