"""Bills are read as a stream, within bounds, and held against the sums that they state themselves."""

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from bot.gateways.alipay import bills as limits
from bot.gateways.alipay import flows, statement
from bot.kernel.errors import GatewayTrouble
from bot.outside.http import Answer
from tests.gateways.alipay import bills, platform
from tests.gateways.alipay.faculties import FLOWS, AlipayFaculties
from tests.gateways.alipay.rig import BILL_URL

DAY = date(2026, 11, 22)
NAME = "20880000000000010156_20261122_业务明细.csv"


@pytest.fixture
def rig() -> AlipayFaculties:
    return AlipayFaculties()


def table(lines: list[str], paid: tuple[int, int], back: tuple[int, int] = (0, 0), **more: Any) -> bytes:
    return bills.zipped({NAME: bills.trade_text(lines, paid, back, **more)})


def only(file: bytes) -> Any:
    (line,) = statement.read(file)
    return line


def refused(file: bytes, reader: Any = statement.read) -> str:
    with pytest.raises(GatewayTrouble) as trouble:
        list(reader(file))
    return str(trouble.value)


def test_every_value_of_a_line_is_read() -> None:
    line = only(table([bills.payment(7, DAY, fen=12_345, received=12_000, fee="-0.74", share="-1.00")], (1, 12_000)))

    assert (line.kind, line.out_trade_no, line.transaction_id) == ("payment", f"T{7:027d}", f"20261122220014{7:014d}")
    assert (line.amount, line.settlement_amount, line.fee, line.shared) == (12_345, 12_000, 74, 100)
    assert (line.currency, line.state, line.vendor_state) == ("CNY", "TRADE_SUCCESS", "交易")
    assert line.at == datetime(2026, 11, 22, 1, 7, 7, tzinfo=UTC)


def test_a_refund_is_what_went_back_with_its_number_and_its_fee_back() -> None:
    line = only(table([bills.refund(7, DAY, fen=345, fee="0.02")], (0, 0), (1, 345)))

    assert (line.kind, line.amount, line.fee, line.settlement_amount) == ("refund", 345, -2, None)
    assert (line.out_refund_no, line.refund_id, line.state) == (f"R{7:027d}", f"R{7:027d}", "REFUND")


@pytest.mark.parametrize("fee", ["-0.01", "0.01", "0.0145"])
def test_a_fee_counts_with_either_sign(fee: str) -> None:
    assert only(table([bills.payment(1, DAY, fee=fee)], (1, 100))).fee == 1


@pytest.mark.parametrize("goods", ["水费,电费,气费", "水费\t", "「物业」费", "#1楼", ""])
def test_what_people_write_shifts_no_column(goods: str) -> None:
    """Nothing is quoted, so a comma in a product's name is put together again from both sides."""
    assert only(table([bills.payment(1, DAY, goods=goods)], (1, 100))).amount == 100


def test_widths_and_the_units_of_columns_do_not_matter() -> None:
    text = bills.trade_text([bills.payment(1, DAY)], (1, 100), (0, 0)).decode("gbk")
    for narrow in (text.replace("（", "(").replace("）", ")"), text.replace("（元）", "")):
        assert only(bills.zipped({NAME: narrow.encode("gbk")})).amount == 100
    wide = text.replace(",1.00,1.00,", ",１．００,１.00,")
    assert only(bills.zipped({NAME: wide.encode("gbk")})).amount == 100


def test_an_empty_bill_has_no_lines() -> None:
    assert list(statement.read(table([], (0, 0)))) == []


@pytest.mark.parametrize(
    ("lines", "paid", "back"),
    [
        ([bills.payment(1, DAY)], (2, 100), (0, 0)),
        ([bills.payment(1, DAY)], (1, 101), (0, 0)),
        ([bills.refund(1, DAY)], (0, 0), (1, 51)),
        ([bills.payment(1, DAY), bills.payment(1, DAY)], (1, 100), (0, 0)),
    ],
)
def test_a_bill_that_does_not_add_up_is_refused(lines: list[str], paid: tuple[int, int], back: tuple[int, int]) -> None:
    assert "differs from its lines" in refused(table(lines, paid, back))


def test_the_summary_is_compared_too() -> None:
    lines = [bills.payment(1, DAY), bills.refund(1, DAY)]
    detail = bills.trade_text(lines, (1, 100), (1, 50))
    for told, good in ((bills.summary_text(1, 1, 50), True), (bills.summary_text(1, 2, 50), False),
                       (bills.summary_text(1, 1, 51), False)):  # fmt: skip
        file = bills.zipped({NAME: detail, NAME.replace(".csv", "(汇总).csv"): told})
        if good:
            assert len(list(statement.read(file))) == 2
        else:
            assert "differs from its lines" in refused(file)


def _with(old: str, new: str) -> bytes:
    text = bills.trade_text([bills.payment(1, DAY)], (1, 100), (0, 0)).decode("gbk")
    assert old in text
    return bills.zipped({NAME: text.replace(old, new, 1).encode("gbk")})


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("列表结束", "列表", "ends without its end"),
        (",交易,", ",转世,", "a kind of business that nobody knows"),
        (",1.00,1.00,", ",1.005,1.00,", "an amount that is none"),
        (",1.00,1.00,", ",x,1.00,", "an amount that is none"),
        (",1.00,1.00,", ",999999999.00,1.00,", "above every limit"),
        (",-0.01,", ",?,", "a fee that is none"),
        ("2026-11-22 09:01:07", "2026-11-22", "a time that is none"),
        ("2026-11-22 09:01:07", "2026-11-31 09:01:07", "a time that is none"),
        ("订单金额（元）", "金额", "no column 订单金额"),
        (",\t,-0.01,0.00,", "", "too few values"),
    ],
)
def test_what_cannot_be_read_to_the_fen_is_refused(old: str, new: str, why: str) -> None:
    assert why in refused(_with(old, new))


def test_a_file_that_is_no_bill_is_refused() -> None:
    whole = table([bills.payment(1, DAY)], (1, 100))
    spoiled = bytearray(whole)
    spoiled[60] ^= 0xFF
    for file in (b"", b"PK", whole[:-30], bytes(spoiled), bills.zipped({"x.csv": b""})):
        refused(file)
    many = {f"{n}_业务明细.csv": b"" for n in range(2)}
    assert "two files" in refused(bills.zipped(many))
    assert "too many" in refused(bills.zipped({str(n): b"" for n in range(17)}))


def test_a_bomb_is_refused_before_it_fills_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TEXT_MAX", 100_000)
    lines = [bills.payment(number, DAY) for number in range(2_000)]
    assert "statement_too_large" in refused(table(lines, (2_000, 200_000)))
    endless = bills.zipped({NAME: b"x" * 5_000_000})
    assert len(endless) < 10_000
    assert "a line without end" in refused(endless)


def test_memory_does_not_grow_with_the_bill() -> None:
    def peak(count: int) -> int:
        file = table([bills.payment(number, DAY) for number in range(count)], (count, count * 100))
        tracemalloc.start()
        assert sum(1 for _ in statement.read(file)) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    small, large = peak(200), peak(3_000)
    assert large < small + 200_000


async def test_names_without_a_flag_are_read_as_gbk(rig: AlipayFaculties) -> None:
    file, _ = bills.trade_file(payments=1, refunds=0, day=DAY)

    assert "业务明细".encode("gbk") in file
    rig.will_give_file(file)
    rig.will_say_no_flows()
    assert len([line async for line in rig.gateway.statement("main", DAY)]) == 1


async def test_the_file_is_fetched_over_tls_from_where_alipay_said(rig: AlipayFaculties) -> None:
    rig.will_give_statement(DAY)
    _ = [line async for line in rig.gateway.statement("main", DAY)]
    asked, fetched, asked_for_shares, _ = rig.http.sent

    assert platform.content(asked) == {"bill_type": "trade", "bill_date": "2026-11-22"}
    assert fetched.url == BILL_URL.replace("http:", "https:")
    assert fetched.limit == limits.FILE_MAX
    assert platform.content(asked_for_shares) == {"bill_type": "signcustomer", "bill_date": "2026-11-22"}


@pytest.mark.parametrize("hours", [0, 33])
async def test_no_bill_says_nothing_before_the_morning_it_is_made(rig: AlipayFaculties, hours: int) -> None:
    """The clock stands at 04:00 of the 24th."""
    rig.clock.advance(hours * 3600)
    rig.will_say_no_statement()
    day = DAY + timedelta(days=1) if hours == 0 else DAY
    lines = rig.gateway.statement("main", day)
    if hours == 0:
        with pytest.raises(GatewayTrouble):
            await anext(lines)
    else:
        assert [line async for line in lines] == []


@pytest.mark.parametrize("told", [platform.good(), platform.good(bill_download_url=""), platform.refusal("x")])
async def test_no_address_is_no_bill_now(rig: AlipayFaculties, told: dict[str, Any]) -> None:
    rig.will(told)
    with pytest.raises(GatewayTrouble):
        _ = [line async for line in rig.gateway.statement("main", DAY)]


async def test_a_refused_download_is_no_bill_now(rig: AlipayFaculties) -> None:
    rig.will(platform.good(bill_download_url=BILL_URL))
    rig.http.then(Answer(403, {}, b"expired"))
    with pytest.raises(GatewayTrouble):
        _ = [line async for line in rig.gateway.statement("main", DAY)]


# 账务明细


def test_every_movement_is_told_with_sign_balance_and_numbers() -> None:
    lines = list(flows.read(bills.flow_file([(fen, word) for _, fen, word in FLOWS], DAY)))

    assert [(line.kind, line.amount, line.vendor_kind) for line in lines] == list(FLOWS)
    first = lines[0]
    assert (first.balance, first.note, first.reference) == (1_000, "备注", f"T{0:027d}")
    assert first.transaction_id == f"20261122220014{0:014d}"
    assert first.at == datetime(2026, 11, 22, 1, 0, 7, tzinfo=UTC)


def test_a_payment_that_leaves_is_a_refund_and_the_unheard_of_is_kept() -> None:
    moved = [(-100, "在线支付"), (5, "从未听说"), (-100, "退款（交易退款）")]
    lines = list(flows.read(bills.flow_file(moved, DAY)))

    assert [(line.kind, line.amount) for line in lines] == [("refund", -100), ("other", 5), ("refund", -100)]


def test_movements_that_do_not_add_up_are_refused() -> None:
    assert "differs from its lines" in refused(bills.flow_file([(1, "提现")], DAY, wrong=1), flows.read)


def test_a_reader_gives_up_what_it_holds_when_nobody_reads_on() -> None:
    lines: Iterator[Any] = statement.read(table([bills.payment(n, DAY) for n in range(3)], (3, 300)))
    next(lines)
    lines.close()  # type: ignore[attr-defined]  # A generator.
