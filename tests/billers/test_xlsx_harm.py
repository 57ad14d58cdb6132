"""Files that are no workbooks, were damaged, or were made to do harm: read up to there, in bounded memory."""

import tracemalloc
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.billers import xlsx
from bot.billers.cells import TOO_LONG, UNREADABLE
from bot.billers.sheets import opened
from bot.kernel.errors import BadRequest
from tests.billers import workbooks
from tests.billers.workbooks import build, pack, problem, read, relations, shared, sheet, styles, workbook


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"_rels/.rels": "no xml"},
        {"_rels/.rels": relations(worksheet="x.xml")},
        {"_rels/.rels": relations(officeDocument="gone.xml")},
        {"_rels/.rels": relations(officeDocument="xl/workbook.xml"), "xl/workbook.xml": workbook([("S", "hidden")])},
        {"_rels/.rels": relations(officeDocument="xl/workbook.xml"), "xl/workbook.xml": workbook()},
        {
            "_rels/.rels": relations(officeDocument="xl/workbook.xml"),
            "xl/workbook.xml": workbook(),
            "xl/_rels/workbook.xml.rels": relations(worksheet="gone.xml"),
        },
        {
            "_rels/.rels": relations(officeDocument="xl/workbook.xml"),
            "xl/workbook.xml": '<workbook><sheets><sheet name="S"/></sheets></workbook>',
        },
    ],
)
def test_a_zip_that_is_no_workbook(tmp_path: Path, parts: dict[str, str]) -> None:
    path = pack(tmp_path / "b.xlsx", {"filler": "x"} | parts)

    assert problem(path) == "file_xlsx"


DOCTYPE = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("part", ["workbook", "styles", "sharedStrings"])
def test_a_document_type_is_refused_before_anything_is_expanded(tmp_path: Path, part: str) -> None:
    bodies = {"workbook": workbook(), "styles": styles(0), "sharedStrings": shared(["a"])}

    assert problem(build(tmp_path / "b.xlsx", **{part: DOCTYPE + bodies[part]})) == "file_xlsx"


def test_a_document_type_in_the_sheet_ends_the_reading(tmp_path: Path) -> None:
    bomb = DOCTYPE + sheet('<row r="1"><c r="A1" t="inlineStr"><is><t>&b;</t></is></c></row>')
    path = pack(
        tmp_path / "b.xlsx",
        {
            "_rels/.rels": relations(officeDocument="xl/workbook.xml"),
            "xl/workbook.xml": workbook(),
            "xl/_rels/workbook.xml.rels": relations(worksheet="s.xml"),
            "xl/s.xml": bomb,
        },
    )

    assert read(path) == [(1, UNREADABLE)]


@pytest.mark.parametrize(
    ("limit", "most", "part"),
    [("_SMALL_PART_MAX", 900, "workbook"), ("_STRINGS_MAX", 900, "sharedStrings"), ("_SHEET_MAX", 900, "sheet")],
)
def test_what_unpacks_to_too_much_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, part: str
) -> None:
    monkeypatch.setattr(xlsx, limit, most)
    space = " " * 1_000
    parts = {"workbook": workbook(properties=space), "sharedStrings": shared([space])}
    path = build(tmp_path / "b.xlsx", space if part == "sheet" else "", **{k: v for k, v in parts.items() if k == part})

    assert problem(path) == "file_too_large"


def test_too_many_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "_PARTS_MAX", 3)

    assert problem(build(tmp_path / "b.xlsx")) == "file_too_large"


def test_a_token_without_end_is_not_kept_in_memory(tmp_path: Path) -> None:
    path = build(tmp_path / "b.xlsx", f'<row r="1"><c r="A1" x="{"a" * (4 << 20)}"/></row>')

    tracemalloc.start()
    try:
        assert read(path) == [(1, UNREADABLE)]
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_cell_without_end_is_cut_while_it_is_read(tmp_path: Path) -> None:
    path = build(tmp_path / "b.xlsx", f'<row r="1"><c r="A1" t="inlineStr"><is><t>{"a" * (8 << 20)}</t></is></c></row>')

    tracemalloc.start()
    try:
        assert read(path) == [(1, [TOO_LONG])]
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_deep_nesting_is_only_deep(tmp_path: Path) -> None:
    deep = "<a>" * 50_000 + "</a>" * 50_000

    assert read(build(tmp_path / "b.xlsx", deep + '<row r="1"><c r="A1"><v>1</v></c></row>')) == [(1, ["1"])]


@pytest.mark.parametrize(
    "broken",
    [
        '<row r="3"><c r="A3"><v>1</v></row>',
        '<row r="x"><c r="A3"><v>1</v></c></row>',
        '<row r="3"><c r="A3" t="s"><v>7</v></c></row>',
        '<row r="3"><c r="A3" t="s"><v>seven</v></c></row>',
        '<row r="3"><c r="A3" s="first"><v>1</v></c></row>',
        "&undefined;",
        "<",
    ],
)
def test_what_came_before_the_damage_is_read_and_the_damage_is_named(tmp_path: Path, broken: str) -> None:
    good = '<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>'

    found = read(build(tmp_path / "b.xlsx", good + broken, sharedStrings=shared(["a"])))

    assert found[:2] == [(1, ["1"]), (2, ["2"])]
    assert found[-1][1] == UNREADABLE
    assert len(found) <= 4


def test_a_file_that_was_cut_off_or_changed_on_its_way(tmp_path: Path) -> None:
    rows = "".join(
        f'<row r="{n}"><c r="A{n}" t="inlineStr"><is><t>{n * 7919}</t></is></c></row>' for n in range(1, 9_000)
    )
    path = build(tmp_path / "b.xlsx", rows)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("xl/worksheets/sheet1.xml")

    middle = entry.header_offset + entry.compress_size // 2
    path.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
    assert read(path)[-1][1] == UNREADABLE
    path.write_bytes(whole[:middle])
    assert problem(path) == "file_xlsx"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_does_more_than_end_the_reading(tmp_path: Path, data: st.DataObject) -> None:
    path = build(
        tmp_path / "b.xlsx",
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" s="1"><v>46350</v></c></row>',
        sharedStrings=shared(["a"]),
        styles=styles(0, 14),
    )
    body = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(4, len(body) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(body)

    try:
        found = read(path)
    except BadRequest:
        return
    assert len(found) <= 3


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Eight times the rows, each with texts of its own, and hardly more at the peak."""

    def peak(count: int) -> int:
        rows: Sequence[Sequence[str]] = [[f"账单{n}", f"房间{n}", f"业主{n}", "2026-11"] for n in range(count)]
        path = workbooks.of_texts(tmp_path / f"{count}.xlsx", rows)
        del rows
        tracemalloc.start()
        try:
            with opened(path) as found:
                assert sum(1 for _ in found.rows) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, great = peak(500), peak(4_000)

    assert great < small + (1 << 20)
