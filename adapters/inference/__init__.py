"""How inference providers speak, one dialect a folder."""

from adapters.inference import openai
from adapters.inference.contract import Adapter

ADAPTERS: dict[str, Adapter] = {
    "openai": openai.ADAPTER,
}
