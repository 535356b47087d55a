"""Any bytes from a provider: the client gets a proper answer, and the next request works."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.conftest import MODEL, ODD_MODEL, TIMES
from tests.fuzz.exchange import assert_proper, exchange
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import ask, request
from tests.upstream import Case, Cut, Step, Write, event_stream, frame, json_answer

USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}
CHUNK = {"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hi"}}]}
SEEDS: list[tuple[Step, ...]] = [
    json_answer({"id": "1", "choices": [{"message": {"content": "Hi"}}], "usage": USAGE}),
    json_answer({"error": {"message": "Slow down", "type": "t", "code": None}}, ("retry-after", "3"), status=429),
    json_answer([{"error": {"code": 503, "message": "Full", "status": "UNAVAILABLE"}}], status=503),
    event_stream(frame(CHUNK), frame({**CHUNK, "choices": [], "usage": USAGE}), frame("[DONE]")),
    event_stream(frame(CHUNK), frame({"error": {"message": "Broken", "code": 500}})),
    event_stream(b": comment\r\n\r\n", b"event: error\r\ndata: {}\r\n\r\n", frame({**CHUNK, "usage": None})),
]
PIECES = [
    *(b"\r\n", b"\n\n", b"\r", b"\x00", b"\xff", b"data:", b"data: {}\n\n", b": \n\n", b"[DONE]", b"event: error\n"),
    *(b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"content-length: 1\r\n", b"transfer-encoding: chunked\r\n", b"-1"),
    *(b"content-encoding: gzip\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"retry-after: 1e309\r\n", b"null", b"[", b"{"),
    *(b'"usage":{"prompt_tokens":1e400}', b'"usage":{"prompt_tokens":99999999999999999999999}', b'"error":1', b"1e999"),
    *(b'"error":{"message":"\\ud800"},', b'"\xff"', b"[" * 3_000, b'"usage":null', b'"choices":null', b'"choices":[1]'),
]


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """A good answer with some bytes changed, put in or taken out."""
    data = b"".join(step.data for step in draw(st.sampled_from(SEEDS)) if isinstance(step, Write))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=4))
        data = data[:at] + piece + data[at + draw(st.integers(0, 8)) :]
    return data


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """The same as far as HTTP goes, with a body that is changed."""
    body = draw(answers()).partition(b"\r\n\r\n")[2]
    kind = draw(st.sampled_from([b"application/json", b"text/event-stream", b"text/html"]))
    status = draw(st.sampled_from([b"200 OK", b"200 OK", b"400 Bad Request", b"500 Oops", b"204 None", b"302 Found"]))
    return b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (status, kind, len(body), body)


@settings(max_examples=200 * TIMES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    answer=answers() | bodies(),
    size=st.sampled_from([1, 7, 100_000]),
    fields=st.sampled_from([{}, {"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}]),
)
def test_any_answer_of_a_provider_becomes_a_proper_one(
    fuzzed: GatewayProcess, odd: Case, answer: bytes, size: int, fields: dict[str, Any]
) -> None:
    odd.script = lambda _: (*(Write(answer[at : at + size]) for at in range(0, len(answer), size)), Cut())
    asked = json.dumps({"model": ODD_MODEL, "messages": [], **fields}).encode()
    for given_back in exchange(fuzzed.port, [request(asked)]):
        assert_proper(given_back)
    assert ask(fuzzed.port, {"model": MODEL}).status == 200
