"""Answers that a provider promised to give in a form: they pass byte for byte, and are checked on the way.

Only a strict schema is a promise: https://platform.openai.com/docs/guides/structured-outputs
"""

from typing import Any

import msgspec
from msgspec import Struct

from adapters.framing import sse
from adapters.inference.contract import StreamDecoder, Target, error_frame
from adapters.wire.body import Body
from adapters.wire.errors import GatewayError
from adapters.wire.structured import check_answer
from adapters.wire.usage import Usage


class _Said(Struct):
    content: Any = None
    refusal: Any = None
    tool_calls: Any = None


class _Choice(Struct):
    index: int = 0
    message: _Said | None = None
    delta: _Said | None = None
    finish_reason: str | None = None


class _Answer(Struct):
    choices: list[_Choice] | None = None


class _Schema(Struct):
    schema: dict[str, Any]
    strict: bool | None = None


class _Format(Struct):
    type: str
    json_schema: _Schema


_format = msgspec.json.Decoder(_Format | None)
_answer = msgspec.json.Decoder(_Answer)


def is_promised(body: Body, target: Target) -> bool:
    """Whether the client asked for a strict schema and the provider keeps to such by itself."""
    if "response_format" not in body.fields or target.settings.structured_outputs != "native":
        return False
    try:
        asked = _format.decode(body.fields["response_format"])
    except (msgspec.DecodeError, RecursionError):
        return False  # a form of the provider's own
    return asked is not None and asked.type == "json_schema" and asked.json_schema.strict is True


def check_whole(raw: bytes, body: Body) -> None:
    """Raise UpstreamError where a choice of a completion does not fit; one that was cut or refused is not judged."""
    for choice in _read(raw):
        said = choice.message
        if said is None or choice.finish_reason != "stop" or said.refusal or said.tool_calls:
            continue
        if isinstance(said.content, str):
            check_answer(said.content, body)


def _read(raw: bytes) -> list[_Choice]:
    try:
        return _answer.decode(raw).choices or []
    except (msgspec.DecodeError, RecursionError):
        return []  # whoever reads the answer says what is wrong with it


class CheckedStream:
    """Lets the frames of another decoder through; the end of a choice that does not fit becomes an error."""

    __slots__ = ("_body", "_inner", "_judged", "_texts", "error")

    def __init__(self, inner: StreamDecoder, body: Body) -> None:
        self.error: GatewayError | None = None
        self._inner = inner
        self._body = body
        self._texts: dict[int, list[str]] = {}
        self._judged: dict[int, bool] = {}

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far."""
        return self._inner.usage

    @property
    def owes_usage(self) -> bool:
        """Whether the client asked for usage and the provider has not told it."""
        return self.error is None and self._inner.owes_usage

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere; give the frames that are whole."""
        return self._passed(self._inner.feed(data))

    def close(self, counted: Usage | None = None) -> bytes:
        """The upstream ended: give what is still owed."""
        return self._passed(self._inner.close(counted))

    def _passed(self, frames: bytes) -> bytes:
        if self.error is not None:
            return b""
        passed = b"".join(map(self._frame, sse.split(frames)))
        self.error = self.error or self._inner.error
        return passed

    def _frame(self, frame: bytes) -> bytes:
        if self.error is not None:
            return b""
        data = sse.parse(frame).data
        try:
            for choice in _read(data) if data is not None else ():
                self._take(choice)
        except GatewayError as error:
            self.error = error
            return error_frame(error)
        return frame

    def _take(self, choice: _Choice) -> None:
        texts = self._texts.setdefault(choice.index, [])
        said = choice.delta
        if said is not None:
            if isinstance(said.content, str):
                texts.append(said.content)
            if said.refusal or said.tool_calls:
                self._judged[choice.index] = True
        if choice.finish_reason == "stop" and not self._judged.get(choice.index):
            self._judged[choice.index] = True
            check_answer("".join(texts), self._body)
