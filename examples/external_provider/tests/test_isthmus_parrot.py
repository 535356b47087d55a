"""The dialect without a server: bytes in, bytes out, cut anywhere."""

import json
from typing import Any

import pytest
from isthmus_parrot import CHAT, explain
from msgspec import Raw

from adapters.inference.contract import NoOptions, Target
from adapters.wire.body import parse
from adapters.wire.errors import BadRequest, UpstreamError
from config.schema import Provider

TARGET = Target("parrot", "grey", Raw(b'"grey"'), Provider(dialect="parrot"), NoOptions())
LINES = b'{"id":"p1","piece":"Hel"}\n{"id":"p1","piece":"lo"}\n{"id":"p1","end":"length","heard":3,"said":2}\n'
ASKED = {"model": "parrot/grey", "messages": [{"role": "user", "content": "Say hello"}]}


def body(**further: Any) -> Any:
    return parse(json.dumps({**ASKED, **further}).encode())


def streamed(raw: bytes, size: int, **further: Any) -> tuple[list[Any], Any]:
    decoder = CHAT.stream(TARGET, body(stream=True, **further))
    parts = [decoder.feed(raw[at : at + size]) for at in range(0, len(raw), size)]
    frames = b"".join([*parts, decoder.close()]).decode().split("\n\n")
    return [json.loads(frame[6:]) for frame in frames if frame.startswith("data: {")], decoder


def test_a_question_is_put_as_parrot_wants_it_and_the_rest_is_reported() -> None:
    encoded = CHAT.encode(body(max_tokens=5, seed=1), TARGET)
    asked = {"model": "grey", "prompt": "Say hello", "stream": False, "temperature": None, "length": 5}
    assert json.loads(encoded.body) == asked
    assert encoded.dropped == ("seed=unknown",)


def test_what_parrot_has_no_ears_for_is_refused() -> None:
    image = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    with pytest.raises(BadRequest):
        CHAT.encode(body(messages=[{"role": "user", "content": image}]), TARGET)


def test_a_whole_answer() -> None:
    answer = CHAT.decode(b'{"id":"p1","reply":"Hello","end":"stop","heard":3,"said":1}', TARGET, body())
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == "Hello"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 1)


@pytest.mark.parametrize("size", [1, 7, 64, len(LINES)])
def test_a_stream_cut_anywhere(size: int) -> None:
    chunks, decoder = streamed(LINES, size, stream_options={"include_usage": True})
    choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    assert "".join(each["delta"].get("content", "") for each in choices) == "Hello"
    assert choices[-1]["finish_reason"] == "length"
    assert chunks[-1]["usage"]["total_tokens"] == 5
    assert decoder.usage.prompt_tokens == 3


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"id":"p1","piece":"Hel"}\n', "stopped in the middle"),
        (b'{"trouble":"no seeds"}\n', "no seeds"),
        (b"<html>", "can't be read"),
    ],
)
def test_a_stream_that_goes_wrong_says_so(raw: bytes, said: str) -> None:
    chunks, decoder = streamed(raw, 7)
    assert said in chunks[-1]["error"]["message"]
    assert isinstance(decoder.error, UpstreamError)


def test_a_refusal_keeps_its_status_and_its_words() -> None:
    error = explain(429, [(b"retry-after", b"7")], b'{"trouble":"too many"}')
    assert (error.status, error.message, error.retry_after) == (429, "too many", 7)
