"""The bounded table of callers."""

from gateway.auth.recent import Recent


def test_what_was_not_asked_for_longest_is_forgotten() -> None:
    table: Recent[str] = Recent(2)
    table.put(b"a", "1")
    table.put(b"b", "2")
    assert table.get(b"a") == "1"
    table.put(b"c", "3")
    assert (table.get(b"a"), table.get(b"b"), table.get(b"c")) == ("1", None, "3")
    assert len(table) == 2


def test_a_value_is_replaced_dropped_and_cleared() -> None:
    table: Recent[str] = Recent(2)
    table.put(b"a", "1")
    table.put(b"a", "2")
    assert (table.get(b"a"), len(table)) == ("2", 1)
    assert table.drop(b"a")
    assert not table.drop(b"a")
    table.put(b"a", "3")
    table.clear()
    assert table.get(b"a") is None
