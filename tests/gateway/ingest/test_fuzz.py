"""Documents that somebody or something has damaged: each ends in time, in its text or in a reason."""

import io
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.ingest.contract import FileRefused
from tests.gateway.ingest import documents
from tests.gateway.ingest.desk import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = {
    "heron.pdf": documents.a_pdf("It stands in water.", "It nests in trees."),
    "heron.docx": documents.a_docx(),
    "heron.pptx": documents.a_pptx(),
    "prices.xlsx": documents.an_xlsx(),
    "heron.html": documents.A_PAGE,
}
INNER = {
    "heron.docx": "word/document.xml",
    "heron.pptx": "ppt/slides/slide1.xml",
    "prices.xlsx": "xl/sharedStrings.xml",
}
PIECES = st.one_of(
    st.binary(min_size=1, max_size=40), st.sampled_from([b"\xff" * 30, b"<<", b"]]>", b"&a;", b"9" * 20])
)
DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), PIECES), min_size=1, max_size=5)
SETTINGS = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def damaged(content: bytes, damage: list[tuple[float, int, bytes]]) -> bytes:
    """Some bytes taken out, and others put there."""
    for place, length, piece in damage:
        start = int(place * len(content))
        content = content[:start] + piece + content[start + length :]
    return content


async def ends(desk: Desk, content: bytes, name: str) -> None:
    """Have it read: it ends well, or for a reason that is the file's."""
    try:
        text, fault = await desk.text(content, name), None
    except FileRefused as refused:
        text, fault = "", refused
    assert fault is None or fault.code in ("invalid_file", "unsupported_file")
    assert fault is None or "longer" not in fault.message
    assert fault is not None or text.strip()
    assert "\x00" not in text


@SETTINGS
@given(st.sampled_from(sorted(GOOD)), DAMAGE)
async def test_damaged_files_end(desk: Desk, name: str, damage: list[tuple[float, int, bytes]]) -> None:
    await ends(desk, damaged(GOOD[name], damage), name)


@SETTINGS
@given(st.sampled_from(sorted(INNER)), DAMAGE)
async def test_documents_damaged_within_end(desk: Desk, name: str, damage: list[tuple[float, int, bytes]]) -> None:
    with zipfile.ZipFile(io.BytesIO(GOOD[name])) as archive:
        content = archive.read(INNER[name])
    await ends(desk, documents.with_entry(GOOD[name], INNER[name], damaged(content, damage)), name)


@SETTINGS
@given(st.binary(max_size=300), st.sampled_from(["a.txt", "a.pdf", "a.docx", "a.html", "a.xls", "a"]))
async def test_bytes_of_any_kind_end(desk: Desk, content: bytes, name: str) -> None:
    await ends(desk, content, name)
