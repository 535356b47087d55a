"""What OpenTelemetry calls the providers that it knows.

https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/registry/attributes/gen-ai.md
"""

from adapters.inference.contract import Target

_WELL_KNOWN = {
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "gemini": "gcp.gemini",
    "groq": "groq",
    "mistral": "mistral_ai",
    "moonshotai": "moonshot_ai",
    "openai": "openai",
    "perplexity": "perplexity",
    "vertex": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""By shipped row; most are dialects too."""
_SPOKEN_BY_ALL = "openai"


def provider_name(target: Target) -> str:
    """The `gen_ai.provider.name` of a target: the well-known one, else the operator's own name for it."""
    row = target.settings.extends or target.provider
    dialect = target.settings.dialect
    known = _WELL_KNOWN.get(row) or (_WELL_KNOWN.get(dialect) if dialect != _SPOKEN_BY_ALL else None)
    return known or target.provider
