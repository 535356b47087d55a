"""The files APIs of providers, by the dialect in which one is asked: pure functions, no network."""

from adapters.files.elsewhere import anthropic, gemini, openai
from adapters.files.elsewhere.contract import FilesApi

APIS: dict[str, FilesApi] = {"openai": openai.API, "anthropic": anthropic.API, "gemini": gemini.API}
