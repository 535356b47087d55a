"""How inference providers speak, one dialect a folder."""

from adapters.inference import azure, openai
from adapters.inference.contract import Adapter

ADAPTERS: dict[str, Adapter] = {
    "azure": azure.ADAPTER,
    "openai": openai.ADAPTER,
}
