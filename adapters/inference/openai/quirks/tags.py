"""Reasoning that comes in tags at the beginning of the text: servers without a parser for the model write it so."""

_OPENING = ("<think>", "<thinking>", "<reasoning>")


class TagSplitter:
    """Parts a text that comes in pieces into thoughts and answer.

    Only a tag that the text begins with counts, and white space around the tags goes with them. Without the closing
    tag all of it is thoughts: the answer was cut.
    """

    __slots__ = ("_closing", "_held", "_started", "_state")

    def __init__(self) -> None:
        self._state = "before"
        self._held = ""
        self._closing = ""
        self._started = False

    @property
    def passed(self) -> bool:
        """Whether all that follows is the answer."""
        return self._state == "answer"

    def feed(self, text: str) -> tuple[str, str]:
        """Give the thoughts and the answer in what has come so far; what may be a part of a tag is held."""
        if self._state == "answer":
            return "", text
        self._held += text
        if self._state == "before" and not self._opened():
            return "", self._release() if self._state == "answer" else ""
        thoughts = self._thoughts() if self._state == "thoughts" else ""
        answer = self._held.lstrip() if self._state == "after" else ""
        if answer:
            self._held, self._state = "", "answer"
        return thoughts, answer

    def close(self) -> tuple[str, str]:
        """The text has ended: give what was held."""
        thoughts = self._state == "thoughts"
        rest = "" if self._state == "after" else self._release()
        self._state = "answer"
        return (rest, "") if thoughts else ("", rest)

    def _opened(self) -> bool:
        begun = self._held.lstrip()
        for tag in _OPENING:
            if begun.startswith(tag):
                self._state, self._closing, self._held = "thoughts", f"</{tag[1:]}", begun[len(tag) :]
                return True
        if not any(tag.startswith(begun) for tag in _OPENING):
            self._state = "answer"
        return False

    def _thoughts(self) -> str:
        if not self._started:
            self._held = self._held.lstrip()
            self._started = bool(self._held)
        thoughts, closed, rest = self._held.partition(self._closing)
        if closed:
            self._state, self._held = "after", rest
            return thoughts
        kept = next(size for size in range(len(self._closing) - 1, -1, -1) if thoughts.endswith(self._closing[:size]))
        self._held = thoughts[len(thoughts) - kept :]
        return thoughts[: len(thoughts) - kept]

    def _release(self) -> str:
        held, self._held = self._held, ""
        return held
