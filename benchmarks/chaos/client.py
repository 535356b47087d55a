"""One request over one connection, with everything noticed that could be wrong with its answer."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from benchmarks.chaos.upstream import text_for, vector_for

Kind: TypeAlias = Literal["chat", "stream", "left", "embeddings"]
Verdict: TypeAlias = Literal["right", "refused", "broken", "left", "wrong", "cut", "lost", "hung"]
"""`right`: whole and as it should be; `refused`: an error in OpenAI's shape; `broken`: a stream that ended with an
error event; `left`: the client went; `wrong`: not what was asked for, or no HTTP; `cut`: a stream that just ended;
`lost`: the connection broke; `hung`: no end in time."""


@dataclass
class Ask:
    """A request as a client makes it."""

    id: str
    kind: Kind
    owner: str
    key: str
    prompt: str
    timeout: float
    """What it allows the gateway."""


@dataclass
class Outcome:
    """What came of it."""

    ask: Ask
    began: float
    ended: float = 0.0
    verdict: Verdict = "lost"
    status: int = 0
    code: str = ""
    """The error's, where one was told."""
    serial: int = 0
    """The number of the answer; 0 for none."""
    cache: str = ""
    detail: str = ""


_PATIENCE = 10.0
"""Seconds over its own timeout that an answer may take before it counts as hung."""


async def make(ask: Ask, port: int) -> Outcome:
    """Send a request and judge its answer."""
    clock = asyncio.get_running_loop().time
    outcome = Outcome(ask, clock())
    try:
        async with asyncio.timeout(ask.timeout + _PATIENCE):
            await _exchange(outcome, port)
    except TimeoutError:
        outcome.verdict = "hung"
    except (OSError, asyncio.IncompleteReadError) as error:
        outcome.verdict, outcome.detail = "lost", type(error).__name__
    except (ValueError, KeyError, IndexError, TypeError) as error:
        outcome.verdict, outcome.detail = "wrong", f"{type(error).__name__}: {error}"
    outcome.ended = clock()
    return outcome


async def _exchange(outcome: Outcome, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    try:
        writer.write(_request(outcome.ask))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        outcome.status = int(head[0].split(" ")[1])
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        outcome.cache = headers.get("x-isthmus-cache", "")
        if headers.get("transfer-encoding") == "chunked":
            await _read_stream(outcome, reader)
        else:
            _judge_whole(outcome, await reader.readexactly(int(headers["content-length"])))
    finally:
        writer.close()


def _request(ask: Ask) -> bytes:
    body: dict[str, Any] = {"model": "chat", "messages": [{"role": "user", "content": ask.prompt}], "max_tokens": 64}
    path = "/v1/chat/completions"
    if ask.kind == "embeddings":
        path, body = "/v1/embeddings", {"model": "embed", "input": [ask.prompt, ask.prompt[::-1]]}
    elif ask.kind != "chat":
        body |= {"stream": True}
    data = json.dumps(body).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        "host: gateway",
        "connection: close",
        "content-type: application/json",
        f"authorization: Bearer {ask.key}",
        f"x-request-id: {ask.id}",
        f"x-isthmus-timeout: {ask.timeout:g}",
        f"content-length: {len(data)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + data


def _judge_whole(outcome: Outcome, body: bytes) -> None:
    answer = json.loads(body)
    if outcome.status != 200:
        _note_error(outcome, answer, "refused")
    elif outcome.ask.kind == "embeddings":
        texts = [outcome.ask.prompt, outcome.ask.prompt[::-1]]
        vectors = [item["embedding"] for item in sorted(answer["data"], key=lambda item: item["index"])]
        outcome.verdict = "right" if vectors == [vector_for(text) for text in texts] else "wrong"
    else:
        _judge_text(outcome, answer["choices"][0]["message"]["content"])


def _judge_text(outcome: Outcome, text: str) -> None:
    serial, _, rest = text.partition(": ")
    outcome.serial = int(serial)
    outcome.verdict = "right" if rest == text_for(outcome.ask.prompt) else "wrong"
    if outcome.verdict == "wrong":
        outcome.detail = text[:200]


def _note_error(outcome: Outcome, answer: Any, verdict: Verdict) -> None:
    error = answer["error"]
    if not (isinstance(error["message"], str) and error["message"] and isinstance(error["type"], str)):
        raise ValueError("an error without message or type")
    outcome.verdict = verdict
    outcome.code = str(error["code"] or error["type"])


async def _read_stream(outcome: Outcome, reader: asyncio.StreamReader) -> None:
    """Read events to the end; one that just ends is cut."""
    outcome.verdict = "cut"
    text, rest, done = "", b"", False
    while size := int(await reader.readuntil(b"\r\n"), 16):
        rest += (await reader.readexactly(size + 2))[:-2]
        *frames, rest = rest.split(b"\n\n")
        for frame in frames:
            data = frame.removeprefix(b"data: ")
            if data == b"[DONE]":
                done = True
                continue
            event = json.loads(data)
            if "error" in event:
                _note_error(outcome, event, "broken")
            elif event["choices"]:
                text += event["choices"][0]["delta"].get("content") or ""
        if outcome.ask.kind == "left" and len(text) > 20:
            outcome.verdict = "left"
            return
    if done and not outcome.code:
        _judge_text(outcome, text)
    elif text and not text_so_far_is_right(text, outcome.ask.prompt):
        outcome.verdict, outcome.detail = "wrong", text[:200]


def text_so_far_is_right(text: str, prompt: str) -> bool:
    """Whether a text that was broken off is the beginning of the right one."""
    serial, colon, rest = text.partition(":")
    return serial.isdigit() and (not colon or f" {text_for(prompt)}".startswith(rest))
