"""A segment gives back what was appended, whatever moment its writer was killed at."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.segment import Record, Segment, read_records

SIZE = 65_536
records = st.lists(
    st.tuples(st.sampled_from(b"BCDEPU"), st.binary(min_size=36, max_size=36), st.binary(max_size=300)), max_size=30
)


def written(parts: list[tuple[int, bytes, bytes]]) -> tuple[bytes, list[Record], list[int]]:
    """The file of a segment with these records, the records, and where each ends."""
    with TemporaryDirectory() as folder:
        segment = Segment(Path(folder) / "one", 1, SIZE)
        ends = []
        for kind, attempt, text in parts:
            assert segment.append(bytes([kind]) + attempt + text)
            ends.append(segment.end)
        segment.close()
        return (Path(folder) / "one").read_bytes(), [Record(*part) for part in parts], ends


@given(records, st.data())
def test_a_file_cut_at_any_byte_holds_the_whole_records_before_the_cut(
    parts: list[tuple[int, bytes, bytes]], data: st.DataObject
) -> None:
    content, expected, ends = written(parts)
    cut = data.draw(st.integers(0, ends[-1] if ends else 0))
    survived = content[:cut] + bytes(SIZE - cut)  # a file is as large from its beginning as it may become
    found = [record for record, _ in read_records(survived, 0, SIZE)]
    whole = sum(end <= cut for end in ends)
    assert found[:whole] == expected[:whole]
    assert all(record.kind is None or record in expected for record in found[whole:])
    assert len(found) <= whole + 1


@given(records.filter(bool), st.data())
def test_a_damaged_record_is_told_and_the_others_are_read(
    parts: list[tuple[int, bytes, bytes]], data: st.DataObject
) -> None:
    content, expected, ends = written(parts)
    which = data.draw(st.integers(0, len(parts) - 1))
    begin = (ends[which - 1] if which else 0) + 8
    place = data.draw(st.integers(begin, ends[which] - 1))
    spoilt = bytearray(content)
    spoilt[place] ^= data.draw(st.integers(1, 255))
    found = [record for record, _ in read_records(bytes(spoilt), 0, SIZE)]
    assert found[which].kind is None
    assert found[:which] + found[which + 1 :] == expected[:which] + expected[which + 1 :]


@given(st.binary(max_size=2_000))
def test_any_bytes_can_be_read(content: bytes) -> None:
    for _, offset in read_records(content, 0, len(content)):
        assert offset <= len(content)


def test_it_is_read_while_it_is_written(tmp_path: Path) -> None:
    segment = Segment(tmp_path / "one", 1, SIZE)
    offset = 0
    for number in range(50):
        segment.append(b"B%036d" % number)
        if number % 7 == 0:
            found, offset = segment.records(offset, 100)
            assert [int(record.id) for record in found] == list(range(max(0, number - 6), number + 1))


def test_what_does_not_fit_is_refused_and_what_stands_there_stays(tmp_path: Path) -> None:
    segment = Segment(tmp_path / "one", 1, 100)
    assert segment.append(b"B%036d" % 1)
    assert segment.append(b"B%036d" % 2)
    assert not segment.append(b"B%036d" % 3)
    assert [int(record.id) for record in segment.records(0, 9)[0]] == [1, 2]


def test_a_disk_without_room_is_met_when_the_file_is_made(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"No space|File too large|too large"):
        Segment(tmp_path / "one", 1, 2**62)
    assert not list(tmp_path.iterdir())
