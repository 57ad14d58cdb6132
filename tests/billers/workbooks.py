"""Writes XLSX workbooks by hand, with everything that a spreadsheet program or an attacker may put into one."""

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from bot.billers.cells import Trouble
from bot.billers.sheets import opened
from bot.kernel.errors import BadRequest

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def relations(**parts: str) -> str:
    """A part's relations: kind → target."""
    listed = "".join(
        f'<Relationship Id="r{number}" Type="{OFFICE}/{kind.rstrip("_")}" Target="{target}"/>'
        for number, (kind, target) in enumerate(parts.items(), start=1)
    )
    return f'<Relationships xmlns="{PACKAGE}">{listed}</Relationships>'


def workbook(sheets: Sequence[tuple[str, str]] = (("Sheet1", "visible"),), properties: str = "") -> str:
    listed = "".join(
        f'<sheet name="{name}" sheetId="{number}" state="{state}" r:id="r{number}"/>'
        for number, (name, state) in enumerate(sheets, start=1)
    )
    return f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{properties}<sheets>{listed}</sheets></workbook>'


def sheet(rows: str) -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def shared(strings: Iterable[str]) -> str:
    return f'<sst xmlns="{MAIN}">' + "".join(f"<si><t>{escape(text)}</t></si>" for text in strings) + "</sst>"


def styles(*formats: str | int) -> str:
    """One cell style for each format: a built-in number, or a code of one's own."""
    codes = [code for code in formats if isinstance(code, str)]
    numbers = {code: 164 + place for place, code in enumerate(codes)}
    listed = "".join(f'<numFmt numFmtId="{numbers[code]}" formatCode="{escape(code, QUOTES)}"/>' for code in codes)
    cells = "".join(f'<xf numFmtId="{each if isinstance(each, int) else numbers[each]}"/>' for each in formats)
    # The styles of cellStyleXfs must not be taken for those of cells.
    return (
        f'<styleSheet xmlns="{MAIN}"><numFmts>{listed}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        f"<cellXfs>{cells}</cellXfs></styleSheet>"
    )


def read(path: Path) -> list[tuple[int, Any]]:
    """Every row of a file with its number; cells as a list, so that they can be compared."""
    with opened(path) as found:
        return [(number, cells if isinstance(cells, Trouble) else list(cells)) for number, cells in found.rows]


def problem(path: Path) -> str:
    """Why a file is no sheet."""
    with pytest.raises(BadRequest) as refused:
        read(path)
    return refused.value.code


QUOTES = {'"': "&quot;"}


def build(path: Path, rows: str = "", **parts: str | bytes) -> Path:
    """A workbook with one sheet of these rows; further parts by name (``sharedStrings``, ``styles``, ``workbook``)."""
    known = {name: f"{name}.xml" for name in ("sharedStrings", "styles") if name in parts}
    return pack(
        path,
        {
            "_rels/.rels": relations(officeDocument="xl/workbook.xml"),
            "xl/workbook.xml": workbook(),
            "xl/_rels/workbook.xml.rels": relations(worksheet="worksheets/sheet1.xml", **known),
            "xl/worksheets/sheet1.xml": sheet(rows),
        }
        | {f"xl/{name}.xml": body for name, body in parts.items()},
    )


def pack(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            archive.writestr(name, body)
    return path


def of_texts(path: Path, rows: Iterable[Sequence[str]]) -> Path:
    """A workbook as spreadsheet programs write it: every text shared; rows are streamed, the texts are not."""
    numbers: dict[str, int] = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("_rels/.rels", relations(officeDocument="xl/workbook.xml"))
        archive.writestr("xl/workbook.xml", workbook())
        archive.writestr(
            "xl/_rels/workbook.xml.rels", relations(worksheet="worksheets/sheet1.xml", sharedStrings="strings.xml")
        )
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            head, tail = sheet("|").split("|")
            part.write(head.encode())
            for number, row in enumerate(rows, start=1):
                cells = "".join(
                    f'<c r="{chr(65 + place)}{number}" t="s"><v>{numbers.setdefault(text, len(numbers))}</v></c>'
                    for place, text in enumerate(row)
                )
                part.write(f'<row r="{number}">{cells}</row>'.encode())
            part.write(tail.encode())
        archive.writestr("xl/strings.xml", shared(numbers))
    return path
