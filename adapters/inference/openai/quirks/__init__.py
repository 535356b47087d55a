"""What providers of OpenAI's dialect do differently, and how each difference is put right.

A row declares its quirks (`quirks` in config/schema.py). Each is one small function on a choice, the same for a whole
answer and for a stream's pieces; what a stream needs to remember stands in `Memory`. Only `choices`, `usage` and the
members that a quirk names are written anew, everything else of an answer stays byte for byte.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Raw

from adapters.inference.contract import Target
from adapters.inference.openai.errors import explain_inside
from adapters.inference.openai.quirks.envelope import Envelope, mend_choice, mend_delta, mend_usage
from adapters.inference.openai.quirks.finish_reason import mend_finish
from adapters.inference.openai.quirks.forced_tool import unwrap
from adapters.inference.openai.quirks.memory import Memory
from adapters.inference.openai.quirks.said import drop_hollow, fill_reasoning, flatten_content, split_tags
from adapters.inference.openai.quirks.tool_calls import carry_reasoning, mend_calls
from adapters.inference.openai.response import tells_error
from adapters.inference.openai.structured_outputs import way_of
from adapters.wire.body import Body
from adapters.wire.structured import check_answer

Step: TypeAlias = Callable[[dict[str, Any], Memory], None]
Kind: TypeAlias = Literal["chat.completion", "chat.completion.chunk", "text_completion"]

_fields = msgspec.json.Decoder(dict[str, Raw])
_choices = msgspec.json.Decoder(list[dict[str, Any]] | None)
_encode = msgspec.json.Encoder().encode
_NULL = Raw(b"null")
_STEPS: tuple[tuple[Step, frozenset[str]], ...] = (
    (mend_delta, frozenset({"envelope"})),
    (drop_hollow, frozenset({"hollow"})),
    (flatten_content, frozenset({"content"})),
    (fill_reasoning, frozenset({"reasoning"})),
    (split_tags, frozenset({"think_tags"})),
    (mend_calls, frozenset({"tool_calls", "finish_reason", "carry_reasoning"})),
    (carry_reasoning, frozenset({"carry_reasoning"})),
)
"""What is done to a message or delta, in this order, and which quirks want it."""
_MEMBERS = {"chat.completion": "message", "chat.completion.chunk": "delta", "text_completion": "text"}
"""Where a choice says something."""
_HEAD = ("id", "object", "created", "model", "service_tier", "system_fingerprint")


def mender_for(target: Target, body: Body, kind: Kind, *, whole: bool) -> "Mender | None":
    """What mends one answer of a target, None where nothing differs."""
    mender = Mender(target, body, kind, whole=whole)
    return mender if mender.quirks or mender.way else None


@lru_cache(maxsize=256)
def _steps(quirks: frozenset[str]) -> tuple[Step, ...]:
    return tuple(step for step, wanted_by in _STEPS if wanted_by & quirks)


class Mender:
    """Mends one answer: called once with a whole one, or with each chunk of a stream in turn."""

    __slots__ = ("_body", "_envelope", "_head", "_member", "_memories", "_steps", "_whole", "quirks", "way")

    def __init__(self, target: Target, body: Body, kind: Kind, *, whole: bool) -> None:
        self.quirks = frozenset(target.settings.quirks)
        self.way = way_of(body, target.settings)
        self._body = body
        self._whole = whole
        self._member = _MEMBERS[kind]
        self._steps = _steps(self.quirks | {"tool_calls"} if self.way == "tool" else self.quirks)
        self._envelope = Envelope(kind, target.model_json) if "envelope" in self.quirks else None
        self._memories: dict[int, Memory] = {}
        self._head: dict[str, Raw] = {}

    def mend(self, data: bytes) -> bytes:
        """Give an answer or chunk as OpenAI would have written it; what is no JSON object comes back as it is.

        Raises UpstreamError on an error in a choice, and on an answer that does not fit the form asked for.
        """
        try:
            fields = _fields.decode(data)
            choices = _choices.decode(fields.get("choices", _NULL))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return data
        if "error" in fields and tells_error(fields["error"]):
            return data
        if self._envelope is not None:
            self._envelope.mend(fields)
        if "usage" in self.quirks:
            mend_usage(fields)
        if choices:
            for place, choice in enumerate(choices):
                self._mend_choice(choice, place)
            fields["choices"] = Raw(_encode(choices))
            self._head = fields
        return _encode(fields)

    @property
    def is_open(self) -> bool:
        """Whether a choice has begun and has no finish reason."""
        return not all(memory.finished for memory in self._memories.values())

    def finish(self) -> bytes:
        """A last chunk for the choices that are open: text that was held, and the reason for the end."""
        choices = [
            {"index": index, self._member: {}, "finish_reason": "stop"}
            for index, memory in self._memories.items()
            if not memory.finished
        ]
        head = {name: self._head[name] for name in _HEAD if name in self._head}
        return self.mend(_encode(head | {"choices": choices}))

    def _mend_choice(self, choice: dict[str, Any], place: int) -> None:
        if (error := choice.get("error")) or choice.get("finish_reason") == "error":
            raise explain_inside(_encode({"error": error or "The provider ended its answer with an error."}))
        if self._envelope is not None:
            mend_choice(choice, place, self._member)
        index = choice.get("index", place)
        memory = self._memories.get(index)
        if memory is None:
            memory = self._memories[index] = Memory(whole=self._whole, unwraps=self.way == "tool")
        said = choice.get(self._member)
        if isinstance(said, dict):
            memory.ends = self._whole or bool(choice.get("finish_reason"))
            for step in self._steps:
                step(said, memory)
            if memory.unwraps:
                unwrap(choice, said, memory)
            if self.way:
                memory.answer += said.get("content") or ""
        if "finish_reason" in self.quirks:
            mend_finish(choice, memory)
        elif choice.get("finish_reason"):
            memory.finished = True
        if self.way and choice.get("finish_reason") == "stop":
            check_answer(memory.answer, self._body)
