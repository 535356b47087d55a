"""What an answer says, read from its frames or its body in OpenAI's or the Messages format."""

from typing import Any

import msgspec
from msgspec import Struct

from adapters.framing import sse
from adapters.wire.body import Body
from adapters.wire.errors import GatewayError

_CONTENT = b'"content":"'
_QUOTE = 0x22
_CHARACTERS_PER_TOKEN = 4
TRANSCRIPT_MAX = 1_048_576
"""Bytes of a stream that are kept until its usage is known."""
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal", "text", "thinking", "partial_json")
_CALLS = frozenset({"tool_calls", "function_call", "partial_json"})


class _Choice(Struct):
    index: Any = 0
    delta: Any = None
    message: Any = None
    text: Any = None
    finish_reason: Any = None


class _Answer(Struct):
    """A chunk, a completion, an event or a message: all that is read of any of them."""

    id: Any = None
    model: Any = None
    created: Any = None
    choices: list[_Choice] | None = None
    type: Any = None
    delta: Any = None
    content_block: Any = None
    content: Any = None
    stop_reason: Any = None


_answer = msgspec.json.Decoder(_Answer)


class Sent:
    """What has been said so far."""

    __slots__ = ("characters", "created", "finish", "has_calls", "id", "is_done", "model", "refuses", "says", "text")

    def __init__(self) -> None:
        self.id: Any = None
        self.model: Any = None
        self.created: Any = None
        self.text = ""
        """Of the answer itself, without reasoning and refusals."""
        self.characters = 0
        """Of all texts: reasoning, refusals and arguments of tools too."""
        self.has_calls = False
        """A tool call has begun."""
        self.refuses = False
        """Part of it is a refusal."""
        self.says = False
        """There is content of any kind."""
        self.finish: str | None = None
        """Why it ended; None while it has not."""
        self.is_done = False
        """`[DONE]` came."""

    @property
    def tokens(self) -> int:
        """About as many as its characters make."""
        return -(-self.characters // _CHARACTERS_PER_TOKEN)

    @property
    def has_begun(self) -> bool:
        """Whether a client could tell that there is an answer: by content, or by its end."""
        return self.says or self.finish is not None or self.is_done

    def add(self, answer: _Answer) -> None:
        """Read one frame or body."""
        self.id = self.id or answer.id
        self.model = self.model or answer.model
        self.created = self.created or answer.created
        for choice in answer.choices or ():
            self._part(choice.delta or choice.message)
            self._part({"content": choice.text})
            self.finish = self.finish or choice.finish_reason
        if answer.type is not None:
            self._event(answer)

    def _event(self, event: _Answer) -> None:
        self._part(event.delta)
        blocks = event.content if isinstance(event.content, list) else [event.content_block]
        for block in blocks:
            if isinstance(block, dict):
                kind = block.get("type")
                self.has_calls = self.has_calls or kind == "tool_use"
                self.says = self.says or kind not in ("text", "thinking")
                self._part({"content" if name == "text" else name: block.get(name) for name in ("text", "thinking")})
        stop = event.stop_reason or (event.delta.get("stop_reason") if isinstance(event.delta, dict) else None)
        self.finish = self.finish or stop

    def _part(self, part: Any) -> None:
        if not isinstance(part, dict):
            return
        if part.get("type") == "text_delta":
            part = {"content": part.get("text")}
        for name, value in part.items():
            if not value or name in ("role", "type", "stop_reason", "stop_sequence"):
                continue
            self.says = True
            self.has_calls = self.has_calls or name in _CALLS
            self.refuses = self.refuses or name == "refusal"
            if name == "tool_calls":
                self.characters += _length_of_calls(value)
            elif isinstance(value, str) and name in _TEXTS:
                self.characters += len(value)
                if name == "content":
                    self.text += value


def read(frames: bytes) -> Sent:
    """What whole frames of a stream say; what can't be read counts as content."""
    sent = Sent()
    for frame in sse.split(frames):
        data = sse.parse(frame).data
        if data is None:
            continue
        if data.strip() == b"[DONE]":
            sent.is_done = True
        else:
            _add(sent, data)
    return sent


def read_body(body: bytes) -> Sent:
    """What a whole answer says."""
    sent = Sent()
    _add(sent, body)
    return sent


def _add(sent: Sent, data: bytes) -> None:
    try:
        sent.add(_answer.decode(data))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        sent.says = True


def has_begun(frames: bytes) -> bool:
    """Whether frames have content, or an end. Those of nearly all streams are told without reading them.

    A quote inside a string is escaped, so what is looked for is a member and never a text.
    """
    at = frames.find(_CONTENT)
    if at >= 0 and frames[at + len(_CONTENT)] != _QUOTE:
        return True
    return read(frames).has_begun


def without_last_frame(frames: bytes) -> bytes:
    """All but the frame with which a decoder tells of an error."""
    return b"".join(sse.split(frames)[:-1])


def tell_what_was_sent(error: GatewayError, transcript: list[bytes]) -> None:
    """Add to an error what the client has of its answer already; tokens are estimated."""
    sent = read(b"".join(transcript))
    told = {"characters": sent.characters, "tokens": sent.tokens, "estimated": True}
    error.further = {"sent": told} | (error.further or {})


def prompt_tokens(body: Body) -> int:
    """About as many tokens as the texts of a request make."""
    return -(-sum(len(value) for value in body.fields.values()) // _CHARACTERS_PER_TOKEN)


def _length_of_calls(calls: Any) -> int:
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    parts = [each.get(name) for each in functions if isinstance(each, dict) for name in ("name", "arguments")]
    return sum(len(part) for part in parts if isinstance(part, str))
