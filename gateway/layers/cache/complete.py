"""Which answers are worth keeping: complete and successful ones that say something."""

import re
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Raw, Struct

from config.schema import Operation

_FINISH = re.compile(rb'"finish_reason":\s*"([^"]*)"')
_STOP = re.compile(rb'"stop_reason":\s*"([^"]*)"')
_SAYS = re.compile(rb'"(?:content|text|refusal|reasoning|reasoning_content|thinking|arguments|name|data)":\s*"[^"]')
# A quote inside a string is escaped, so these find members and never a text.
_WITHHELD = frozenset({b"content_filter", b"refusal", b"error"})
_NOTHING = frozenset({b"", b"null", b'""', b"[]"})


class _Message(Struct):
    content: Raw = Raw()
    tool_calls: Raw = Raw()
    refusal: Raw = Raw()
    reasoning_content: Raw = Raw()
    reasoning: Raw = Raw()
    function_call: Raw = Raw()
    audio: Raw = Raw()
    images: Raw = Raw()


class _Choice(Struct):
    finish_reason: str | None = None
    message: _Message | None = None
    text: Raw = Raw()


class _Answer(Struct):
    choices: list[_Choice]


class _Whole(Struct):
    stop_reason: str | None = None
    content: Raw = Raw()


_answer = msgspec.json.Decoder(_Answer).decode
_message = msgspec.json.Decoder(_Whole).decode
_object = msgspec.json.Decoder(dict[str, Raw]).decode


def is_complete(operation: Operation, body: bytes, is_stream: bool, choices: int = 1) -> bool:
    """Whether an answer with status 200 may be given again; `choices` were asked for."""
    try:
        if is_stream:
            return _is_complete_stream(body, choices)
        return _CHECKS.get(operation, _is_object)(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _is_complete_stream(body: bytes, choices: int) -> bool:
    ends = _FINISH.findall(body) or _STOP.findall(body)
    return len(ends) >= choices and _WITHHELD.isdisjoint(ends) and _SAYS.search(body) is not None


def _is_complete_answer(body: bytes) -> bool:
    choices = _answer(body).choices
    return bool(choices) and all(
        choice.finish_reason is not None and choice.finish_reason.encode() not in _WITHHELD and _says(choice)
        for choice in choices
    )


def _says(choice: _Choice) -> bool:
    message = choice.message
    if message is None:
        return bytes(choice.text) not in _NOTHING
    return any(bytes(getattr(message, name)) not in _NOTHING for name in message.__struct_fields__)


def _is_complete_message(body: bytes) -> bool:
    whole = _message(body)
    stop = whole.stop_reason
    return stop is not None and stop.encode() not in _WITHHELD and bytes(whole.content) not in _NOTHING


def _is_object(body: bytes) -> bool:
    return bool(_object(body))


_CHECKS: Mapping[str, Callable[[bytes], bool]] = {
    "chat": _is_complete_answer,
    "completions": _is_complete_answer,
    "messages": _is_complete_message,
}
