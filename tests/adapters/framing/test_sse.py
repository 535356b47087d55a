import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.framing import sse

LINE_ENDS = (b"\n", b"\r\n", b"\r")


def reference_events(stream: bytes) -> list[tuple[bytes, bytes]]:
    """The standard's own algorithm, line by line: https://html.spec.whatwg.org/multipage/server-sent-events.html."""
    events = []
    name = b""
    data: list[bytes] = []
    for line in re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf")):
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if not line:
            if data:
                events.append((name, b"\n".join(data)))
            name, data = b"", []
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return events


def frames_at(stream: bytes, size: int) -> list[bytes]:
    framer = sse.Framer()
    fed = [framer.feed(stream[start : start + size]) for start in range(0, len(stream), size)]
    return [frame for frames in (*fed, framer.close()) for frame in sse.split(frames)]


lines = st.builds(
    bytes.__add__,
    st.sampled_from([b"data: ", b"data:", b"data", b"event: ", b": ", b"id: 7", b"", b"retry:", b"dat"]),
    st.sampled_from([b"", b"x", b"{}", b" y", b"a:b", "é".encode()]),
)
streams = st.builds(
    lambda parts: b"".join(line + end for line, end in parts),
    st.lists(st.tuples(lines, st.sampled_from(LINE_ENDS)), max_size=30),
)


usual_frames = st.sampled_from([b'data: {"a":1}', b"event: x\ndata: {}", b"data: {\ndata: }", b": {}", b"data: [DONE]"])
usual_streams = st.builds(
    lambda frames, end: b"".join((frame + b"\n\n").replace(b"\n", end) for frame in frames),
    st.lists(usual_frames, max_size=4),
    st.sampled_from(LINE_ENDS),
)


@given(streams | usual_streams, st.integers(1, 9) | st.integers(10, 100))
def test_frames_carry_every_byte_and_every_event_at_any_split(stream: bytes, size: int) -> None:
    frames = frames_at(stream, size)
    assert b"".join(frames) == stream
    events = [(event.name, event.data) for frame in frames if (event := sse.parse(frame)).data is not None]
    whole = reference_events(stream + b"\n\n")
    assert events == whole


@given(streams)
def test_a_stream_is_cut_at_the_same_places_at_every_split(stream: bytes) -> None:
    told = [[sse.parse(frame) for frame in frames_at(stream, size)] for size in (1, 7, 64)]
    assert [event for event in told[0] if event.data] == [event for event in told[1] if event.data]
    assert [event for event in told[0] if event.data] == [event for event in told[2] if event.data]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_frame_is_let_through_with_its_last_byte(end: bytes) -> None:
    framer = sse.Framer()
    frame = b"data: 1" + end + end
    assert [framer.feed(frame[index : index + 1]) for index in range(len(frame))] == [b""] * (len(frame) - 1) + [frame]


def test_a_carriage_return_waits_for_the_line_feed_that_may_follow() -> None:
    framer = sse.Framer()
    assert framer.feed(b"data: 1\r\n\r") == b""
    assert framer.feed(b"\ndata: 2") == b"data: 1\r\n\r\n"
    assert framer.feed(b"\r\r") == b""
    assert framer.feed(b":") == b"data: 2\r\r"


def test_whole_frames_leave_while_the_next_is_held() -> None:
    framer = sse.Framer()
    assert framer.feed(b"data: 1\n\ndata: 2\n\ndata: 3\n") == b"data: 1\n\ndata: 2\n\n"
    assert framer.close() == b"data: 3\n"
    assert framer.close() == b""


def test_a_frame_that_never_ends_is_refused() -> None:
    framer = sse.Framer(limit=100)
    for _ in range(10):
        assert framer.feed(b"data: 12345") == b""
    with pytest.raises(sse.FrameTooLarge):
        framer.feed(b"\n\n")


def test_a_frame_larger_than_the_bound_passes_when_it_is_whole_already() -> None:
    frame = b"data: " + b"x" * 200 + b"\n\n"
    assert sse.Framer(limit=100).feed(frame) == frame


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        (b"data: {}\n\n", (b"", b"{}")),
        (b"data:{}\r\n\r\n", (b"", b"{}")),
        (b"data: {}\r\n\r\n", (b"", b"{}")),
        (b"data: {\r\ndata: }\r\n\r\n", (b"", b"{\n}")),
        (b"event: a\ndata: {}\n\n", (b"a", b"{}")),
        (b"event: a\rdata: b\ndata: {}\n\n", (b"a", b"b\n{}")),
        (b"event: a\ndata: {\ndata: }\n\n", (b"a", b"{\n}")),
        (b"event: a\nid: 1\ndata: {}\n\n", (b"a", b"{}")),
        (b"\xef\xbb\xbfdata: {}\n\n", (b"", b"{}")),
        (b"event: error\ndata: a\ndata:  b\n\n", (b"error", b"a\n b")),
        (b": keep-alive\n\n", (b"", None)),
        (b"data\n\n", (b"", b"")),
        (b"data: a: b\n\n", (b"", b"a: b")),
    ],
)
def test_reads_a_frame(frame: bytes, event: tuple[bytes, bytes | None]) -> None:
    assert sse.parse(frame) == sse.Event(*event)


def test_writes_a_frame_that_reads_the_same() -> None:
    assert sse.write(b"{}") == b"data: {}\n\n"
    assert sse.parse(sse.write(b"a\nb\r\nc")).data == b"a\nb\nc"


def test_other_lines_of_a_frame_survive_a_change_of_its_data() -> None:
    frame = b": seen\r\nid: 4\r\ndata: old\r\ndata: er\r\n\r\n"
    assert sse.with_data(frame, b"new") == b": seen\nid: 4\ndata: new\n\n"
