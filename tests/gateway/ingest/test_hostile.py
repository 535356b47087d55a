"""Files that mean harm: each fails with a reason, and the next file is read as if nothing had been."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.ingest import landlock
from gateway.ingest.contract import Chunking, TryLater
from tests.gateway.ingest import documents
from tests.gateway.ingest.desk import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

LAUGHS = """<?xml version="1.0"?><!DOCTYPE w:document [<!ENTITY a0 "ha">{}]>
<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>&a9;</w:t>
</w:r></w:p></w:body></w:document>""".format("".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)))
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE w:document [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>said &a;</w:t>
</w:r></w:p></w:body></w:document>"""
A_LIBRARY = """
import io, os, signal, socket, sys, time, zipfile
def _is_open(number):
    try: os.fstat(number)
    except OSError: return False
    return True
def Presentation(path):
    OURS = [number for number in range(3, 20) if _is_open(number)]
    assert len(OURS) == 2  # where to answer, and the text
    exec(zipfile.ZipFile(path).read("ppt/presentation.xml"), globals() | locals())
    return type("Presentation", (), {"slides": []})
"""
"""A library with the worst of faults: it does what a file says."""


needs_landlock = pytest.mark.skipif(landlock.version() < 6, reason="this kernel has no Landlock, or an early one")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def broken(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """A desk with that library, and little patience."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "pptx.py").write_text(A_LIBRARY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        patch.setenv("A_PROVIDERS_KEY", "secret")
        desk = Desk(folder, seconds=1, memory_bytes=300_000_000, parallel=2)
        assert "secret" not in await said_by(desk, "pass")
        yield desk
        await desk.close()


async def said_by(desk: Desk, program: str) -> str:
    """What becomes of a file with a program in it."""
    return (await desk.refused(documents.packed(ppt__presentation=program.encode()), "show.pptx")).message


def tells(value: str) -> str:
    """A program that fails if a value is true: the only word that comes out of a child."""
    return f"if {value}: os._exit(9)"


async def is_well(desk: Desk) -> bool:
    """Whether the next file is read."""
    return await desk.text(b"still here", "next.txt") == "still here"


BROKE = "It broke the process that read it."
NO_TEXT = "There is no text in it. Pages that are pictures have to be read by an OCR program first."


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("while True: pass", "Reading it took longer than 1 seconds."),
        ("time.sleep(60)", "Reading it took longer than 1 seconds."),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)", "Reading it took longer than 1 seconds."),
        ("os.kill(os.getpid(), signal.SIGSEGV)", BROKE),
        ("os.abort()", BROKE),
        ("os._exit(0)", BROKE),
        ("sys.exit(1)", BROKE),
        ("os.kill(os.getpid(), signal.SIGKILL)", "The process that read it was killed."),
        ("os.closerange(3, 100); time.sleep(60)", "The process that read it was killed."),
        ("kept = bytearray(400_000_000)", "Reading it takes more than 300000000 bytes of memory."),
        (
            "kept = []\nwhile True: kept.append(bytes(1_000_000))",
            "Reading it takes more than 300000000 bytes of memory.",
        ),
        ("def again(): again()\nagain()", "It is no readable pptx file."),
        ("kept = [open(os.devnull) for _ in range(1_000)]", "It is no readable pptx file."),
        ("os.write(1, b'x' * 100); print('x')", NO_TEXT),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 60 else "",
)
async def test_what_breaks_a_library_fails_that_file_alone(broken: Desk, program: str, reason: str) -> None:
    said = await said_by(broken, program)
    assert said == reason
    assert await is_well(broken)


@pytest.mark.parametrize(
    "value",
    [
        "any('secret' in value for value in os.environ.values())",
        "any(_is_open(number) for number in range(3, 4_096) if number not in OURS)",
        "os.nice(0) < 10",
    ],
)
async def test_a_file_finds_no_secret_and_no_open_file(broken: Desk, value: str) -> None:
    assert await said_by(broken, tells(value)) == NO_TEXT
    assert await said_by(broken, tells(f"not ({value})")) == BROKE


@needs_landlock
@pytest.mark.parametrize(
    "program",
    [
        "open('/proc/self/environ', 'rb')",
        "open(f'/proc/{os.getppid()}/environ', 'rb')",
        "open('/etc/passwd')",
        "os.listdir('/')",
        "os.listdir(os.path.dirname(path))",
        "open(path, 'ab')",
        "open(path + '.more', 'w')",
        "os.unlink(path)",
        "os.kill(os.getppid(), signal.SIGTERM)",
        "socket.create_connection(('127.0.0.1', 9), 1)",
    ],
)
async def test_a_file_gets_at_nothing_but_itself(broken: Desk, program: str) -> None:
    refused = f"try: {program}\nexcept PermissionError: os._exit(9)"
    assert await said_by(broken, refused) == BROKE
    assert await is_well(broken)


async def test_a_file_reaches_no_network(broken: Desk) -> None:
    reached = asyncio.Event()
    server = await asyncio.start_server(lambda reader, writer: reached.set(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    said = await said_by(broken, f"socket.create_connection(('127.0.0.1', {port}), 1)\nos._exit(9)")
    server.close()
    assert said != BROKE
    assert not reached.is_set()


async def test_nothing_of_one_file_is_there_for_the_next(broken: Desk) -> None:
    assert await said_by(broken, "sys.modules['__main__'].left = 1; os.environ['LEFT'] = '1'") == NO_TEXT
    assert await said_by(broken, tells("'LEFT' in os.environ or hasattr(sys.modules['__main__'], 'left')")) == NO_TEXT


async def test_slow_files_do_not_hold_up_others(broken: Desk) -> None:
    slow = asyncio.create_task(said_by(broken, "time.sleep(60)"))
    began = time.monotonic()
    assert await is_well(broken)
    assert not slow.done()
    assert "longer than 1 seconds" in await slow
    assert time.monotonic() - began < 20


async def test_a_reading_that_is_cancelled_ends(broken: Desk) -> None:
    assert await is_well(broken)
    reading = asyncio.create_task(said_by(broken, "time.sleep(60)"))
    await _until(lambda: _children(_process(broken)) != [])
    (child,) = _children(_process(broken))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await _until(lambda: not _is_alive(child))
    assert await is_well(broken)


async def test_the_process_is_started_again_after_it_died(broken: Desk) -> None:
    assert await is_well(broken)
    reading = asyncio.create_task(said_by(broken, "time.sleep(60)"))
    await _until(lambda: _children(_process(broken)) != [])
    (child,) = _children(_process(broken))
    os.kill(_process(broken), signal.SIGKILL)
    with pytest.raises(TryLater):
        await reading
    assert await is_well(broken)
    await _until(lambda: not _is_alive(child))


async def test_a_zip_bomb_is_not_unpacked(desk: Desk) -> None:
    refused = await desk.refused(documents.a_zip_bomb(), "heron.docx")
    assert refused.message == "It would unpack to far more than a document has."
    assert await is_well(desk)


async def test_a_smaller_bomb_meets_the_bound_of_memory(desk: Desk) -> None:
    bomb = documents.with_entry(documents.a_docx(), "word/document.xml", b"<a>" + b"<b/>" * 8_000_000)
    refused = await desk.refused(bomb, "heron.docx")
    assert refused.code == "invalid_file"
    assert refused.message == "Reading it takes more than 300000000 bytes of memory."
    assert await is_well(desk)


@pytest.mark.parametrize("name", ["word/document.xml", "word/styles.xml"])
async def test_entities_are_not_unfolded(desk: Desk, name: str) -> None:
    content = documents.with_entry(documents.a_docx(), name, LAUGHS.encode())
    refused_or_read = await asyncio.gather(desk.text(content, "heron.docx"), return_exceptions=True)
    assert len(str(refused_or_read[0])) < 1_000
    assert await is_well(desk)


async def test_entities_lead_to_no_other_file(desk: Desk) -> None:
    content = documents.with_entry(documents.a_docx(), "word/document.xml", OUTSIDE.encode())
    text = await asyncio.gather(desk.text(content, "heron.docx"), return_exceptions=True)
    assert "root:" not in str(text[0])


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<div>" * 300_000 + b"deep", "deep.html"),
        (b"<!--" * 500_000, "comments.html"),
        (b"<a href=" * 300_000, "quotes.html"),
        (b"[" * 2_000_000, "deep.json"),
        (documents.of_objects(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[2 0 R]/Count 9>>"]), "loop.pdf"),
        (documents.of_objects(["<</Type/Catalog/Pages 2 0 R>>", "[" * 200_000 + "]" * 200_000]), "deep.pdf"),
        (
            documents.of_objects(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 2147483647>>"]),
            "many.pdf",
        ),
        (documents.packed(word__document=b"<w>" * 300_000), "deep.docx"),
        (documents.packed(xl__workbook=b"<w>" * 300_000), "deep.xlsx"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_files_made_to_exhaust_a_parser_end(desk: Desk, content: bytes, name: str) -> None:
    (ended,) = await asyncio.gather(desk.text(content, name), return_exceptions=True)
    assert isinstance(ended, str) or "longer" not in str(ended)
    assert await is_well(desk)


async def test_names_lead_nowhere(desk: Desk) -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "a\x00b.pdf", "." * 300, "", "con.txt/..", "x" * 100_000 + ".pdf"):
        (ended,) = await asyncio.gather(desk.text(b"only text", name), return_exceptions=True)
        assert ended == "only text" or "named .pdf" in str(ended)


async def test_nothing_is_left_over_when_it_is_closed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, seconds=2)
    assert await is_well(desk)
    process = _process(desk)
    await desk.close()
    assert not _is_alive(process)
    assert await is_well(desk), "a closed one starts again where somebody asks"
    await desk.close()


A_GATEWAY = """
import asyncio, sys
from pathlib import Path
from config.vector_stores import Ingestion
from gateway.ingest.readers import Readers
async def read():
    readers, (source, text) = Readers(Ingestion()), map(Path, sys.argv[1:])
    reading = asyncio.create_task(readers.extract(source, "slow.txt", text))
    while readers._hand is None:
        await asyncio.sleep(0.01)
    print(readers._hand._process.pid, flush=True)
    await reading
asyncio.run(read())
"""


async def test_nothing_outlives_a_gateway_that_is_killed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slow")  # who opens it waits for somebody who writes
    paths = (str(tmp_path / "slow"), str(tmp_path / "text"))
    gateway = await asyncio.create_subprocess_exec(sys.executable, "-c", A_GATEWAY, *paths, stdout=PIPE)
    assert gateway.stdout is not None
    process = int(await gateway.stdout.readline())
    await _until(lambda: _children(process) != [])
    (child,) = _children(process)
    gateway.kill()
    await gateway.wait()
    await _until(lambda: not _is_alive(process) and not _is_alive(child))


async def test_a_text_that_is_gone_can_be_cut_later(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="can't be read"):
        await desk.readers.chunk(tmp_path / "none", tmp_path / "chunks", Chunking())


def _process(desk: Desk) -> int:
    hand = desk.readers._hand
    assert hand is not None
    return hand._process.pid


def _children(process: int) -> list[int]:
    return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))


async def _until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - another process can set no event
        await asyncio.sleep(0.01)


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
