"""Which dialects there are, and the adapter of each."""

from adapters.inference.breaches import breach
from adapters.inference.contract import Adapter
from adapters.offers import Kind, Offers
from config.mistakes import UnusableDialect

SHIPPED = {
    "anthropic": "adapters.inference.anthropic",
    "azure": "adapters.inference.azure",
    "bedrock": "adapters.inference.bedrock",
    "cohere": "adapters.inference.cohere",
    "gemini": "adapters.inference.gemini",
    "local": "adapters.inference.local",
    "ollama": "adapters.inference.ollama",
    "openai": "adapters.inference.openai",
    "vertex": "adapters.inference.vertex",
    "watsonx": "adapters.inference.watsonx",
}
"""The modules whose `ADAPTER` each is."""

GROUP = "isthmus.adapters"
"""Entry points of this group: the name is the dialect, the value is its adapter."""

_KIND = Kind(
    group=GROUP,
    value="ADAPTER",
    noun="an adapter",
    unusable=UnusableDialect,
    breach=breach,
    contract="adapters/inference/contract.py and docs/adding-a-provider.md",
)
DIALECTS: Offers[Adapter] = Offers(_KIND, SHIPPED)
find = DIALECTS.find
names = DIALECTS.names
is_known = DIALECTS.is_known
fault = DIALECTS.fault
refresh = DIALECTS.refresh
