"""CSV files as people save them: in either encoding, with whatever an exporting program puts around a number."""

import codecs
import csv
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.billers import sheets
from bot.billers.cells import COLUMNS_MAX, FORMULA, TOO_LONG, TOO_WIDE, UNREADABLE, Cell, Trouble, text_cell
from bot.billers.sheets import opened
from tests.billers.workbooks import problem, read

TEXT = "账单号,户名\nB1,陈晓明\n"


def saved(path: Path, body: bytes, name: str = "bills.csv") -> Path:
    (path / name).write_bytes(body)
    return path / name


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
def test_each_encoding(tmp_path: Path, encoding: str) -> None:
    assert read(saved(tmp_path, TEXT.encode(encoding))) == [(1, ["账单号", "户名"]), (2, ["B1", "陈晓明"])]


def test_a_character_that_only_gb18030_has_in_four_bytes(tmp_path: Path) -> None:
    assert read(saved(tmp_path, "账单号,𠮷野家㐀\n".encode("gb18030"))) == [(1, ["账单号", "𠮷野家㐀"])]


def test_the_whole_file_tells_its_encoding(tmp_path: Path) -> None:
    """A head of ASCII, longer than anybody would look, and then one Chinese name."""
    body = b"bill_no,account\n" * 100_000 + "B1,陈晓明\n".encode("gb18030")

    assert read(saved(tmp_path, body))[-1] == (100_001, ["B1", "陈晓明"])


def test_a_character_across_two_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "_CHUNK", 7)

    assert read(saved(tmp_path, TEXT.encode()))[1] == (2, ["B1", "陈晓明"])


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_another_encoding_is_named(tmp_path: Path, mark: bytes) -> None:
    encoding = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"

    assert problem(saved(tmp_path, mark + TEXT.encode(encoding))) == "file_encoding"


def test_bytes_in_no_encoding_end_the_reading_where_they_stand(tmp_path: Path) -> None:
    body = "账单号\n".encode("gb18030") + b"B1\n" * 10_000 + b"\xff\xff\n"

    found = read(saved(tmp_path, body))

    assert found[0] == (1, ["账单号"])
    assert found[-1][1] == UNREADABLE
    assert all(each != UNREADABLE for _, each in found[:-1])


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"", []),
        (b"\r\n\r\n", [(1, []), (2, [])]),
        (b"a,b\r\nc,d", [(1, ["a", "b"]), (2, ["c", "d"])]),
        (b'"a\r\nb",c\r\nd', [(2, ["a\r\nb", "c"]), (3, ["d"])]),
        (b'"a""b", c ', [(1, ['a"b', "c"])]),
        (b"a\rb", [(1, ["a"]), (2, ["b"])]),
        (b"a\x00b", [(1, ["a\x00b"])]),
    ],
)
def test_lines_and_quotes(tmp_path: Path, body: bytes, rows: list[tuple[int, list[str]]]) -> None:
    assert read(saved(tmp_path, body)) == rows


def test_a_quote_without_end(tmp_path: Path) -> None:
    found = read(saved(tmp_path, b"a,b\n" + b'"' + b"x" * 200_000))

    assert found[0] == (1, ["a", "b"])
    assert found[-1][1] == UNREADABLE


def test_a_line_that_is_too_wide_spoils_itself_only(tmp_path: Path) -> None:
    body = b"," * (COLUMNS_MAX - 1) + b"\n" + b"," * COLUMNS_MAX + b"\na\n"

    assert [row for _, row in read(saved(tmp_path, body))] == [[""] * COLUMNS_MAX, TOO_WIDE, ["a"]]


# --- cells -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "cell"),
    [
        (" 陈晓明\t", "陈晓明"),
        ("'0512345678", "0512345678"),
        ("`0512345678", "0512345678"),
        ('="0512345678"', "0512345678"),
        ('=" 3-2-501 "', "3-2-501"),
        ("-", "-"),
        ("-5.00", "-5.00"),
        ("+86 138", "+86 138"),
        ("5.12E+09", "5.12E+09"),
        ("'名", "'名"),
        ("=1+1", FORMULA),
        ('=HYPERLINK("http://x","点")', FORMULA),
        ('="a"&"b"', FORMULA),
        ("@SUM(A1)", FORMULA),
        ("+SUM(A1)", FORMULA),
        ("-2+3+cmd|' /C calc'!A0", FORMULA),
        ("x" * 500, "x" * 500),
        ("x" * 501, TOO_LONG),
    ],
)
def test_cells(written: str, cell: Cell) -> None:
    assert text_cell(written) == cell


@given(st.text())
def test_no_text_that_a_spreadsheet_would_compute_comes_through(text: str) -> None:
    cell = text_cell(text)

    assert isinstance(cell, Trouble) or not cell.startswith(("=", "@")) or text.strip().startswith('="')


# --- round trips -----------------------------------------------------------------------------------------------------

plain = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=15).filter(
    lambda text: text == text.strip() and text_cell(text) == text
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(plain, min_size=1, max_size=5), max_size=6),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
)
def test_what_was_written_is_read(tmp_path: Path, rows: list[list[str]], encoding: str) -> None:
    # The Chinese header decides, as it does in life: few bytes alone may be valid in both encodings.
    rows = [["账单号", "户名", "金额"], *rows]
    with (tmp_path / "b.csv").open("w", newline="", encoding=encoding) as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)

    assert [row for _, row in read(tmp_path / "b.csv")] == rows


# --- files -----------------------------------------------------------------------------------------------------------


def test_the_content_tells_what_a_file_is_and_not_its_name(tmp_path: Path) -> None:
    assert read(saved(tmp_path, TEXT.encode(), "bills.xlsx"))[0] == (1, ["账单号", "户名"])


def test_no_file(tmp_path: Path) -> None:
    assert problem(tmp_path / "none.csv") == "file_missing"
    assert problem(tmp_path) == "file_missing"


def test_an_old_workbook_or_one_with_a_password(tmp_path: Path) -> None:
    assert problem(saved(tmp_path, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "bills.xls")) == "file_xls"


def test_a_file_beyond_all_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "FILE_BYTES_MAX", 10)

    assert problem(saved(tmp_path, b"x" * 11)) == "file_too_large"


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What is held while the encoding is told.
    monkeypatch.setattr(sheets, "_CHUNK", 1 << 14)

    def peak(lines: Iterable[str]) -> int:
        with (tmp_path / "b.csv").open("w", encoding="gb18030") as file:
            file.writelines(lines)
        tracemalloc.start()
        try:
            with opened(tmp_path / "b.csv") as found:
                for _ in found.rows:
                    pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    line = "账单{0},房间{0},业主{0},2026-11,236.40\n"
    small, great = (peak(line.format(number) for number in range(count)) for count in (1_000, 8_000))

    assert great < small + (1 << 16)
