"""The journal of a worker: its segments, its bound, and who may read it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.ledger.journal import Journal, Left, Tail, left_in
from gateway.ledger.segment import read_records

SIZE = 1_000


def record(number: int) -> bytes:
    return b"B%036d" % number


def numbers(left: Left) -> list[int]:
    found = []
    for path in left.segments():
        data = path.read_bytes()
        found += [int(record.id) for record, _ in read_records(data, 0, len(data))]
    return found


def test_a_journal_goes_on_in_a_new_segment(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 100 * SIZE, SIZE)
    for number in range(100):
        assert journal.append(record(number))
    assert len(journal.segments) > 1
    tail = Tail(journal)
    found: list[int] = []
    while records := tail.read(7)[1]:
        found += [int(record.id) for record in records]
    assert found == list(range(100))


def test_what_begins_is_refused_at_the_bound_and_what_ends_is_not(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 3 * SIZE, SIZE)
    taken = 0
    while journal.append(record(taken)):
        taken += 1
    assert journal.held <= 3 * SIZE
    assert not journal.has_room
    assert journal.append(record(taken), beyond=True)


def test_segments_that_are_done_with_make_room(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 2 * SIZE, SIZE)
    tail = Tail(journal)
    for number in range(500):
        assert journal.append(record(number))
        assert [int(each.id) for each in tail.read(9)[1]] == [number]
        while tail.index:
            tail.remove_first()
    assert len(list(tmp_path.rglob("*.segment"))) <= 2


def test_the_next_segment_is_made_before_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path, 10 * SIZE, SIZE)
    while journal.segments[-1].end < SIZE // 2:
        journal.append(record(1))
    journal.prepare()
    monkeypatch.setattr(os, "posix_fallocate", lambda *_: 1 / 0)
    while len(journal.segments) < 2:
        assert journal.append(record(1))


def test_a_disk_that_is_full_loses_nothing_that_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    journal = Journal(tmp_path, 10 * SIZE, SIZE)
    monkeypatch.setattr(os, "posix_fallocate", full)
    taken = 0
    while journal.append(record(taken)):
        taken += 1
    assert not journal.append(record(taken), beyond=True)
    monkeypatch.undo()
    assert journal.append(record(taken))
    journal.close(keep=True)
    (left,) = left_in(tmp_path)
    assert numbers(left) == list(range(taken + 1))


def test_nobody_takes_the_journal_of_a_worker_that_lives(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 10 * SIZE, SIZE)
    assert not list(left_in(tmp_path))
    journal.close(keep=True)
    assert len(list(left_in(tmp_path))) == 1


def test_a_killed_workers_journal_is_taken_once(tmp_path: Path) -> None:
    write_and_die = (
        "import os, pathlib, signal; from gateway.ledger.journal import Journal;"
        f"journal = Journal(pathlib.Path({str(tmp_path)!r}), 10_000, 1_000);"
        "[journal.append(b'B%036d' % number) for number in range(60)];"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", write_and_die])
    (left,) = left_in(tmp_path)
    assert not list(left_in(tmp_path))  # the lock is held by the first
    assert numbers(left) == list(range(60))
    left.remove()
    assert not list(tmp_path.iterdir())


def test_a_journal_that_was_let_go_can_be_taken_again(tmp_path: Path) -> None:
    Journal(tmp_path, 10 * SIZE, SIZE).close(keep=True)
    for _ in range(2):
        (left,) = left_in(tmp_path)
        left.release()


def test_a_journal_that_is_done_with_leaves_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 10 * SIZE, SIZE)
    while len(journal.segments) < 3:
        journal.append(record(1))
    journal.close(keep=False)
    assert not list(tmp_path.iterdir())
