"""Messages on a pipe, each after its length in four bytes."""

import struct

LENGTH = struct.Struct("!I")


def frame(message: bytes) -> bytes:
    """A message as it goes onto a pipe."""
    return LENGTH.pack(len(message)) + message


class Frames:
    """Takes what comes off a pipe apart."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now."""
        self._rest += data
        whole = []
        while len(self._rest) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._rest)[0]
            if len(self._rest) < end:
                break
            whole.append(self._rest[LENGTH.size : end])
            self._rest = self._rest[end:]
        return whole
