"""Reads bill files row by row: CSV in UTF-8 or GB18030, and XLSX, in constant memory."""

import codecs
import csv
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import openpyxl

from bot.kernel.errors import BadRequest

ROWS_MAX: Final = 1_000_000
COLUMNS_MAX: Final = 60
_CELL_MAX: Final = 500
_SNIFFED: Final = 1 << 20
# An XLSX that unpacks to more than this is a bomb, not a bill file.
_UNPACKED_MAX: Final = 2 << 30


@contextmanager
def rows_of(path: Path) -> Iterator[Iterator[tuple[int, Sequence[str]]]]:
    """Yield an iterator of (line number, cells as text); raises BadRequest for a file that cannot be read."""
    if not path.is_file():
        raise BadRequest("file_missing", f"there is no file {path.name}")
    if path.suffix.casefold() in (".xlsx", ".xlsm"):
        with _xlsx(path) as rows:
            yield rows
        return
    with path.open(newline="", encoding=_encoding(path), errors="strict") as file:
        yield _csv(file)


def _encoding(path: Path) -> str:
    """Return the encoding of a CSV: what a byte-order mark says, else UTF-8 if its head is, else GB18030."""
    with path.open("rb") as file:
        head = file.read(_SNIFFED)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(head)
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _csv(file: Iterator[str]) -> Iterator[tuple[int, Sequence[str]]]:
    reader = csv.reader(file)
    try:
        for cells in reader:
            _bounded(reader.line_num, cells)
            yield reader.line_num, [cell.strip() for cell in cells]
    except UnicodeDecodeError as fault:
        raise BadRequest("file_encoding", "save the file as UTF-8 or GB18030 (GBK)") from fault
    except csv.Error as fault:
        raise BadRequest("file_csv", f"line {reader.line_num}: {fault}") from fault


@contextmanager
def _xlsx(path: Path) -> Iterator[Iterator[tuple[int, Sequence[str]]]]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _UNPACKED_MAX:
                raise BadRequest("file_too_large", "split the workbook")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, OSError) as fault:
        raise BadRequest("file_xlsx", "this is no XLSX workbook; save it again from the spreadsheet program") from fault
    try:
        sheet = book.worksheets[0]
        yield _sheet_rows(sheet.iter_rows(values_only=True))
    finally:
        book.close()


def _sheet_rows(rows: Iterator[Sequence[object]]) -> Iterator[tuple[int, Sequence[str]]]:
    for number, cells in enumerate(rows, start=1):
        _bounded(number, cells)
        yield number, [_cell(cell) for cell in cells]


def _cell(value: object) -> str:
    """Return a cell as text; numbers without exponent, dates as ISO."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        # A spreadsheet keeps 128.5 as binary; its shortest form is what the person typed.
        return format(Decimal(repr(value)).normalize(), "f")
    return str(value).strip()


def _bounded(number: int, cells: Sequence[object]) -> None:
    if number > ROWS_MAX:
        raise BadRequest("file_too_long", f"split the file: at most {ROWS_MAX} rows")
    if len(cells) > COLUMNS_MAX:
        raise BadRequest("file_too_wide", f"line {number}: at most {COLUMNS_MAX} columns")
    if any(isinstance(cell, str) and len(cell) > _CELL_MAX for cell in cells):
        raise BadRequest("file_cell", f"line {number}: a cell has more than {_CELL_MAX} characters")
