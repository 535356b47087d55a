"""Milvus: what is its own, next to what it has to have in common with every backend."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.vector_io.contract import BackendUnavailable
from adapters.vector_io.milvus import BACKEND, Options, lite
from adapters.vector_io.milvus.backend import Milvus
from adapters.vector_io.words import words
from tests.adapters.vector_io.openers.milvus_lite import shared
from tests.adapters.vector_io.plenty import FREE_SECONDS, longest_stall, once_it_is_back, some_chunks
from tests.adapters.vector_io.samples import ids

pytest.importorskip("pymilvus", reason="the extra milvus is not installed")
pytest.importorskip("milvus_lite", reason="the extra milvus is not installed")

import grpc
from milvus_lite.db import MilvusLite
from pymilvus import MilvusClient

from adapters.vector_io.milvus import collections
from adapters.vector_io.milvus.collections import _LONGEST, Collections, _terms, collection

STORE = "vs_of-the-test"
WRITES_AND_STAYS = """
import asyncio, sys
from pathlib import Path
from adapters.vector_io.milvus import BACKEND, Options
from tests.adapters.vector_io.plenty import some_chunks

async def main():
    backend = BACKEND.open("main", Options(uri="store"), Path(sys.argv[1]))
    await backend.start()
    await backend.create("vs_of-the-test", 8)
    await backend.write("vs_of-the-test", some_chunks(30))
    print("written", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def children() -> dict[int, list[str]]:
    """Processes of Milvus Lite by their ids."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            if "adapters.vector_io.milvus.lite_server" in words:
                found[int(folder.name)] = words
    return found


def child_over(folder: Path) -> list[int]:
    return [pid for pid, command in children().items() if str(folder) in command]


async def test_milvus_lite_is_started_again_after_a_crash_and_ends_with_the_backend(tmp_path: Path) -> None:
    backend = BACKEND.open("main", Options(uri="store"), tmp_path)
    await backend.start()
    chunks = some_chunks(30)
    await backend.create(STORE, 8)
    await backend.write(STORE, chunks)
    (process,) = child_over(tmp_path / "store")
    os.kill(process, signal.SIGKILL)
    await once_it_is_back(backend, STORE)
    assert ids(await backend.nearest(STORE, chunks[3].vector, 1)) == ["chunk-3"]
    assert ids(await backend.matching(STORE, chunks[4].text, 1)) == ["chunk-4"]
    assert await backend.count(STORE) == 30
    await backend.close()
    assert child_over(tmp_path / "store") == []


def left_by_a_killed_gateway(folder: Path) -> int:
    """The Milvus Lite of one that was killed: its end takes until it may go on."""
    with subprocess.Popen([sys.executable, "-c", WRITES_AND_STAYS, str(folder)], stdout=subprocess.PIPE) as gateway:
        assert gateway.stdout is not None
        assert gateway.stdout.readline() == b"written\n"
        (process,) = child_over(folder / "store")
        os.kill(process, signal.SIGSTOP)
        Path(children()[process][-2]).unlink()  # as it does itself, first of all
        gateway.kill()
    return process


async def test_the_next_gateway_waits_until_the_milvus_lite_of_a_killed_one_has_ended(tmp_path: Path) -> None:
    process = left_by_a_killed_gateway(tmp_path)
    backend = BACKEND.open("main", Options(uri="store"), tmp_path)
    starting = asyncio.create_task(backend.start())
    await asyncio.sleep(1)
    assert child_over(tmp_path / "store") == [process]
    os.kill(process, signal.SIGCONT)
    await starting
    assert await backend.count(STORE) == 30
    await backend.close()


async def test_of_two_gateways_the_second_takes_over(tmp_path: Path) -> None:
    first, second = (BACKEND.open("main", Options(), tmp_path) for _ in range(2))
    await first.start()
    await second.start()
    assert len(child_over(tmp_path)) == 1
    await first.create(STORE, 8)
    await first.write(STORE, some_chunks(5))
    assert await second.count(STORE) == 5
    await first.close()
    await once_it_is_back(second, STORE)
    assert await second.count(STORE) == 5
    await second.close()


async def test_a_server_that_is_not_there_is_unavailable_without_saying_where() -> None:
    backend = BACKEND.open("main", Options(uri="http://127.0.0.1:1", token="u:very-secret", timeout_seconds=1), Path())
    with pytest.raises(BackendUnavailable) as refused:
        await backend.start()
    assert str(refused.value) == "main: Milvus can't be reached"
    await backend.close()


async def test_a_folder_of_sockets_that_others_may_enter_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"isthmus-milvus-{os.getuid()}").mkdir(mode=0o755)
    backend = BACKEND.open("main", Options(), tmp_path / "store")
    with pytest.raises(BackendUnavailable, match="is not this user's alone"):
        await backend.start()
    await backend.close()


async def test_a_folder_that_another_program_has_open_is_told(tmp_path: Path) -> None:
    other = MilvusLite(str(tmp_path))
    backend = BACKEND.open("main", Options(), tmp_path)
    with pytest.raises(BackendUnavailable, match="another program may have it open"):
        await backend.start()
    other.close()
    await backend.start()
    await backend.close()


async def test_a_worker_that_starts_nothing_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lite, "_START_SECONDS", 0.1)
    worker = lite.Lite(tmp_path)
    assert worker._locked()
    backend = BACKEND.open("main", Options(), tmp_path)
    with pytest.raises(BackendUnavailable, match="does not start it"):
        await backend.start()
    worker.close()
    await backend.close()


async def test_a_milvus_lite_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lite, "_STOP_SECONDS", 0.2)
    backend = BACKEND.open("main", Options(), tmp_path)
    await backend.start()
    (process,) = child_over(tmp_path)
    os.kill(process, signal.SIGSTOP)
    await backend.close()
    assert child_over(tmp_path) == []


def test_what_keeps_it_from_answering_is_told_by_its_name_and_not_its_place() -> None:
    milvus = Milvus("main", Options(), shared())

    def call(collections: object) -> None:
        grpc.insecure_channel("unix:/nowhere").unary_unary("/a/b")(b"")

    def read(collections: object) -> None:
        Path("/nowhere").read_bytes()

    for work, why in ((call, "UNAVAILABLE"), (read, "FileNotFoundError")):
        with pytest.raises(BackendUnavailable) as told:
            milvus.ask(work, {})
        assert str(told.value) == f"main: Milvus can't be reached: {why}"
    milvus.close()


async def test_a_store_that_can_not_be_made_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collections, "_OTHERS_SECONDS", 0.1)
    backend = BACKEND.open("main", Options(), shared())
    with pytest.raises(BackendUnavailable, match="main: Milvus answers"):
        await backend.create("vs_flat", 0)
    await backend.close()


async def test_a_file_that_is_taken_out_while_it_is_described_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = BACKEND.open("main", Options(), shared())
    await backend.create("vs_described", 8)
    await backend.write("vs_described", some_chunks(3))
    get = MilvusClient.get

    def take_out_and_get(client: MilvusClient, name: str, ids: list[str], **options: Any) -> Any:
        client.delete(name, ids=ids)
        return get(client, name, ids, **options)

    monkeypatch.setattr(MilvusClient, "get", take_out_and_get)
    await backend.describe("vs_described", "file-0", {"colour": "red"})
    assert await backend.count("vs_described") == 0
    await backend.drop("vs_described")
    await backend.close()


def test_the_process_serves_until_nobody_holds_it_any_more(tmp_path: Path) -> None:
    socket = tmp_path / "socket"
    command = [sys.executable, "-m", "adapters.vector_io.milvus.lite_server", str(tmp_path / "store"), str(socket)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"ready\n"
        connection = Collections(30, uri=f"unix:{socket}")
        connection.create(STORE, 8)
        connection.write(STORE, some_chunks(3))
        assert connection.count(STORE, None) == 3
        connection.close()
        process.stdin.close()
        assert process.wait(30) == 0
    assert not socket.exists()


def test_the_options_do_not_show_the_token() -> None:
    shown = repr(Options(uri="https://u:very-secret@host", token="u:very-secret"))
    assert "very-secret" not in shown


async def test_calls_leave_the_event_loop_free() -> None:
    backend = BACKEND.open("main", Options(), shared())
    await backend.start()
    chunks = some_chunks(300, 64)
    await backend.create("stall", 64)

    async def work() -> None:
        await asyncio.gather(*(backend.write("stall", chunks[at : at + 100]) for at in (0, 100, 200)))
        await backend.nearest("stall", chunks[0].vector, 50)
        await backend.matching("stall", chunks[0].text, 50)

    assert await longest_stall(work) < FREE_SECONDS
    await backend.drop("stall")
    await backend.close()


@given(st.text("aZ09-_", max_size=6), st.text("aZ09-_", max_size=6))
def test_other_stores_have_another_collection(one: str, other: str) -> None:
    assert (collection(one) == collection(other)) == (one == other)


def test_words_that_an_analyzer_would_split_are_hashed() -> None:
    plain, marked = _terms(words("cat हिन्दी")).split(" ")
    assert plain == "cat"
    assert marked.isascii()
    assert marked.isalnum()


def test_the_words_of_a_very_long_text_are_cut_between_two() -> None:
    terms = _terms(words(" ".join(f"w{number:05}" for number in range(20_000))))
    assert _LONGEST - 7 <= len(terms) <= _LONGEST
    assert {len(term) for term in terms.split(" ")} == {6}
