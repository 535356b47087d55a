"""A Messages request as the gateway takes it in."""

from typing import TYPE_CHECKING

from msgspec import Raw

from adapters.wire import body
from adapters.wire.body import Body

if TYPE_CHECKING:
    from adapters.inference.contract import Target
    from adapters.messages.request import Asked


class MessagesBody(Body):
    """The same as any body; streams always tell usage. Keeps what a bridge made of it for its present target."""

    __slots__ = ("asked",)

    def __init__(self, fields: dict[str, Raw], model: str, stream: bool) -> None:
        super().__init__(fields, model, stream, wants_usage=stream)
        self.asked: tuple[Target, Asked] | None = None


def parse(raw: bytes) -> MessagesBody:
    """Read the top level of a request. Raises BadRequest as for any other."""
    read = body.parse(raw)
    made = MessagesBody(read.fields, read.model, read.stream)
    made.carries = read.carries
    made.is_compact = read.is_compact
    made.size = read.size
    return made
