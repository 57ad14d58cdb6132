"""Lines of a bill file: each becomes one bill in canonical form, or one fault that says what to do."""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.billers.cells import NO_RESULT, TOO_MANY_DIGITS, TOO_WIDE, Cell, Trouble
from bot.billers.items import InputField
from bot.billers.lines import COLUMNS, Columns, Fault, LineReader, NewBill, Seen, bills_of, header_of
from bot.billers.sheets import Row
from bot.kernel.errors import BadRequest
from bot.kernel.money import MAX_FEN, format_yuan
from tests.billers.samples import METER, OWNER, ROOM

HEADER = ["账单号", "户号", "户名", "账期", "费用名称", "金额", "截止日期", "用电量"]
GOOD: dict[str, Cell] = {
    "账单号": "B1",
    "户号": "0512345678",
    "户名": "陈晓明",
    "账期": "2026-10",
    "费用名称": "电费",
    "金额": "128.50",
    "截止日期": "2026-11-20",
    "用电量": "245 千瓦时",
}


def rows(*lines: Sequence[Cell] | Trouble) -> Iterator[Row]:
    return iter([(number, line) for number, line in enumerate(lines, start=1)])


def read(
    *lines: Sequence[Cell] | Trouble, account: InputField = METER, proof: InputField | None = None
) -> list[NewBill | Fault]:
    found = rows(*lines)
    columns = header_of(found)
    with closing(Seen()) as seen:
        return list(bills_of(found, LineReader(columns, account, proof), seen))


def one(account: InputField = METER, proof: InputField | None = None, **changes: Cell) -> NewBill | Fault:
    """What becomes of one line that differs from a good one."""
    facts = GOOD | changes
    (found,) = read(HEADER, [facts[name] for name in HEADER], account=account, proof=proof)
    return found


def bill(**changes: Any) -> NewBill:
    found = one(**changes)
    assert isinstance(found, NewBill), found
    return found


def fault(**changes: Any) -> str:
    found = one(**changes)
    assert isinstance(found, Fault), found
    assert found.line == 2
    assert found.remedy
    return found.problem


# --- the line that names the columns ---------------------------------------------------------------------------------


def test_every_name_of_every_column() -> None:
    for key, names in COLUMNS.items():
        for name in names:
            others = [other[0] for each, other in COLUMNS.items() if each != key]
            columns = header_of(rows([*others, f" {name.upper()} "]))
            assert columns.places[key] == len(others)


def test_further_columns_become_details_except_what_is_about_a_person() -> None:
    columns = header_of(rows(["账单号", "户号", "金额", "面积", "业主电话", "身份证号", "备注", "地址", "Mobile No."]))

    assert dict(columns.details) == {"面积": 3, "备注": 6}
    assert columns.left_out == ("业主电话", "身份证号", "地址", "mobileno.")


def test_the_names_may_stand_below_a_title() -> None:
    found = read(["阳光花园 2026 年 10 月账单"], [], ["制表：王"], HEADER, [GOOD[name] for name in HEADER])

    assert [each.line for each in found] == [5]


def test_full_width_brackets_and_spaces_in_names() -> None:
    columns = header_of(rows(["账 单 号", "户号", "金额（元）"]))

    assert set(columns.places) == {"bill_no", "account", "amount"}


def test_of_two_columns_with_one_meaning_the_first_counts() -> None:
    columns = header_of(rows(["账单号", "户号", "金额", "应缴金额"]))

    assert columns.places["amount"] == 2
    assert columns.details == {"应缴金额": 3}


@pytest.mark.parametrize(
    ("lines", "code", "named"),
    [
        ([], "file_empty", ""),
        ([["账单号", "户名"]], "columns_missing", "户号, 金额"),
        ([["标题"], ["账单号", "户号"], ["B1", "0512345678"]], "columns_missing", "金额"),
        ([["x"]] * 10 + [["账单号", "户号", "金额"]], "columns_missing", "账单号, 户号, 金额"),
        ([TOO_WIDE], "columns_missing", "账单号, 户号, 金额"),
    ],
)
def test_a_file_without_its_columns(lines: list[Any], code: str, named: str) -> None:
    with pytest.raises(BadRequest) as refused:
        header_of(rows(*lines))

    assert refused.value.code == code
    assert named in refused.value.remedy


# --- good lines ------------------------------------------------------------------------------------------------------


def test_a_good_line() -> None:
    assert bill() == NewBill(
        line=2,
        bill_no="B1",
        account="0512345678",
        holder="陈晓明",
        period="2026-10",
        title="电费",
        amount=12_850,
        due_on="2026-11-20",
        detail={"用电量": "245 千瓦时"},
    )


def test_only_number_account_and_amount_are_needed() -> None:
    (found,) = read(["金额", "户号", "账单号"], ["1", "0512345678", "B1"])

    assert isinstance(found, NewBill)
    assert (found.holder, found.period, found.title, found.due_on, found.detail) == ("", "", "", None, {})


def test_a_short_line_lacks_nothing_but_its_end() -> None:
    (found,) = read(HEADER, [GOOD[name] for name in HEADER[:6]])

    assert isinstance(found, NewBill)
    assert (found.due_on, found.detail) == (None, {})


def test_empty_lines_are_no_lines() -> None:
    assert [each.line for each in read(HEADER, [], ["", " "[:0]], [GOOD[name] for name in HEADER], [""] * 8)] == [4]


@pytest.mark.parametrize("written", ["O512345678", "0512 345 678", "０５１２３４５６７８"])
def test_accounts_come_in_one_form(written: str) -> None:
    assert bill(户号=written).account == "0512345678"


@pytest.mark.parametrize("written", ["3栋2单元501室", "3幢二单元501", "3-2-501"])
def test_rooms_come_in_one_form(written: str) -> None:
    assert bill(account=ROOM, 户号=written).account == "3-2-501"


def test_the_proof_comes_in_the_form_in_which_it_will_be_asked() -> None:
    assert bill(proof=OWNER, 户名="陈 晓明").holder == "陈晓明"
    assert bill(proof=OWNER, 户名="买买提•艾力").holder == "买买提·艾力"


@pytest.mark.parametrize(
    ("written", "fen"),
    [
        ("128.5", 12_850),
        ("128.50", 12_850),
        ("128", 12_800),
        ("128.500", 12_850),
        ("0.01", 1),
        ("¥128.50", 12_850),
        ("￥ 128.50 元", 12_850),
        ("1,234.50", 123_450),
        ("1,234,567", 123_456_700),
        ("１２８．５", 12_850),
    ],
)
def test_amounts(written: str, fen: int) -> None:
    assert bill(金额=written).amount == fen


@given(st.integers(1, MAX_FEN))
def test_every_amount_comes_back(fen: int) -> None:
    assert bill(金额=format_yuan(fen)).amount == fen


@pytest.mark.parametrize(
    ("written", "period"),
    [
        ("2026-10", "2026-10"),
        ("2026-1", "2026-01"),
        ("202610", "2026-10"),
        ("2026/10", "2026-10"),
        ("2026.10", "2026-10"),
        ("2026.01", "2026-01"),
        ("2026年1月", "2026-01"),
        ("2026年10月份", "2026-10"),
        ("2026-10-01", "2026-10"),
        ("", ""),
    ],
)
def test_periods(written: str, period: str) -> None:
    assert bill(账期=written).period == period


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-11-05", "2026-11-05"),
        ("2026-11-5", "2026-11-05"),
        ("2026/11/5", "2026-11-05"),
        ("2026.11.5", "2026-11-05"),
        ("2026年11月5日", "2026-11-05"),
        ("20261105", "2026-11-05"),
        ("2026/11/5 0:00", "2026-11-05"),
        ("2026-11-05 00:00:00", "2026-11-05"),
        ("2028-02-29", "2028-02-29"),
        ("", None),
    ],
)
def test_days(written: str, day: str | None) -> None:
    assert bill(截止日期=written).due_on == day


# --- bad lines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "amount",
    [
        "",
        "0",
        "0.00",
        "-5",
        "128.555",
        "12,5",
        "1,23",
        "12,345,6",
        "一百",
        "1e3",
        "128.5.0",
        "9999999999",
        "$5",
        "5美元",
    ],
)
def test_amounts_that_are_none(amount: str) -> None:
    assert "金额" in fault(金额=amount)


@pytest.mark.parametrize(
    "period", ["2026", "2026-13", "2026-00", "2026.1", "10月", "2026-100", "上个月", "20261", "2026-W40"]
)
def test_periods_that_are_none(period: str) -> None:
    """``2026.1`` is what a spreadsheet makes of 2026.10, so it is refused and not taken for January."""
    assert "账期" in fault(账期=period)


@pytest.mark.parametrize(
    "day", ["2026-02-30", "2026-13-01", "11/5/2026", "tomorrow", "2026-W48-1", "46350", "2026-11-05 13:30"]
)
def test_days_that_are_none(day: str) -> None:
    assert "截止日期" in fault(截止日期=day)


@pytest.mark.parametrize("number", ["", "B" * 65])
def test_bill_numbers_that_are_none(number: str) -> None:
    assert "账单号" in fault(账单号=number)


@pytest.mark.parametrize("account", ["", "051234567", "05123456789", "户号", "٠٥١٢٣٤٥٦٧٨"])
def test_accounts_that_are_none(account: str) -> None:
    assert "户号" in fault(户号=account)


@pytest.mark.parametrize("account", ["5.12E+09", "5.12346E9", "5E+9"])
def test_an_account_that_a_spreadsheet_has_spoilt_is_told_so(account: str) -> None:
    assert "科学计数法" in fault(户号=account)


def test_an_account_beyond_what_a_spreadsheet_can_count() -> None:
    assert fault(户号=TOO_MANY_DIGITS) == "户号：数字超过 15 位，末尾已被表格软件改写"


@pytest.mark.parametrize("holder", ["", "X", "陈晓明123"])
def test_without_the_proof_nobody_could_ever_find_the_bill(holder: str) -> None:
    assert "业主姓名" in fault(proof=OWNER, 户名=holder)


@pytest.mark.parametrize("name", HEADER)
def test_a_cell_that_says_nothing_reliable_spoils_its_line_by_name(name: str) -> None:
    assert NO_RESULT.problem in fault(**{name: NO_RESULT})


def test_a_line_that_could_not_be_read_at_all() -> None:
    assert read(HEADER, TOO_WIDE) == [Fault(2, TOO_WIDE.problem, TOO_WIDE.remedy)]


def test_a_number_that_stands_twice_is_told_with_its_first_line() -> None:
    lines = [[GOOD[name] for name in HEADER] for _ in range(3)]
    lines[1] = ["B2", *lines[1][1:]]

    first, second, third = read(HEADER, *lines)

    assert isinstance(first, NewBill)
    assert isinstance(second, NewBill)
    assert third == Fault(4, "账单号 B1 与第 2 行重复", "每笔账单用不同的账单号")


def test_a_bad_line_does_not_take_the_number_from_a_good_one() -> None:
    good = [GOOD[name] for name in HEADER]
    bad = ["B1", *good[1:5], "free", *good[6:]]

    first, second = read(HEADER, bad, good)

    assert isinstance(first, Fault)
    assert isinstance(second, NewBill)


def test_a_file_beyond_all_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.billers.lines.ROWS_MAX", 2)
    lines = [[f"B{number}", *[GOOD[name] for name in HEADER[1:]]] for number in range(5)]

    found = read(HEADER, *lines)

    assert [type(each) for each in found] == [NewBill, NewBill, Fault]
    assert found[2].line == 4


cells_of_any_kind = st.text(max_size=20) | st.sampled_from([NO_RESULT, *GOOD.values()])


@given(st.lists(cells_of_any_kind, max_size=9))
def test_whatever_a_line_holds_it_becomes_a_bill_or_a_fault(cells: list[Cell]) -> None:
    for found in read(HEADER, cells, proof=OWNER):
        if isinstance(found, Fault):
            assert found.problem
            assert found.remedy
            continue
        assert METER.accepts(found.account)
        assert OWNER.accepts(found.holder)
        assert 0 < found.amount <= MAX_FEN
        assert re.fullmatch(r"(\d{4}-(0[1-9]|1[0-2]))?", found.period)
        assert all("\x00" not in text for text in (found.bill_no, found.title, *found.detail.values()))


def test_the_order_of_columns_is_free() -> None:
    assert header_of(rows(HEADER[::-1])) == Columns(
        {"bill_no": 7, "account": 6, "holder": 5, "period": 4, "title": 3, "amount": 2, "due_on": 1}, {"用电量": 0}, ()
    )
