import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.framing.ndjson import Lines, LineTooLarge

texts = st.binary(max_size=8).map(lambda text: text.translate(None, b"\r\n \t\x0b\x0c"))
streams = st.lists(st.tuples(texts, st.sampled_from([b"\n", b"\r\n", b"\n\n", b" \r\n"])), max_size=20)


def lines_at(stream: bytes, size: int) -> list[bytes]:
    framer = Lines()
    found = [line for start in range(0, len(stream), size) for line in framer.feed(stream[start : start + size])]
    rest = framer.close()
    return [*found, rest] if rest else found


@given(streams, texts, st.integers(1, 9))
def test_lines_are_found_at_any_split_and_the_last_need_not_end(
    parts: list[tuple[bytes, bytes]], last: bytes, size: int
) -> None:
    stream = b"".join(line + end for line, end in parts) + last
    assert lines_at(stream, size) == [line for line in (*(line for line, _ in parts), last) if line]


def test_a_line_is_given_as_soon_as_it_ends() -> None:
    lines = Lines()
    assert lines.feed(b'{"a":') == []
    assert lines.feed(b'1}\n{"b"') == [b'{"a":1}']
    assert lines.feed(b":2}\n") == [b'{"b":2}']
    assert lines.close() == b""


def test_a_line_without_an_end_is_bounded() -> None:
    lines = Lines(limit=8)
    assert lines.feed(b"12345678") == []
    with pytest.raises(LineTooLarge):
        lines.feed(b"9")


def test_lines_that_end_may_be_many_times_the_bound_together() -> None:
    assert Lines(limit=4).feed(b"1234\n" * 9) == [b"1234"] * 9


def test_what_was_given_is_held_no_more() -> None:
    lines = Lines()
    lines.feed(b"half")
    assert lines.close() == b"half"
    assert lines.close() == b""
