"""AWS's event stream: whole messages come out however the bytes are cut, and damage is told."""

import struct
from itertools import pairwise
from typing import Any
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from adapters.framing.event_stream import HEADERS_MAX, PAYLOAD_MAX, DamagedStream, Message, Messages, write
from tests.recordings import SPLIT_SIZES, Recording, load, params

HEADERS = {":message-type": "event", ":event-type": "chunk"}
RECORDED = [
    *params(
        providers=["bedrock"],
        operations=["chat"],
        streamed=True,
        skip=[recording.case for recording in load() if recording.raw is None],
    )
]


def read(*pieces: bytes) -> list[Message]:
    messages = Messages()
    return [message for piece in pieces for message in messages.feed(piece)]


def judged(raw: bytes) -> list[tuple[dict[str, Any], bytes]]:
    buffer: Any = EventStreamBuffer()
    buffer.add_data(raw)
    return [(message.headers, message.payload) for message in buffer]


def packed(headers: bytes, payload: bytes = b"") -> bytes:
    """A message with headers as they stand on the wire."""
    lengths = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = lengths + struct.pack("!I", crc32(lengths)) + headers + payload
    return message + struct.pack("!I", crc32(message))


@pytest.mark.parametrize("size", SPLIT_SIZES)
@pytest.mark.parametrize("recording", RECORDED)
def test_recorded_streams_are_cut_as_the_sdk_cuts_them(recording: Recording, size: int) -> None:
    assert recording.raw is not None
    assert [(dict(each.headers), each.payload) for each in read(*recording.cut(size))] == judged(recording.raw)


@given(
    st.lists(
        st.tuples(st.dictionaries(st.text(min_size=1, max_size=40), st.text(max_size=300)), st.binary()), max_size=4
    ),
    st.lists(st.integers(0, 4_000), max_size=8),
)
def test_what_is_written_is_read_wherever_it_is_cut(told: list[tuple[dict[str, str], bytes]], cuts: list[int]) -> None:
    raw = b"".join(write(headers, payload) for headers, payload in told)
    places = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    pieces = [raw[start:end] for start, end in pairwise(places)]
    assert [(dict(each.headers), each.payload) for each in read(*pieces)] == told == judged(raw)


@given(st.binary(max_size=60), st.data())
def test_a_changed_byte_never_passes(payload: bytes, data: st.DataObject) -> None:
    raw = bytearray(write(HEADERS, payload))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedStream):
        read(bytes(raw))


@given(
    st.binary(min_size=1, max_size=8),
    st.one_of(
        st.sampled_from([b"\0", b"\1"]),
        st.integers(-128, 127).map(lambda number: b"\2" + struct.pack("!b", number)),
        st.integers(-(2**15), 2**15 - 1).map(lambda number: b"\3" + struct.pack("!h", number)),
        st.integers(-(2**31), 2**31 - 1).map(lambda number: b"\4" + struct.pack("!i", number)),
        st.integers(-(2**63), 2**63 - 1).map(lambda number: b"\5" + struct.pack("!q", number)),
        st.binary(max_size=20).map(lambda value: b"\6" + struct.pack("!H", len(value)) + value),
        st.text(max_size=20).map(lambda text: b"\7" + struct.pack("!H", len(text.encode())) + text.encode()),
        st.integers(-(2**63), 2**63 - 1).map(lambda number: b"\10" + struct.pack("!q", number)),
        st.binary(min_size=16, max_size=16).map(lambda value: b"\11" + value),
    ),
)
def test_headers_of_every_type_are_read_as_the_sdk_reads_them(name: bytes, value: bytes) -> None:
    name = name.hex().encode()
    raw = packed(bytes((len(name),)) + name + value)
    assert [(dict(each.headers), each.payload) for each in read(raw)] == judged(raw)


@pytest.mark.parametrize(
    "headers",
    [
        b"\3ab",
        b"\2ab\x07\0\5abc",
        b"\2ab\x0a",
        b"\2ab\4\0",
        b"\1\xff\0",
        b"\1a\0\1a\1",
        b"\2ab\x07\0\2\xff\xff",
    ],
    ids=[
        "name is cut",
        "text is cut",
        "no such type",
        "number is cut",
        "name is no UTF-8",
        "twice",
        "text is no UTF-8",
    ],
)
def test_headers_that_are_none_are_refused(headers: bytes) -> None:
    with pytest.raises(DamagedStream):
        read(packed(headers))


def test_many_headers_are_read_too() -> None:
    headers = {f"header-{number}": "x" * 20 for number in range(30)}
    assert dict(read(write(headers, b"body"))[0].headers) == headers


@pytest.mark.parametrize(
    ("length", "of_headers"),
    [(15, 0), (16, 1), (16 + HEADERS_MAX + 1, HEADERS_MAX + 1), (16 + PAYLOAD_MAX + 1, 0)],
)
def test_lengths_out_of_bounds_are_refused_before_the_message_is_held(length: int, of_headers: int) -> None:
    lengths = struct.pack("!II", length, of_headers)
    with pytest.raises(DamagedStream):
        read(lengths + struct.pack("!I", crc32(lengths)))


def test_what_came_whole_before_the_damage_is_given_first() -> None:
    messages = Messages()
    good, bad = write(HEADERS, b"{}"), bytearray(write(HEADERS, b"{}"))
    bad[-1] ^= 1
    assert messages.feed(good + bytes(bad)) == [Message(HEADERS, b"{}")]
    with pytest.raises(DamagedStream):
        messages.feed(b"")
