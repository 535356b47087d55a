"""Streams: each frame goes out as soon as it is in, whole and as it was; the end, usage and errors are seen to."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import CHUNK, Answer, RawClient, ask, chat
from tests.upstream import Cut, Gate, Pause, Reset, Step, Upstream, Write, event_stream, frame, json_answer
from tests.upstream.script import head

DONE = frame("[DONE]")
USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}


def delta(text: str) -> bytes:
    """A frame with a piece of text."""
    return frame({"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]})


def stream(gateway: GatewayProcess, model: str, **extra: Any) -> Answer:
    return ask(gateway.port, chat(model, stream=True, **extra))


def events(body: bytes) -> list[Any]:
    """The data of every event, parsed; [DONE] as it is."""
    texts = [part.removeprefix(b"data: ") for part in body.replace(b"\r\n", b"\n").split(b"\n\n") if part]
    return [text.decode() if text == b"[DONE]" else json.loads(text) for text in texts]


def error_at_the_end(answer: Answer) -> Any:
    last = events(answer.body)[-1]
    assert {"message", "type", "param", "code"} <= last["error"].keys()
    return last["error"]


def test_a_frame_is_with_the_client_before_the_next_one_is_sent(gateway: GatewayProcess, upstream: Upstream) -> None:
    gates = [Gate() for _ in range(5)]
    case = upstream.on(event_stream(*[step for n, gate in enumerate(gates) for step in (delta(f"{n}"), gate)], DONE))
    with RawClient(gateway.port) as client:
        client.post(chat(case.model, stream=True))
        chunks = client.chunks()
        client.head()
        for number, gate in enumerate(gates):
            assert next(chunks) == delta(f"{number}")
            gate.open()
        assert list(chunks) == [DONE]


def test_headers_come_with_the_first_frame(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(event_stream(delta("a"), DONE))
    answer = stream(gateway, case.model)
    assert answer.header("content-type") == "text/event-stream; charset=utf-8"
    assert answer.header("cache-control") == "no-cache"
    assert answer.header("x-isthmus-model") == case.name


UNUSUAL = {
    "comments": b": keep-alive\n\n" + delta("a") + b": OPENROUTER PROCESSING\n\n" + delta("b") + DONE,
    "a comment inside a frame": b': note\ndata: {"choices": []}\n\n' + DONE,
    "CRLF": b'data: {"choices": []}\r\n\r\ndata: [DONE]\r\n\r\n',
    "several data lines": b'data: {"choices":\ndata:  []}\n\n' + DONE,
    "no space": b'data:{"choices": []}\n\ndata:[DONE]\n\n',
    "event, id and retry fields": b'event: message\nid: 7\nretry: 100\ndata: {"choices": []}\n\n' + DONE,
    "non-ASCII text": delta("héllo 你好 🦊") + DONE,
    "unknown fields": frame({"choices": [], "citations": ["x"], "time_info": {"queue": 0.1}}) + DONE,
    "the word error in a text": delta('"error": {"message": "not one"}') + DONE,
    "the word usage in a text": delta('"usage":null}\n\n') + DONE,
    "DONE in a text": delta("data: [DONE]") + DONE,
    "a null error": frame({"choices": [], "error": None}) + DONE,
}


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
@pytest.mark.parametrize("body", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_frames_arrive_as_they_were_sent_wherever_they_are_split(
    gateway: GatewayProcess, upstream: Upstream, body: bytes, size: int
) -> None:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    answer = stream(gateway, upstream.on(event_stream(*pieces)).model)
    assert answer.status == 200
    assert answer.body == body


def test_lines_that_end_in_cr_are_understood(gateway: GatewayProcess, upstream: Upstream) -> None:
    answer = stream(gateway, upstream.on(event_stream(CHUNK.replace(b"\n", b"\r") + DONE.replace(b"\n", b"\r"))).model)
    assert answer.body.replace(b"\r", b"\n") == CHUNK + DONE


def test_an_error_after_content_with_crlf_becomes_an_error_event(gateway: GatewayProcess, upstream: Upstream) -> None:
    answer = stream(gateway, upstream.on(event_stream(delta("a").replace(b"\n", b"\r\n") + frame(ERROR))).model)
    assert answer.status == 200
    assert b'"a"' in answer.body
    assert error_at_the_end(answer)["message"] == "Worker died."


def test_frames_split_over_writes_go_out_whole(gateway: GatewayProcess, upstream: Upstream) -> None:
    first, rest = delta("a")[:20], delta("a")[20:]
    case = upstream.on(event_stream(first, gate := Gate(), rest, Gate(), DONE))
    with RawClient(gateway.port) as client:
        client.post(chat(case.model, stream=True))
        case.request()
        gate.await_reached()
        gate.open()
        client.head()
        assert next(client.chunks()) == delta("a")


def test_a_missing_done_is_added(gateway: GatewayProcess, upstream: Upstream) -> None:
    end = frame({"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    assert stream(gateway, upstream.on(event_stream(delta("a"), end)).model).body == delta("a") + end + DONE


def test_a_last_frame_without_its_blank_line_is_kept(gateway: GatewayProcess, upstream: Upstream) -> None:
    answer = stream(gateway, upstream.on(event_stream(delta("a"), DONE.rstrip())).model)
    assert answer.body == delta("a") + DONE


def test_what_follows_done_is_not_sent_on(gateway: GatewayProcess, upstream: Upstream) -> None:
    assert stream(gateway, upstream.on(event_stream(delta("a"), DONE, delta("b"))).model).body == delta("a") + DONE


def test_a_stream_without_length_or_chunks_ends_with_its_connection(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    case = upstream.on([Write(head(200, [("content-type", "text/event-stream")]) + delta("a") + DONE), Cut()])
    assert stream(gateway, case.model).body == delta("a") + DONE


ERROR = {"error": {"message": "Worker died.", "type": "server_error", "param": None, "code": 503}}
REFUSALS = {
    "a frame": [frame(ERROR)],
    "after a comment": [b": hello\n\n" + frame(ERROR)],
    "an error event": [b"event: error\n" + frame(ERROR)],
    "an error event with text": [b"event: error\ndata: Worker died.\n\n"],
    "split": [frame(ERROR)[:9], frame(ERROR)[9:]],
}


@pytest.mark.parametrize("parts", REFUSALS.values(), ids=REFUSALS.keys())
def test_an_error_in_the_first_frame_becomes_an_http_error(
    gateway: GatewayProcess, upstream: Upstream, parts: list[bytes]
) -> None:
    answer = stream(gateway, upstream.on(event_stream(*parts)).model)
    assert answer.status >= 500
    assert answer.header("content-type") == "application/json"
    assert answer.error["message"] == "Worker died."


def test_an_error_in_a_later_frame_becomes_an_error_event(gateway: GatewayProcess, upstream: Upstream) -> None:
    answer = stream(gateway, upstream.on(event_stream(delta("a"), frame(ERROR), delta("b"), DONE)).model)
    assert answer.status == 200
    assert answer.body.startswith(delta("a"))
    assert error_at_the_end(answer)["message"] == "Worker died."
    assert b'"b"' not in answer.body


BREAKS: dict[str, list[bytes | Step]] = {
    "closed": [delta("a"), Pause(0.05), Cut()],
    "reset": [delta("a"), Pause(0.05), Reset()],
    "cut inside a frame": [delta("a"), delta("b")[:10], Pause(0.05), Cut()],
    "noise for a chunk": [delta("a"), Pause(0.05), Write(b"zz\r\nnoise"), Cut()],
}


@pytest.mark.parametrize("parts", BREAKS.values(), ids=BREAKS.keys())
def test_a_stream_that_breaks_off_ends_with_an_error_event(
    gateway: GatewayProcess, upstream: Upstream, parts: Iterable[bytes | Step]
) -> None:
    answer = stream(gateway, upstream.on(event_stream(*parts)).model)
    assert answer.body.startswith(delta("a"))
    assert error_at_the_end(answer)["type"] == "upstream_error"
    assert b"[DONE]" not in answer.body


def test_a_stream_that_ends_inside_a_frame_ends_with_an_error_event(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    answer = stream(gateway, upstream.on(event_stream(delta("a"), delta("b")[:-10])).model)
    assert answer.body.startswith(delta("a"))
    assert error_at_the_end(answer)["type"] == "upstream_error"


def test_an_answer_that_is_no_stream_is_an_error(gateway: GatewayProcess, upstream: Upstream) -> None:
    answer = stream(gateway, upstream.on(json_answer({"choices": []})).model)
    assert answer.status == 502
    assert "stream" in answer.error["message"]


def with_usage(value: Any) -> bytes:
    return frame({"id": "1", "choices": [{"index": 0, "delta": {"content": "a"}}], "usage": value})


def test_usage_is_asked_for_and_hidden_from_a_client_that_did_not_ask(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    last = frame({"id": "1", "choices": [], "usage": USAGE})
    case = upstream.on(event_stream(with_usage(None), last, DONE))
    answer = stream(gateway, case.model)
    assert case.request().json["stream_options"] == {"include_usage": True}
    assert answer.body == delta_without_usage() + DONE


def delta_without_usage() -> bytes:
    return frame({"id": "1", "choices": [{"index": 0, "delta": {"content": "a"}}]})


def test_usage_is_shown_to_a_client_that_asked(gateway: GatewayProcess, upstream: Upstream) -> None:
    last = frame({"id": "1", "choices": [], "usage": USAGE})
    case = upstream.on(event_stream(with_usage(None), last, DONE))
    answer = stream(gateway, case.model, stream_options={"include_usage": True})
    assert answer.body == with_usage(None) + last + DONE


def test_usage_that_the_provider_does_not_tell_is_counted_for_a_client_that_asked(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    answer = stream(gateway, upstream.on(event_stream(delta("a"), DONE)).model, stream_options={"include_usage": True})
    *chunks, last, done = events(answer.body)
    assert done == "[DONE]"
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 1
    assert last["usage"]["prompt_tokens"] > 0
    assert len(chunks) == 1


def test_other_stream_options_stay(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(event_stream(DONE))
    stream(gateway, case.model, stream_options={"include_obfuscation": False})
    assert case.request().json["stream_options"] == {"include_obfuscation": False, "include_usage": True}


def test_hidden_usage_is_counted(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(event_stream(delta("a"), frame({"id": "1", "choices": [], "usage": USAGE}), DONE))
    ask(gateway.port, chat(case.model, stream=True), x_request_id=f"usage-{case.name}")
    assert ask(gateway.port, chat("scripted/talker")).status == 200  # its log line stands after the other's
    line = next(line for line in gateway.log.splitlines() if f"usage-{case.name}" in line)
    assert '"prompt_tokens":5,"completion_tokens":7' in line


def test_a_stream_of_completions(gateway: GatewayProcess, upstream: Upstream) -> None:
    piece = frame({"id": "1", "object": "text_completion", "choices": [{"index": 0, "text": "a"}]})
    case = upstream.on(event_stream(piece, DONE))
    answer = ask(gateway.port, {"model": case.model, "prompt": "a", "stream": True}, "/v1/completions")
    assert answer.body == piece + DONE
