"""What is asked, as data: one scenario is one kind of traffic."""

import json
from dataclasses import dataclass, field
from pathlib import Path

KEY = "sk-bench-0123456789abcdef"
"""The client key of every contender that checks one."""

_ANSWER_END = "canals were cut through the first two"
_CHAT = "/v1/chat/completions"


def _chat(prompt: str, **options: object) -> dict[str, object]:
    return {"model": "gpt", "messages": [{"role": "user", "content": prompt}], **options}


@dataclass(frozen=True)
class Scenario:
    """Requests of one kind, from a number of connections that each wait for their answer."""

    name: str
    title: str
    path: str
    body: dict[str, object] = field(repr=False)
    marker: str
    """Text that the end of a good answer holds."""
    min_bytes: int
    """A good answer's body is at least this long; gateways may rewrite it, so this is not its exact length."""
    connections: int = 64
    warmup: float = 0.5
    """Seconds at the start that no figure counts, but CPU per request; never longer than the measuring itself."""
    rate: float | None = None
    """Requests a second at most."""
    cancel_after: int | None = None
    """Bytes of body after which the client leaves."""
    vary: str | None = None
    """Digits in the body that are another number in each request."""

    @property
    def payload(self) -> bytes:
        return json.dumps(self.body, separators=(",", ":")).encode()

    @property
    def request(self) -> bytes:
        """The whole HTTP/1.1 request, as the load generator sends it again and again."""
        payload = self.payload
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {KEY}\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        return head.encode() + payload

    def arguments(self, request: Path, seconds: float, count: int | None = None) -> list[str]:
        """The load generator's options for this traffic, with the request in a file."""
        values = {
            "--request": request,
            "--connections": self.connections,
            "--duration": seconds,
            "--warmup": min(self.warmup, seconds) if count is None else 0,
            "--count": count,
            "--marker": self.marker,
            "--min-bytes": self.min_bytes,
            "--rate": self.rate,
            "--cancel-after": self.cancel_after,
            "--vary": self.vary,
        }
        return [text for option, value in values.items() if value is not None for text in (option, str(value))]


UNARY = Scenario("unary", "chat completion, 64 connections", _CHAT, _chat("What is an isthmus?"), _ANSWER_END, 500)
STREAM = Scenario(
    "stream", "streamed chat, 20 chunks at once", _CHAT, _chat("What is an isthmus?", stream=True), "[DONE]", 2_000
)
PACED = Scenario(
    "paced",
    "500 streams, a chunk each every 50 ms",
    _CHAT,
    _chat("paced-40-50ms", stream=True),
    "[DONE]",
    2_000,
    connections=500,
    warmup=1.5,
)
QUIET = Scenario(
    "quiet",
    "chat completion, one connection, 200 requests/s",
    _CHAT,
    _chat("What is an isthmus?"),
    _ANSWER_END,
    500,
    connections=1,
    rate=200,
)
EMBEDDINGS = Scenario(
    "embeddings",
    "embeddings, 17 kB answers",
    "/v1/embeddings",
    {"model": "gpt", "input": "What is an isthmus?"},
    '"usage"',
    15_000,
)
LONG_PROMPT = Scenario("prompt", "chat completion, 100 kB prompts", _CHAT, _chat("isthmus " * 12_500), _ANSWER_END, 500)
CANCELLED = Scenario(
    "cancelled",
    "streams left after their first chunk",
    _CHAT,
    _chat("paced-1000-10ms", stream=True),
    "[DONE]",
    0,
    cancel_after=64,
    warmup=0,
)
_NUMBER = "0000000000"
VARIED = Scenario(
    "varied",
    "chat completion, no two alike",
    _CHAT,
    _chat(f"What is isthmus {_NUMBER}?"),
    _ANSWER_END,
    500,
    vary=_NUMBER,
)

MEASURED = (UNARY, STREAM, PACED, QUIET, EMBEDDINGS, LONG_PROMPT)
