"""Documents of every kind, made here so that what they say is known."""

import copy
import io
import zipfile
from collections.abc import Sequence

import docx
import pptx
import xlsxwriter
from docx.enum.text import WD_BREAK
from pptx.util import Inches


def a_pdf(*pages: str) -> bytes:
    """A PDF with a line of Latin text on each page."""
    kids = " ".join(f"{3 + 2 * place} 0 R" for place in range(len(pages)))
    objects = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>"]
    font = 3 + 2 * len(pages)
    for place, words in enumerate(pages):
        drawn = f"BT /F1 12 Tf 40 700 Td ({words}) Tj ET"
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents {4 + 2 * place} 0 R"
            f"/Resources<</Font<</F1 {font} 0 R>>>>>>"
        )
        objects.append(f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream")
    objects.append("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    return of_objects(objects)


def of_objects(objects: Sequence[str]) -> bytes:
    """A PDF with these objects, numbered from 1, of which the first is the catalogue."""
    written = b"%PDF-1.7\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(written))
        written += f"{number} 0 obj{content}endobj\n".encode("latin-1")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer<</Size {size}/Root 1 0 R>>\nstartxref\n{len(written)}\n"
    return written + end.encode() + b"%%EOF"


def a_docx() -> bytes:
    """A Word document with a title, headings, a list, a table and two pages."""
    document = docx.Document()
    document.add_heading("The Heron", 0)
    document.add_heading("Where it lives", 1)
    document.add_paragraph("It stands in shallow water.")
    document.add_paragraph("reeds", style="List Bullet")
    table = document.add_table(2, 2)
    for place, words in enumerate(("food", "share", "fish", "most")):
        table.cell(place // 2, place % 2).text = words
    document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    document.add_paragraph("It nests in trees.")
    return _saved(document)


def a_pptx() -> bytes:
    """Two slides: one with notes, one with a table."""
    show = pptx.Presentation()
    first = show.slides.add_slide(show.slide_layouts[1])
    first.shapes.title.text = "The Heron"
    first.placeholders[1].text = "It stands in shallow water."
    first.notes_slide.notes_text_frame.text = "Wait a moment here."
    second = show.slides.add_slide(show.slide_layouts[5])
    second.shapes.title.text = "Food"
    table = second.shapes.add_table(1, 2, 0, 0, Inches(2), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "fish", "most"
    return _saved(show)


def an_xlsx() -> bytes:
    """Two sheets, one of them empty."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file)
    sheet = book.add_worksheet("Prices")
    for place, row in enumerate((("fruit", "price"), ("pear", 3), ("fig", 2.5))):
        sheet.write_row(place, 0, row)
    book.add_worksheet("Nothing")
    book.close()
    return file.getvalue()


A_PAGE = b"""<!doctype html><html><head><title>Herons</title><style>p{}</style></head><body>
<h1>The <b>Heron</b></h1><p>It stands in<br>shallow&nbsp;water.</p><ul><li>reeds<li>rivers</ul>
<table><tr><th>food<th>share</tr><tr><td>fish<td>most</tr></table><script>hidden()</script>end</body></html>"""


def packed(**entries: bytes) -> bytes:
    """An Office document of this kind of package; `word__document` is the entry word/document.xml."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for name, content in entries.items():
            archive.writestr(name.replace("__", "/") + ".xml", content)
    return file.getvalue()


def a_zip_bomb() -> bytes:
    """A Word document of 10 kB that unpacks to a gigabyte."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", bytes(11_000_000))
        for number in range(100):  # each of them the same bytes of the archive
            again = copy.copy(archive.filelist[-1])
            again.filename = f"word/{number}.xml"
            archive.filelist.append(again)
    return file.getvalue()


def with_entry(document: bytes, name: str, content: bytes) -> bytes:
    """A document with one entry replaced."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(document)) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, content if entry.filename == name else source.read(entry))
    return file.getvalue()


def _saved(document: "docx.document.Document | pptx.presentation.Presentation") -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()
