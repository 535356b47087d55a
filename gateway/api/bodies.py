"""Reads request bodies, each bounded and all together bounded."""

from typing import Any

from adapters.wire.errors import BadRequest, Overloaded, TooLarge, UnsupportedMediaType
from config.schema import Limits


class Bodies:
    """The bodies of the requests in progress in this worker."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = 0

    async def read(self, receive: Any, headers: dict[bytes, bytes], limits: Limits) -> bytes:
        """A request's body; it counts as held until it is released.

        Raises TooLarge, before reading where the length is declared; UnsupportedMediaType for what is not plain JSON;
        Overloaded where the bodies of all requests together are too much; BadRequest when the client leaves.
        """
        most = limits.body_bytes
        declared = headers.get(b"content-length")
        if declared is not None and int(declared) > most:
            raise _too_large(most)
        _check_media_type(headers)
        parts: list[bytes] = []
        size = 0
        more = True
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BadRequest("The client left before its request was whole.", code="client_left")
                part = message["body"]
                size += len(part)
                self._held += len(part)
                if size > most:
                    raise _too_large(most)
                if self._held > limits.held_bytes:
                    raise Overloaded(
                        f"Requests in progress hold {limits.held_bytes} bytes already (server.limits.held_bytes).",
                        retry_after=1,
                    )
                parts.append(part)
                more = message["more_body"]
        except BaseException:
            self._held -= size
            raise
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @property
    def held(self) -> int:
        """Bytes of them."""
        return self._held

    def release(self, body: bytes) -> None:
        """The request is over."""
        self._held -= len(body)


def _check_media_type(headers: dict[bytes, bytes]) -> None:
    given = headers.get(b"content-type")
    if given is not None and given != b"application/json":
        media_type = given.partition(b";")[0].strip().lower()
        if media_type != b"application/json" and not media_type.endswith(b"+json"):
            raise UnsupportedMediaType(
                f"Send JSON with 'Content-Type: application/json', not '{media_type.decode('latin-1')[:64]}'."
            )
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.lower() != b"identity":
        raise UnsupportedMediaType("Compressed request bodies are not taken: send the JSON as it is.")


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The request's body is over {most} bytes (server.limits.body_bytes).")
