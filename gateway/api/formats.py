"""What differs from door to door by the format that its clients speak."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from adapters.messages.body import parse as parse_messages
from adapters.messages.errors import error_body
from adapters.wire.body import Body, parse
from adapters.wire.errors import GatewayError
from adapters.wire.moderation import parse_moderation

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]


class Format(Struct, frozen=True):
    """How requests are read and errors are written."""

    parse: Callable[[bytes], Body]
    error_body: Callable[[GatewayError, bytes], bytes]
    """An error and the request's id to the body of the answer."""
    headers: Callable[[bytes], Headers] | None = None
    """The request's id to headers that every answer has besides the gateway's own."""


OPENAI = Format(parse, lambda error, request_id: error.body())
MODERATIONS = Format(parse_moderation, lambda error, request_id: error.body())
MESSAGES = Format(
    parse_messages,
    lambda error, request_id: error_body(error, request_id.decode()),
    lambda request_id: ((b"request-id", request_id),),
)
"""Anthropic's. https://docs.claude.com/en/api/errors#request-id"""
