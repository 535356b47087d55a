"""What is read out of each kind of file, by the process that does it."""

import json

import pytest

from tests.gateway.ingest import documents
from tests.gateway.ingest.desk import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTED = ("c", "cpp", "cs", "css", "csv", "go", "java", "js", "json", "md", "php", "py", "rb", "sh", "tex", "ts", "txt")
"""Of OpenAI's supported files, those that are text: https://platform.openai.com/docs/assistants/tools/file-search."""


@pytest.mark.parametrize("suffix", LISTED)
async def test_text_stays_as_it_is(desk: Desk, suffix: str) -> None:
    written = 'if (a < b) { say("\u00fc\u4f60"); }\n\n\tend % <html>\n'
    extracted, text = await desk.extracted(written.encode(), f"work.{suffix}")
    assert (extracted.format, text) == ("text", written)


async def test_a_pdf_is_read_page_by_page(desk: Desk) -> None:
    extracted, text = await desk.extracted(documents.a_pdf("It stands in water.", "It nests in trees."), "heron.pdf")
    assert extracted.format == "pdf"
    assert [page.strip() for page in text.split("\f")] == ["It stands in water.", "It nests in trees."]


async def test_a_word_document_keeps_headings_lists_tables_and_pages(desk: Desk) -> None:
    extracted, text = await desk.extracted(documents.a_docx(), "heron.docx")
    assert extracted.format == "docx"
    first, second = text.split("\f")
    assert [line for line in first.splitlines() if line] == [
        "# The Heron",
        "# Where it lives",
        "It stands in shallow water.",
        "- reeds",
        "food | share",
        "fish | most",
    ]
    assert second.strip() == "It nests in trees."


async def test_slides_are_read_with_their_notes_and_tables(desk: Desk) -> None:
    extracted, text = await desk.extracted(documents.a_pptx(), "heron.pptx")
    assert extracted.format == "pptx"
    first, second = ([line for line in slide.splitlines() if line] for slide in text.split("\f"))
    assert first == ["## The Heron", "It stands in shallow water.", "Wait a moment here."]
    assert second == ["## Food", "fish | most"]


async def test_a_workbook_is_read_sheet_by_sheet(desk: Desk) -> None:
    extracted, text = await desk.extracted(documents.an_xlsx(), "prices.xlsx")
    assert extracted.format == "xlsx"
    assert [line for line in text.splitlines() if line.strip()] == [
        "## Prices",
        "fruit | price",
        "pear | 3",
        "fig | 2.5",
    ]


async def test_a_page_is_read_as_a_browser_shows_it(desk: Desk) -> None:
    extracted, text = await desk.extracted(documents.A_PAGE, "heron.html")
    assert extracted.format == "html"
    assert text == (
        "# Herons\n\n# The Heron\n\nIt stands in\nshallow water.\n\n- reeds\n- rivers\n\n"
        "food | share\nfish | most\n\nend\n"
    )


@pytest.mark.parametrize(
    ("content", "name"),
    [(documents.a_pdf("Water"), "notes.txt"), (documents.a_docx(), "heron"), (documents.A_PAGE, "index")],
    ids=["pdf", "docx", "html"],
)
async def test_content_counts_more_than_a_name(desk: Desk, content: bytes, name: str) -> None:
    extracted, _ = await desk.extracted(content, name)
    assert extracted.format in ("pdf", "docx", "html")


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-8-sig", "Grüße aus Köln"),
        ("utf-16", "Grüße aus Köln"),
        ("utf-32", "Grüße aus Köln"),
        ("utf-16-le", "Hello from the river, where herons are."),
        ("cp1251", "Привет, мир. Это проверка кодировки текста на русском языке."),
        (
            "shift_jis",
            "これは日本語の文章です。東京都に住んでいる人は多いです。カタカナとひらがなと漢字が混ざっています。",
        ),
    ],
)
async def test_texts_of_other_encodings_are_read(desk: Desk, encoding: str, words: str) -> None:
    assert await desk.text(words.encode(encoding), "words.txt") == words


async def test_a_page_in_another_encoding_is_read(desk: Desk) -> None:
    page = "<html><body><p>Привет, мир. Это проверка кодировки текста на русском языке.</p></body></html>"
    assert "Это проверка кодировки" in await desk.text(page.encode("cp1251"), "index.html")


async def test_a_page_is_believed_that_says_what_it_is_written_in(desk: Desk) -> None:
    page = "<html><head><meta charset='shift_jis'></head><body><p>サギは水の中に立つ。</p></body></html>"
    assert "サギは水の中に立つ。" in await desk.text(page.encode("shift_jis"), "index.html")


@pytest.mark.parametrize("name", ["no-such-thing", "rot13", "undefined", "utf-8"])
async def test_a_page_that_says_nonsense_is_read_all_the_same(desk: Desk, name: str) -> None:
    page = f"<html><head><meta charset='{name}'></head><body><p>Grüße aus Köln</p></body></html>"
    assert "Grüße aus Köln" in await desk.text(page.encode(), "index.html")
    assert "aus K" in await desk.text(page.encode("latin-1"), "index.html")


async def test_a_byte_that_is_wrong_costs_no_more_than_itself(desk: Desk) -> None:
    lines = "The heron, le héron, waits in the water.\n" * 5_000
    text = await desk.text(lines.encode() + b"\xff\n" + lines.encode(), "log.txt")
    assert text == f"{lines}\ufffd\n{lines}"


async def test_a_letter_late_in_a_text_tells_what_it_is_written_in(desk: Desk) -> None:
    lines = "name;number\n" * 10_000 + "Müller;1\nSchäfer;2\nGrößing;3\n" * 20
    assert await desk.text(lines.encode("latin-1"), "rows.csv") == lines


async def test_white_space_before_a_text_does_no_harm(desk: Desk) -> None:
    assert (await desk.text(b" " * 10_000 + b"heron", "late.txt")).strip() == "heron"


async def test_text_has_line_feeds_alone_and_no_characters_that_databases_refuse(desk: Desk) -> None:
    written = "one and two\r\n" * 20 + "three\x00\x07 four\ufeff\rfive\n"
    wanted = "one and two\n" * 20 + "three four\nfive\n"
    assert await desk.text((written * 5_000).encode(), "lines.txt") == wanted * 5_000


async def test_json_is_not_changed(desk: Desk) -> None:
    written = json.dumps({"a": [1, 2, {"b": "ü"}]})
    assert await desk.text(written.encode(), "data.json") == written


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "empty.txt", "invalid_file"),
        (b" \n\t ", "blank.txt", "invalid_file"),
        (documents.a_pdf(""), "scan.pdf", "invalid_file"),
        (b"<html><script>x()</script></html>", "page.html", "invalid_file"),
        (b"no such document", "heron.pdf", "invalid_file"),
        (b"no such document", "heron.docx", "invalid_file"),
        (documents.a_docx()[:-200], "heron.docx", "invalid_file"),
        (documents.packed(word__document=b"<no"), "heron.docx", "invalid_file"),
        (b"%PDF-1.7\nnothing", "heron.pdf", "invalid_file"),
        (documents.packed(other=b"<a/>"), "things.zip", "unsupported_file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000), "old.doc", "unsupported_file"),
        (b"{\\rtf1 Hello}", "note.rtf", "unsupported_file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "heron.png", "unsupported_file"),
        (bytes(range(256)) * 200, "noise.txt", "unsupported_file"),
        (b"\x7fELF" + bytes(5_000), "tool", "unsupported_file"),
    ],
)
async def test_what_cannot_be_read_is_refused_with_the_reason(desk: Desk, content: bytes, name: str, code: str) -> None:
    refused = await desk.refused(content, name)
    assert refused.code == code
    assert refused.message.endswith(".")


async def test_a_password_is_told_of(desk: Desk) -> None:
    locked = documents.of_objects(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 0>>"]).replace(
        b"/Root 1 0 R",
        b"/Root 1 0 R/ID[<00><00>]/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -4"
        b"/O<%s>/U<%s>>>" % (b"00" * 32, b"00" * 32),
    )
    assert "password" in (await desk.refused(locked, "locked.pdf")).message


async def test_a_longer_text_than_is_allowed_is_refused(desk: Desk) -> None:
    assert "5000000 bytes of text" in (await desk.refused(b"long " * 1_100_000, "long.txt")).message
