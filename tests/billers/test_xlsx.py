"""Our reader of workbooks: it sees what the person saw, says so where it cannot, and no file brings it down."""

import itertools
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.billers.cells import (
    COLUMNS_MAX,
    FORMULA,
    NO_NUMBER,
    NO_RESULT,
    TOO_LONG,
    TOO_MANY_DIGITS,
    TOO_WIDE,
    Cell,
    Trouble,
)
from bot.billers.sheets import opened
from tests.billers import workbooks
from tests.billers.workbooks import build, pack, read, relations, shared, sheet, styles, workbook

_names = itertools.count()


def cell(path: Path, xml: str, **parts: str) -> Cell:
    """What one cell says."""
    ((number, cells),) = read(
        build(path / f"{next(_names)}.xlsx", f'<row r="1">{xml}<c r="B1"><v>1</v></c></row>', **parts)
    )
    assert number == 1
    one: Cell = cells[0]
    return one


# --- against the usual library ---------------------------------------------------------------------------------------

texts = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=20).filter(
    lambda text: not text.startswith(("=", "@", "+", "-", "'", "`")) and text == text.strip()
)
cells = st.one_of(
    st.none(),
    texts,
    st.integers(-(10**14), 10**14),
    st.decimals(0, 10**9, places=2),
    st.dates(date(1901, 1, 1), date(2199, 12, 31)),
    st.booleans(),
)


def expected(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value)


# Few, because the library takes long; the cells of one book are many.
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(cells, min_size=1, max_size=6), min_size=1, max_size=6))
def test_what_the_usual_library_writes_we_read(tmp_path: Path, rows: list[list[Any]]) -> None:
    book = openpyxl.Workbook()
    for number, row in enumerate(rows, start=1):
        for place, value in enumerate(row, start=1):
            book.active.cell(number, place, value)  # type: ignore[union-attr]  # A new workbook has an active sheet.
    book.save(tmp_path / "book.xlsx")

    found = dict(read(tmp_path / "book.xlsx"))

    for number, row in enumerate(rows, start=1):
        said = [expected(value) for value in row]
        while said and not said[-1]:
            said.pop()
        assert found.get(number, []) == said


def test_what_we_write_the_usual_library_reads(tmp_path: Path) -> None:
    """So the workbooks of these tests are workbooks."""
    rows = [["账单号", "金额"], ["B1", "128.50"]]
    path = workbooks.of_texts(tmp_path / "book.xlsx", rows)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
            'spreadsheetml.sheet.main+xml"/><Override PartName="/xl/strings.xml" ContentType="application/'
            'vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>',
        )

    book = openpyxl.load_workbook(path)

    assert [[each.value for each in row] for row in book.worksheets[0].iter_rows()] == rows
    assert [row for _, row in read(path)] == rows


# --- numbers, dates, texts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("128.5", "128.5"),
        ("236.40000000000003", "236.4"),
        ("0.30000000000000004", "0.3"),
        ("1.2850000000000001E2", "128.5"),
        ("1E3", "1000"),
        ("100", "100"),
        ("0", "0"),
        ("-0.0", "0"),
        ("-5", "-5"),
        ("512345678", "512345678"),
        ("999999999999999", "999999999999999"),
        ("1E-300", "0"),
        ("0.001", "0.001"),
        ("1E15", TOO_MANY_DIGITS),
        ("6.22202123456789E15", TOO_MANY_DIGITS),
        ("1E999999", TOO_MANY_DIGITS),
        ("1E999999999999999999999", NO_NUMBER),
        ("NaN", NO_NUMBER),
        ("Infinity", NO_NUMBER),
        ("twelve", NO_NUMBER),
        ("", ""),
    ],
)
def test_numbers_as_the_person_saw_them(tmp_path: Path, stored: str, shown: Cell) -> None:
    assert cell(tmp_path, f'<c r="A1"><v>{stored}</v></c>') == shown
    assert cell(tmp_path, f'<c r="A1" t="n"><v>{stored}</v></c>') == shown


@pytest.mark.parametrize(
    ("form", "dated"),
    [
        (14, True),
        (22, True),
        (31, True),
        (57, True),
        (0, False),
        (2, False),
        (4, False),
        (49, False),
        ("yyyy/m/d", True),
        ('yyyy"年"m"月"d"日";@', True),
        ("[$-804]yyyy-mm-dd", True),
        ("mmm-yy", True),
        ("General", False),
        ('0.00"元"', False),
        ('"¥"#,##0.00', False),
        ('"due day"0', False),
        ("[Red]0.00", False),
        ("0000000000", False),
        (r"0\d", False),
    ],
)
def test_a_style_says_whether_a_number_is_a_date(tmp_path: Path, form: str | int, dated: bool) -> None:
    shown = cell(tmp_path, '<c r="A1" s="1"><v>46350</v></c>', styles=styles(0, form))

    assert shown == ("2026-11-24" if dated else "46350")


@pytest.mark.parametrize(
    ("serial", "day"),
    [
        ("1", "1900-01-01"),
        ("59", "1900-02-28"),
        ("61", "1900-03-01"),
        ("46350.5", "2026-11-24"),
        ("2958465", "9999-12-31"),
    ],
)
def test_days_are_counted_as_excel_counts_them(tmp_path: Path, serial: str, day: str) -> None:
    assert cell(tmp_path, f'<c r="A1" s="0"><v>{serial}</v></c>', styles=styles(14)) == day


@pytest.mark.parametrize("serial", ["0", "0.5", "60", "-1", "2958466", "1E14"])
def test_days_that_never_were(tmp_path: Path, serial: str) -> None:
    shown = cell(tmp_path, f'<c r="A1" s="0"><v>{serial}</v></c>', styles=styles(14))

    assert isinstance(shown, Trouble)
    assert "日期" in shown.problem


def test_a_workbook_that_counts_from_1904(tmp_path: Path) -> None:
    book = workbook(properties='<workbookPr date1904="1"/>')

    assert cell(tmp_path, '<c r="A1" s="0"><v>0</v></c>', styles=styles(14), workbook=book) == "1904-01-01"
    assert cell(tmp_path, '<c r="A1" s="0"><v>44888</v></c>', styles=styles(14), workbook=book) == "2026-11-24"


@pytest.mark.parametrize(
    ("xml", "shown"),
    [
        ('<c r="A1" t="s"><v>0</v></c>', "陈晓明"),
        ('<c r="A1" t="s"><v>1</v></c>', "富文本"),
        ('<c r="A1" t="inlineStr"><is><t xml:space="preserve"> 3-2-501 </t></is></c>', "3-2-501"),
        ('<c r="A1" t="inlineStr"><is><r><t>富</t></r><r><t>文本</t></r></is></c>', "富文本"),
        ('<c r="A1" t="str"><f>A2&amp;"x"</f><v>结果</v></c>', "结果"),
        ('<c r="A1" t="str"><f>""</f><v></v></c>', ""),
        ('<c r="A1"><f>98.5*2.4</f><v>236.40000000000003</v></c>', "236.4"),
        ('<c r="A1"><f>98.5*2.4</f></c>', NO_RESULT),
        ('<c r="A1"><f>98.5*2.4</f><v/></c>', NO_RESULT),
        ('<c r="A1" t="str"><f>A2</f></c>', NO_RESULT),
        ('<c r="A1" t="b"><v>1</v></c>', "TRUE"),
        ('<c r="A1" t="d"><v>2026-11-24T00:00:00</v></c>', "2026-11-24"),
        ('<c r="A1" t="inlineStr"><is><t>=HYPERLINK("http://x")</t></is></c>', FORMULA),
        ('<c r="A1" t="inlineStr"><is><t>' + "长" * 501 + "</t></is></c>", TOO_LONG),
        ('<c r="A1" t="inlineStr"><is><t>' + "长" * 500 + "</t></is></c>", "长" * 500),
    ],
)
def test_cells(tmp_path: Path, xml: str, shown: Cell) -> None:
    strings = shared(["陈晓明", "|"]).replace(
        "<si><t>|</t></si>",
        "<si><r><t>富</t></r><r><rPr/><t>文本</t></r><rPh sb='0' eb='1'><t>ふりがな</t></rPh><phoneticPr/></si>",
    )

    assert cell(tmp_path, xml, sharedStrings=strings) == shown


def test_an_error_is_named(tmp_path: Path) -> None:
    shown = cell(tmp_path, '<c r="A1" t="e"><f>VLOOKUP(1)</f><v>#N/A</v></c>')

    assert isinstance(shown, Trouble)
    assert "#N/A" in shown.problem


# --- rows and sheets -------------------------------------------------------------------------------------------------


def test_rows_and_columns_keep_their_places(tmp_path: Path) -> None:
    rows = (
        '<row r="2"><c r="B2"><v>1</v></c><c r="D2"><v>2</v></c></row>'
        '<row r="5"><c><v>3</v></c><c><v>4</v></c></row>'
        "<row><c r='AA6'><v>5</v></c></row>"
    )

    assert read(build(tmp_path / "b.xlsx", rows)) == [
        (2, ["", "1", "", "2"]),
        (5, ["3", "4"]),
        (6, [""] * 26 + ["5"]),
    ]


def test_a_row_that_is_too_wide_spoils_itself_only(tmp_path: Path) -> None:
    last = "".join(f"<c><v>{place}</v></c>" for place in range(COLUMNS_MAX))
    rows = f'<row r="1"><c r="XFD1"><v>1</v></c></row><row r="2">{last}</row><row r="3">{last}<c/></row>'

    found = dict(read(build(tmp_path / "b.xlsx", rows)))

    assert found[1] == TOO_WIDE
    assert len(found[2]) == len(found[3]) == COLUMNS_MAX


def test_other_prefixes_and_the_strict_form(tmp_path: Path) -> None:
    strict = "http://purl.oclc.org/ooxml/spreadsheetml/main"
    body = (
        f'<x:worksheet xmlns:x="{strict}"><x:sheetData><x:row r="1"><x:c r="A1" t="inlineStr"><x:is><x:t>a</x:t></x:is>'
        "</x:c></x:row></x:sheetData></x:worksheet>"
    )
    path = pack(
        tmp_path / "b.xlsx",
        {
            "_rels/.rels": relations(officeDocument="/book/main.xml"),
            "book/main.xml": f'<x:workbook xmlns:x="{strict}" xmlns:rel="u"><x:sheets>'
            '<x:sheet name="S" sheetId="9" rel:id="r1"/></x:sheets></x:workbook>',
            "book/_rels/main.xml.rels": relations(worksheet="../sheets/one.xml"),
            "sheets/one.xml": body,
        },
    )

    assert read(path) == [(1, ["a"])]


def test_the_first_visible_sheet_is_read_and_the_others_are_mentioned(tmp_path: Path) -> None:
    path = pack(
        tmp_path / "b.xlsx",
        {
            "_rels/.rels": relations(officeDocument="xl/workbook.xml"),
            "xl/workbook.xml": workbook([("旧", "hidden"), ("账单", "visible"), ("说明", "visible")]),
            "xl/_rels/workbook.xml.rels": relations(worksheet="1.xml", worksheet_="2.xml", worksheet__="3.xml"),
            **{f"xl/{n}.xml": sheet(f'<row r="1"><c r="A1"><v>{n}</v></c></row>') for n in (1, 2, 3)},
        },
    )

    with opened(path) as found:
        assert [list(row) for _, row in found.rows] == [["2"]]  # type: ignore[arg-type]  # Both rows are cells.
        assert found.notes == ("只读取了第一张工作表“账单”",)


def test_a_datetime_is_its_day(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append([datetime(2026, 11, 24, 13, 30)])  # type: ignore[union-attr]
    book.save(tmp_path / "b.xlsx")

    assert read(tmp_path / "b.xlsx") == [(1, ["2026-11-24"])]
