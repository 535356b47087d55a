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
_USUAL_END = b'"finish_reason":"stop"'
_SAYING = b'"message":{"role":"assistant","content":"'
_QUOTE = ord('"')
_WITHHELD = frozenset({b"content_filter", b"refusal", b"error"})
_WITHHELD_ANSWERS = frozenset(reason.decode() for reason in _WITHHELD)
_NOTHING = frozenset({b"", b"null", b'""', b"[]"})
_LONGEST_NOTHING = max(map(len, _NOTHING))


class _Content(Struct):
    content: Raw = Raw()


class _Message(_Content):
    tool_calls: Raw = Raw()
    refusal: Raw = Raw()
    reasoning_content: Raw = Raw()
    reasoning: Raw = Raw()
    function_call: Raw = Raw()
    audio: Raw = Raw()
    images: Raw = Raw()


class _Choice(Struct):
    finish_reason: str | None = None
    message: Raw = Raw()
    text: Raw = Raw()


class _Answer(Struct):
    choices: list[_Choice]


class _Whole(Struct):
    stop_reason: str | None = None
    content: Raw = Raw()


_answer = msgspec.json.Decoder(_Answer).decode
_content = msgspec.json.Decoder(_Content).decode
_said = msgspec.json.Decoder(_Message).decode
_message = msgspec.json.Decoder(_Whole).decode
_object = msgspec.json.Decoder(dict[str, Raw]).decode


def is_complete(operation: Operation, body: bytes, is_stream: bool, choices: int = 1) -> bool:
    """Whether an answer with status 200 may be given again; `choices` were asked for."""
    try:
        if is_stream:
            return _is_complete_stream(body, choices)
        if choices == 1 and operation == "chat" and _is_usual(body):
            return True
        return _CHECKS.get(operation, _is_object)(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _is_complete_stream(body: bytes, choices: int) -> bool:
    ends = _FINISH.findall(body) or _STOP.findall(body)
    return len(ends) >= choices and _WITHHELD.isdisjoint(ends) and _SAYS.search(body) is not None


def _is_usual(body: bytes) -> bool:
    """Whether an answer with one choice says something and came to its end, as nearly all do: seen without reading it.

    The end is near the body's end, and what is said near its beginning: what lies between is not gone through.
    """
    saying = body.find(_SAYING)
    return saying >= 0 and body.rfind(_USUAL_END) > saying and body[saying + len(_SAYING)] != _QUOTE


def _is_complete_answer(body: bytes) -> bool:
    choices = _answer(body).choices
    for choice in choices:
        finish = choice.finish_reason
        if finish is None or finish in _WITHHELD_ANSWERS or not _says(choice):
            return False
    return bool(choices)


def _says(choice: _Choice) -> bool:
    if not choice.message:
        return bytes(choice.text) not in _NOTHING
    if len(_content(choice.message).content) > _LONGEST_NOTHING:
        return True
    message = _said(choice.message)
    return any(bytes(getattr(message, name)) not in _NOTHING for name in message.__struct_fields__)


def _is_complete_message(body: bytes) -> bool:
    whole = _message(body)
    stop = whole.stop_reason
    return stop is not None and stop not in _WITHHELD_ANSWERS and bytes(whole.content) not in _NOTHING


def _is_object(body: bytes) -> bool:
    return bool(_object(body))


_CHECKS: Mapping[str, Callable[[bytes], bool]] = {
    "chat": _is_complete_answer,
    "completions": _is_complete_answer,
    "messages": _is_complete_message,
}
