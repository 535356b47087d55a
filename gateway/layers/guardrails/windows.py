"""What a stream has said and the client has not: whole frames, held until the texts in them have been judged.

The frames leave in the order in which they came, and byte for byte where nothing was found. Of what was judged the
last characters of a choice stay here until more is judged with them, so that nothing slips through in two halves.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec
from msgspec import Raw

from adapters.framing import sse
from adapters.wire.usage import Usage
from gateway.call import Call
from gateway.layers.guardrails.chunks import Chunks, Format, Frame
from gateway.layers.guardrails.events import Events
from gateway.layers.guardrails.judged import Judged
from gateway.layers.guardrails.judging import Found
from gateway.layers.guardrails.places import Path, Place
from gateway.layers.guardrails.text import Text

HELD_MAX = 1_048_576
"""Bytes of one stream that are held: then what is there is judged, and what was judged goes."""


class Sizes(NamedTuple):
    """In characters."""

    window: int
    """So many of a choice are judged together."""
    overlap: int
    """So many before them are judged with them again."""
    held: int
    """So many of those that were judged are held until more is judged with them."""


class _Choice:
    """One answer under way: its texts, and how far they have been judged, counted over all of them."""

    __slots__ = ("blocked", "is_ended", "is_over", "judged", "texts", "total")

    def __init__(self) -> None:
        self.texts: dict[Path, Text] = {}
        self.total = 0
        self.judged = 0
        self.is_over = False
        """It will say no more."""
        self.blocked: tuple[str, ...] = ()
        """For what it was; empty where it was not."""
        self.is_ended = False
        """The client has been told that it was blocked."""

    @property
    def waiting(self) -> int:
        """Characters that nobody has judged."""
        return 0 if self.blocked else self.total - self.judged

    def may_go(self, sizes: Sizes, at_once: bool) -> int:
        """How many characters of it may be said."""
        if at_once or (self.is_over and self.judged == self.total):
            return self.judged
        return self.judged - sizes.held


class _Spot(NamedTuple):
    """One piece of text in a frame that is held."""

    choice: _Choice
    place: Place
    text: Text
    start: int
    end: int
    at: int
    """How much its choice has said with it."""


class _Held(NamedTuple):
    frame: Frame
    spots: list[_Spot]


class Round:
    """What is judged at once: of each choice what nobody has judged, with what stands before it."""

    def __init__(self, choices: list[_Choice], overlap: int, question: str) -> None:
        self._choices = [(choice, choice.total) for choice in choices]
        self._ends: list[tuple[Text, int]] = []
        self.judged: list[Judged] = []
        for choice in choices:
            texts = [text for text in choice.texts.values() if text.end > text.judged]
            starts = [max(0, text.judged - overlap) for text in texts]
            for text in texts:
                text.begin()
                self._ends.append((text, text.end))
            self.judged.append(Judged(texts, starts, question=question))

    def settle(self, blocked: dict[int, Found]) -> None:
        """All of it has been judged."""
        for text, end in self._ends:
            text.judged = end
        for index, (choice, total) in enumerate(self._choices):
            choice.judged = total
            if index in blocked:
                choice.blocked = blocked[index].categories
                choice.texts.clear()


class Windows:
    """Of one stream. `told` gives what is to be said of the guardrails at its end."""

    def __init__(
        self, format: Format, sizes: Sizes, choices: int = 1, question: str = "", told: Callable[[], bytes] = bytes
    ) -> None:
        self._format = format
        self._sizes = sizes
        self._asked = choices
        self._question = question
        self._told = told
        self._choices: dict[int, _Choice] = {}
        self._frames: deque[_Held] = deque()
        self.held = 0
        """Bytes."""

    def feed(self, frames: bytes) -> None:
        """Take whole frames."""
        for raw in sse.split(frames):
            frame = self._format.read(raw)
            spots = list(self._spots(frame))
            for index in frame.ends:
                self._choice(index).is_over = True
            self._frames.append(_Held(frame, spots))
            self.held += len(frame.raw)

    def finish(self) -> None:
        """The stream is over."""
        for choice in self._choices.values():
            choice.is_over = True

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held."""
        return not self._frames

    @property
    def is_waiting(self) -> bool:
        """Whether there is text that nobody has judged."""
        return any(choice.waiting for choice in self._choices.values())

    @property
    def is_full(self) -> bool:
        """Whether there is enough to be judged now."""
        window = 1 if self.held >= HELD_MAX else self._sizes.window
        return any(choice.waiting >= (1 if choice.is_over else window) for choice in self._choices.values())

    @property
    def is_blocked(self) -> bool:
        """Whether a choice was blocked, and no other can say any more."""
        choices = self._choices.values()
        return (
            len(choices) >= self._asked
            and any(choice.blocked for choice in choices)
            and all(choice.blocked or (choice.is_over and not choice.waiting) for choice in choices)
        )

    def round(self) -> Round:
        """What is to be judged now."""
        return Round(
            [choice for choice in self._choices.values() if choice.waiting], self._sizes.overlap, self._question
        )

    def take(self) -> bytes:
        """The frames that may go."""
        ready = []
        at_once = self.held >= HELD_MAX
        while self._frames and self._may_go(self._frames[0], at_once):
            ready.append(self._pop())
        return b"".join(ready)

    def cut(self, usage: Usage | None) -> bytes:
        """Nothing more comes of a stream that is blocked: all that may still go, with its end."""
        ready = []
        while self._frames:
            ready.append(self._pop())
        end = self._format.rest(usage)
        return b"".join((*ready, self._told() if end else b"", end))

    def _spots(self, frame: Frame) -> Iterator[_Spot]:
        for index in frame.choices:
            self._choice(index)
        for index, place in frame.pieces:
            choice = self._choice(index)
            if choice.blocked:
                continue
            text = choice.texts.get(place.key)
            if text is None:
                text = choice.texts[place.key] = Text(place.is_json)
            start = text.end
            text.add(place.text)
            choice.total += len(place.text)
            yield _Spot(choice, place, text, start, text.end, choice.total)

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
        return choice

    def _may_go(self, held: _Held, at_once: bool) -> bool:
        return all(spot.choice.blocked or spot.at <= spot.choice.may_go(self._sizes, at_once) for spot in held.spots)

    def _pop(self) -> bytes:
        frame, spots = self._frames.popleft()
        self.held -= len(frame.raw)
        ended = b"".join(self._ends(frame))
        changes: dict[Path, Raw] = {}
        for spot in spots:
            text = spot.text
            if not spot.choice.blocked:
                if text.is_marked(spot.start, spot.end):
                    changes[spot.place.path] = spot.place.encode(text.say(spot.start, spot.end))
                text.forget(min(spot.end, text.judged - self._sizes.overlap))
        withheld = {index for index, choice in self._choices.items() if choice.blocked}
        said = self._told() if frame.is_last else b""
        return ended + said + self._format.write(frame, changes, withheld)

    def _ends(self, frame: Frame) -> Iterator[bytes]:
        """The ends of the choices that were blocked in this frame, or after it."""
        for index in frame.choices:
            choice = self._choices[index]
            if choice.blocked and not choice.is_ended:
                choice.is_ended = True
                yield self._format.end(frame, index, choice.blocked)


def windows_of(call: Call, sizes: Sizes, question: str, told: Callable[[], bytes]) -> Windows:
    """Of the stream that answers a call."""
    if call.operation == "messages":
        return Windows(Events(), sizes, 1, question, told)
    return Windows(Chunks(call.body.wants_usage), sizes, _choices_of(call), question, told)


def _choices_of(call: Call) -> int:
    """How many answers were asked for: of completions, so many for each prompt."""
    fields = call.body.fields
    try:
        count = msgspec.json.decode(fields.get("n", b"1"), type=int | None) or 1
        prompts = msgspec.json.decode(fields.get("prompt", b'""'))
    except msgspec.DecodeError:
        return 1
    return count * (len(prompts) if isinstance(prompts, list) else 1)
