"""Unary answers in OpenAI's format: the bytes go back as they came, usage is read on the way."""

import json
from collections.abc import Callable

import msgspec
from msgspec import Raw, Struct

from adapters.inference.contract import Answer, Target
from adapters.inference.openai.errors import explain_inside
from adapters.wire.body import Body
from adapters.wire.errors import UpstreamError
from adapters.wire.redaction import redact
from adapters.wire.usage import Usage, read_usage

_NO_ERROR = tuple(map(Raw, (b"", b"null", b"{}", b"[]", b'""', b"false")))


class _Top(Struct):
    """What the gateway looks at in an answer."""

    error: Raw = Raw()
    usage: Raw = Raw()


_top = msgspec.json.Decoder(_Top)


def decode(raw: bytes, target: Target, body: Body, read: Callable[[Raw], Usage | None] = read_usage) -> Answer:
    """The provider's answer as it is, and its usage as `read` reads it.

    Raises UpstreamError on what is no JSON object, and on an error inside an answer of status 200.
    """
    try:
        top = _top.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        top = _tolerant(raw)
    if tells_error(top.error):
        error = explain_inside(raw)
        redact(error, target.settings.api_key)
        raise error
    return Answer(raw, read(top.usage))


def tells_error(value: Raw) -> bool:
    """Whether an `error` member says that there is one."""
    return value not in _NO_ERROR


def _tolerant(raw: bytes) -> _Top:
    """Read an answer that strict JSON refuses and clients accept, such as half of a surrogate pair in a text."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise UpstreamError("The provider's answer is not JSON.") from None
    if not isinstance(value, dict):
        raise UpstreamError("The provider's answer is not a JSON object.")
    return _Top(**{name: Raw(json.dumps(value[name]).encode()) for name in ("error", "usage") if name in value})
