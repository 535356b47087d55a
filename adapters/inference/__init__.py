"""How inference providers speak, one dialect a folder."""

from adapters.inference import azure, local, openai
from adapters.inference.contract import Adapter

ADAPTERS: dict[str, Adapter] = {
    "azure": azure.ADAPTER,
    "local": local.ADAPTER,
    "openai": openai.ADAPTER,
}
