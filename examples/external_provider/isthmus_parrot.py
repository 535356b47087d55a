"""Parrot, an imaginary service with an API of its own, as a dialect of Isthmus.

`POST /reply` takes `{"model", "prompt", "temperature", "length", "stream"}`, gives `{"id", "reply", "end", "heard",
"said"}`, and streams lines: `{"id", "piece"}`, last `{"id", "end", "heard", "said"}`. Its errors are `{"trouble"}`.
"""

import msgspec

from adapters.inference import openai
from adapters.inference.contract import Adapter, Answer, Codec, Encoded, Headers, Target
from adapters.wire.body import Body
from adapters.wire.chat import content_text, read_chat
from adapters.wire.chunks import ChunkWriter
from adapters.wire.completion import FinishReason, choice, completion, message
from adapters.wire.errors import GatewayError, UpstreamError
from adapters.wire.fields import MAPPED, Fields, drops_for
from adapters.wire.retry_after import retry_after
from adapters.wire.usage import Usage

NAMES = ("model", "messages", "max_completion_tokens", "max_tokens", "stream", "stream_options", "temperature")
FIELDS: Fields = dict.fromkeys(NAMES, MAPPED)
LINE_MAX = 1_048_576


class Told(msgspec.Struct):  # an answer, a line of a stream, or an error
    id: str = ""
    reply: str = ""
    piece: str = ""
    end: FinishReason | None = None
    heard: int = 0
    said: int = 0
    trouble: str = ""


def read(raw: bytes) -> Told:
    try:
        return msgspec.json.decode(raw, type=Told)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Told(trouble="Parrot's answer can't be read.")


def encode(body: Body, target: Target) -> Encoded:
    chat = read_chat(body)
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    drops.drop_unexpressed(body.fields, FIELDS, "parrot")
    texts = [content_text(each.content, f"messages[{place}].content") for place, each in enumerate(chat.messages)]
    asked = {"model": target.model, "prompt": "\n".join(texts), "stream": body.stream}
    asked |= {"temperature": chat.temperature, "length": chat.most_tokens}
    return Encoded(msgspec.json.encode(asked), drops.dropped)


def decode(raw: bytes, target: Target, body: Body) -> Answer:
    told = read(raw)
    if told.trouble:
        raise UpstreamError(told.trouble)
    usage = Usage(told.heard, told.said)
    return Answer(completion(told.id, target.model, [choice(message(told.reply), told.end or "stop")], usage), usage)


class Stream:
    owes_usage = False

    def __init__(self, target: Target, body: Body) -> None:
        self.usage: Usage | None = None
        self.error: GatewayError | None = None
        self._chunks = ChunkWriter(target, body)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        *lines, self._held = (self._held + data).split(b"\n")
        frames = b"".join(map(self._line, lines))
        return frames + self._line(self._held) if len(self._held) > LINE_MAX else frames

    def close(self, counted: Usage | None = None) -> bytes:
        last = self._line(self._held) + self._line(b'{"trouble": "Parrot stopped in the middle."}')
        return last if self.error else last + self._chunks.end(self.usage)

    def _line(self, line: bytes) -> bytes:
        if self.error or self.usage or not line:
            return b""
        told = read(line)
        if told.trouble:
            self.error = UpstreamError(told.trouble)
            return self._chunks.fail(self.error)
        self._chunks.begin(told.id)
        if told.end is None:
            return self._chunks.text(told.piece)
        self.usage = Usage(told.heard, told.said)
        return self._chunks.finish(told.end)


def explain(status: int, headers: Headers, body: bytes) -> UpstreamError:
    return UpstreamError(read(body).trouble or "Parrot says no.", status=status, retry_after=retry_after(headers))


CHAT = Codec(openai.at("/reply"), encode, decode, Stream, media_type=b"application/x-ndjson", fields=FIELDS)
ADAPTER = Adapter(name="parrot", codecs={"chat": CHAT}, sign=openai.sign, explain=explain)
