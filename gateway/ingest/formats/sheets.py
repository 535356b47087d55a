"""Reads workbooks of Excel with calamine: https://github.com/dimastbk/python-calamine."""

from datetime import datetime
from pathlib import Path
from typing import Any

from python_calamine import CalamineSheet, CalamineWorkbook

from gateway.ingest.text import Text


def warm() -> None:
    """Nothing is left to load."""


def read(source: Path, text: Text) -> None:
    """Write each sheet under its name, a row in a line."""
    workbook = CalamineWorkbook.from_path(str(source))
    for number, name in enumerate(workbook.sheet_names):
        if number:
            text.page_break()
        _sheet(workbook.get_sheet_by_name(name), text)


def _sheet(sheet: CalamineSheet, text: Text) -> None:
    """Write a sheet; nothing of one that is empty."""
    is_named = False
    for row in sheet.iter_rows():
        cells = [_shown(value) for value in row]
        if any(cells):
            if not is_named:
                text.heading(sheet.name, 2)
            is_named = True
            text.row(cells)


def _shown(value: Any) -> str:
    """A cell as a reader of the workbook would see it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ", "auto")
    return str(value)
