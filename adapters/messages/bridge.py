"""Codecs for the operation `messages`: made from a dialect's codec for chat, or from its own."""

from copy import copy

from msgspec.structs import replace

from adapters.inference.contract import Answer, Codec, Encoded, StreamDecoder, Target
from adapters.messages import response
from adapters.messages.errors import error_event
from adapters.messages.request import FIELDS, Asked, asked_of
from adapters.messages.stream import MessagesStream
from adapters.messages.thoughts import for_anthropic
from adapters.wire.body import Body
from adapters.wire.errors import BadRequest
from adapters.wire.fields import KEPT


def bridge(chat: Codec) -> Codec:
    """A codec that asks a chat service what a Messages client asks.

    A dialect that translates messages takes whatever the hub's types have. One that keeps them sends OpenAI's format on
    as it is, and its service may refuse what OpenAI's does not have.
    """
    plain = chat.fields.get("messages", KEPT).how == "kept"

    def url(target: Target, body: Body) -> str:
        return chat.url(target, asked_of(body, target, plain).body)

    def encode(body: Body, target: Target) -> Encoded:
        asked = asked_of(body, target, plain)
        try:
            encoded = chat.encode(asked.body, target)
        except BadRequest as error:
            _rename(error, asked)
            raise
        return replace(encoded, dropped=(*asked.dropped, *(_renamed(each, asked) for each in encoded.dropped)))

    def decode(raw: bytes, target: Target, body: Body) -> Answer:
        asked = asked_of(body, target, plain)
        return response.decode(chat.decode(raw, target, asked.body), target, asked, plain)

    def stream(target: Target, body: Body) -> StreamDecoder:
        asked = asked_of(body, target, plain)
        return MessagesStream(chat.stream(target, asked.body), target, asked, plain)

    return Codec(url, encode, decode, stream, media_type=chat.media_type, stream_error=error_event, fields=FIELDS)


def direct(messages: Codec) -> Codec:
    """A codec of a service that speaks the Messages format itself; thoughts that the gateway signed stay here."""

    def encode(body: Body, target: Target) -> Encoded:
        given = body.fields.get("messages")
        if given is not None and (kept := for_anthropic(given)) is not given:
            body = copy(body)
            body.fields = body.fields | {"messages": kept}
        return messages.encode(body, target)

    return replace(messages, encode=encode)


def _renamed(dropped: str, asked: Asked) -> str:
    """`name=reason` under the name that the client knows."""
    name, mark, reason = dropped.partition("=")
    return asked.names.get(name, name) + mark + reason


def _rename(error: BadRequest, asked: Asked) -> None:
    known_as = asked.names.get(error.param or "")
    if known_as is not None:
        error.message = error.message.replace(f"'{error.param}'", f"'{known_as}'")
        error.param = known_as
