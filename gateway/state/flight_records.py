"""What the leader of a flight tells its followers elsewhere: the head of the answer, its pieces, and how it ended."""

from typing import TypeAlias

import msgspec
from msgspec import Struct

from adapters.wire.errors import GatewayError, UpstreamError
from adapters.wire.usage import Usage


class Head(Struct, frozen=True, tag="head", tag_field="is"):
    """The answer has begun."""

    status: int
    headers: list[tuple[bytes, bytes]]
    is_stream: bool


class Piece(Struct, frozen=True, tag="piece", tag_field="is"):
    """More of its body, or whole frames of its stream."""

    data: bytes


class End(Struct, frozen=True, tag="end", tag_field="is"):
    """It is whole."""

    tail: bytes
    usage: Usage | None


class Fault(Struct, frozen=True, tag="fault", tag_field="is"):
    """It failed, or broke."""

    status: int
    type: str
    code: str | None
    message: str
    body: bytes

    @classmethod
    def of(cls, error: GatewayError) -> "Fault":
        """An error as a record."""
        return cls(error.status, error.type, error.code, error.message, error.body())

    def error(self) -> UpstreamError:
        """The record as an error."""
        return UpstreamError(self.message, status=self.status, type=self.type, code=self.code, raw=self.body)


Record: TypeAlias = Head | Piece | End | Fault

encode_record = msgspec.msgpack.Encoder().encode
decode_record = msgspec.msgpack.Decoder(Record).decode
