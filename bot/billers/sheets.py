"""Reads sheets row by row in constant memory: CSV in UTF-8 or GB18030, and XLSX."""

import codecs
import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.billers import xlsx
from bot.billers.cells import COLUMNS_MAX, TOO_WIDE, UNREADABLE, Cell, Trouble, text_cell
from bot.kernel.errors import BadRequest

FILE_BYTES_MAX: Final = 512 << 20
_CHUNK: Final = 1 << 20
_ZIP: Final = b"PK\x03\x04"
# What Excel wrote before 2007, and what it wraps a workbook with a password into.
_OLE: Final = b"\xd0\xcf\x11\xe0"

Row = tuple[int, Sequence[Cell] | Trouble]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet that is being read: its rows with their line numbers, once, and what the reader left out."""

    rows: Iterator[Row]
    notes: tuple[str, ...] = ()


@contextmanager
def opened(path: Path) -> Iterator[Sheet]:
    """Open a file as a sheet, by its content and not by its name.

    What cannot be read from some line on ends the rows with a ``Trouble``. Raises BadRequest for a file that is no
    sheet at all.
    """
    if not path.is_file():
        raise BadRequest("file_missing", f"there is no file {path.name}")
    if path.stat().st_size > FILE_BYTES_MAX:
        raise BadRequest("file_too_large", f"split the file: at most {FILE_BYTES_MAX >> 20} MiB")
    with path.open("rb") as file:
        head = file.read(len(_ZIP))
    if head == _OLE:
        raise BadRequest("file_xls", "save the workbook as .xlsx, without a password")
    if head == _ZIP:
        with xlsx.opened(path) as book:
            left_out = f"只读取了第一张工作表“{book.sheet}”" if book.sheets > 1 else None
            yield Sheet(book.rows(), (left_out,) if left_out else ())
        return
    with path.open(newline="", encoding=_encoding(path), errors="strict") as text:
        yield Sheet(_csv(text))


def _encoding(path: Path) -> str:
    """Return the encoding of a CSV: UTF-8 if the whole file is, else GB18030."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        head = file.read(_CHUNK)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise BadRequest("file_encoding", "save the file as CSV UTF-8")
        try:
            part = head
            while part:
                decoder.decode(part)
                part = file.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "gb18030"
    return "utf-8-sig"


def _csv(file: Iterator[str]) -> Iterator[Row]:
    reader = csv.reader(file)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (UnicodeDecodeError, csv.Error):
            yield reader.line_num + 1, UNREADABLE
            return
        yield reader.line_num, [text_cell(cell) for cell in cells] if len(cells) <= COLUMNS_MAX else TOO_WIDE
