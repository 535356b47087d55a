"""Requests as the dialect writes them."""

import base64
from typing import Any

from adapters.inference.anthropic import ADAPTER
from adapters.inference.contract import Encoded
from tests.adapters.inference.anthropic.sdk import judge
from tests.adapters.inference.targets import request, target

OLD, MIDDLE, NEW = "claude-sonnet-4-20250514", "claude-sonnet-4-5", "claude-opus-5"
HELLO = [{"role": "user", "content": "Hello"}]
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}
ADD = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}


def encoded(model: str = MIDDLE, settings: dict[str, Any] | None = None, **fields: Any) -> Encoded:
    """A request for a model."""
    return ADAPTER.codecs["chat"].encode(request(**{"messages": HELLO} | fields), target(model, **settings or {}))


def sent(model: str = MIDDLE, **fields: Any) -> Any:
    """The same as a value that the package's types agree with."""
    return judge(encoded(model, **fields).body)


def dropped(model: str = MIDDLE, **fields: Any) -> tuple[str, ...]:
    """What of a request does not go along."""
    return encoded(model, **fields).dropped


def data_url(media_type: str, content: bytes = b"content") -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
