"""What is known of one choice while its answer comes in, piece by piece or at once."""

from adapters.inference.openai.quirks.tags import TagSplitter

FORCED = -1
"""The index of the call whose arguments are the answer: no call that the client sees."""


class Call:
    """A tool call that has begun."""

    __slots__ = ("id", "index", "name", "theirs")

    def __init__(self, index: int, theirs: str | None, id: str, name: str | None) -> None:
        self.index = index
        """Its place among the calls, as the client sees it."""
        self.theirs = theirs
        """The id that the provider gave."""
        self.id = id
        """The id that the client sees."""
        self.name = name


class Memory:
    """One choice, from its first piece to its last."""

    __slots__ = (
        "annotations",
        "answer",
        "calls",
        "current",
        "ends",
        "finished",
        "forced",
        "held",
        "latest",
        "reasoning",
        "role_told",
        "tags",
        "unwraps",
        "whole",
    )

    def __init__(self, *, whole: bool, unwraps: bool = False) -> None:
        self.whole = whole
        """Whether the choice comes in one piece."""
        self.ends = whole
        """Whether nothing follows the piece that is being mended."""
        self.role_told = False
        self.annotations = 0
        """How many have come."""
        self.finished = False
        """Whether the client has seen a finish reason."""
        self.unwraps = unwraps
        """Whether a forced tool's arguments are the answer."""
        self.calls: list[Call] = []
        """Those that the client sees."""
        self.current: Call | None = None
        """The call that began last."""
        self.latest: dict[int, Call] = {}
        """The call that began last under each index of the provider's."""
        self.reasoning = ""
        """The thoughts so far, where tool calls carry them."""
        self.tags = TagSplitter()
        self.forced: Call | None = None
        self.held = ""
        """Text that is the answer unless such a call comes."""
        self.answer = ""
        """The answer so far, where it is checked."""
