"""LangChain's standard suite for chat models, through langchain-openai, over services that speak another language."""

from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests
from openai import DefaultAsyncHttpxClient

from tests.clients.dialects import DIALECTS, Dialect
from tests.gateway_process import GatewayProcess

_FORCING = ("test_bind_runnables_as_tools", "test_unicode_tool_call_integration")
"""Tests that count on a model that understands their prompts, or on `tool_choice`."""


class Suite(ChatModelIntegrationTests):
    """The suite, for the service that a class below names."""

    __test__ = False
    dialect: Dialect

    @pytest.fixture(autouse=True)
    def _gateway(self, dialects_gateway: GatewayProcess, request: pytest.FixtureRequest) -> None:
        if request.node.originalname in _FORCING and not self.has_tool_choice:
            pytest.skip("the scripted model calls a tool unforced where the prompt names it alone")
        self.base_url = dialects_gateway.base_url

    @property
    def chat_model_class(self) -> type[ChatOpenAI]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "base_url": self.base_url,
            "api_key": "any",
            "http_async_client": DefaultAsyncHttpxClient(),
            "max_retries": 0,
            "timeout": 60,
            "model": self.dialect.model,
            "stream_usage": True,
        }

    @property
    def has_tool_choice(self) -> bool:
        return "tool_choice" not in self.dialect.lacks

    @property
    def has_structured_output(self) -> bool:
        return "json_schema" not in self.dialect.lacks

    @property
    def supports_json_mode(self) -> bool:
        return "json_object" not in self.dialect.lacks

    @property
    def supports_image_inputs(self) -> bool:
        return False  # the suite fetches its image from the internet

    @property
    def supports_model_override(self) -> bool:
        return False  # the suite compares the name with the answer's, which is the provider's


for _dialect in DIALECTS:
    _name = f"Test{_dialect.name.title().replace('-', '')}"
    globals()[_name] = type(_name, (Suite,), {"dialect": _dialect, "__test__": True, "__module__": __name__})
