"""The merchant's file is read by the documented widths, to the fen and to the second."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from bot.gateways.unionpay import statement
from bot.gateways.unionpay.columns import COLUMNS, NEEDED, PLACES
from bot.kernel.errors import GatewayTrouble
from bot.payments.facts import StatementLine
from tests.gateways.unionpay import bills, platform
from tests.gateways.unionpay.rig import UnionPayRig, fields

DAY = date(2026, 11, 22)


def read(*lines: bytes, day: date = DAY) -> list[StatementLine]:
    return list(statement.read(bills.zipped({"INN_ZM_1": b"".join(lines)}), platform.MER_ID, day))


def test_the_widths_are_those_that_others_wrote_down() -> None:
    assert tuple(column.width for column in COLUMNS) == bills.WIDTHS
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)
    assert (PLACES["amount"], PLACES["txn_type"], NEEDED) == ((66, 78), (215, 217), 308)


def test_a_payment_and_its_refund() -> None:
    number = f"{DAY:%Y%m%d}1000{7:09d}"
    payment, refund = read(
        bills.line(DAY, 7, amount=476_800, fee=2_861),
        bills.line(DAY, 8, kind="04", amount=500, fee=3, original=number),
    )

    assert payment == StatementLine(
        kind="payment",
        out_trade_no=f"T{DAY:%Y%m%d}{7:018d}",
        transaction_id=number,
        amount=476_800,
        currency="CNY",
        state="SUCCESS",
        at=datetime(2026, 11, 22, 2, 7, 30, tzinfo=UTC),
        fee=2_861,
        settlement_amount=476_800,
        vendor_state="S22",
    )
    assert (refund.kind, refund.transaction_id, refund.amount, refund.fee) == ("refund", number, 500, -3)
    assert (refund.out_refund_no, refund.refund_id) == (f"R{DAY:%Y%m%d}{8:018d}", f"{DAY:%Y%m%d}1000{8:09d}")
    # What of our own words came back names the payment that it belongs to.
    assert (refund.out_trade_no, refund.settlement_amount) == (f"T{DAY:%Y%m%d}{8:018d}", 500)


@pytest.mark.parametrize("kind", ["31", "99"])
def test_what_undoes_a_payment_is_a_reversal(kind: str) -> None:
    (line,) = read(bills.line(DAY, 1, kind=kind, original="20261122100000000000X"))

    assert (line.kind, line.transaction_id) == ("reversal", "20261122100000000000X")


def test_a_discount_may_part_amount_and_settlement() -> None:
    (line,) = read(bills.line(DAY, 1, c35="C000000000100", c16="C000000009862"))

    assert (line.amount, line.settlement_amount) == (10_000, 9_900)


@pytest.mark.parametrize(
    ("at", "day", "expected"),
    [
        ("1121230001", DAY, "2026-11-21T15:00:01"),
        ("1231233000", date(2027, 1, 1), "2026-12-31T15:30:00"),
        ("0229120000", date(2028, 2, 29), "2028-02-29T04:00:00"),
    ],
)
def test_the_year_is_that_of_the_settlement_day_or_the_one_before(at: str, day: date, expected: str) -> None:
    (line,) = read(bills.line(day, 1, c4=at), day=day)

    assert line.at == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_blank_end_may_be_cut_off_and_an_empty_file_has_no_lines() -> None:
    cut = bills.line(DAY, 1)[:NEEDED] + b"\r\n"

    assert read(cut) == [replace(each) for each in read(bills.line(DAY, 1))]
    assert read(b"") == []


def test_bytes_of_gbk_count_and_not_characters() -> None:
    """A name in Chinese takes two bytes a character, so columns behind it stand where they stand."""
    (line,) = read(bills.line(DAY, 1, c30="阳光花园物业服务有限公司", c24="账单号码"))

    assert (line.amount, line.settlement_amount) == (10_000, 10_000)


def test_an_archive_that_inflates_beyond_every_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement, "ARCHIVE_MAX", 100)
    with pytest.raises(GatewayTrouble, match="malformed"):
        statement.unpacked(bills.packed(b"x" * 10_000))
    monkeypatch.undo()
    monkeypatch.setattr(statement, "TEXT_MAX", 100)
    with pytest.raises(GatewayTrouble, match="malformed"):
        read(bills.line(DAY, 1))


async def test_a_file_is_asked_for_by_its_settlement_day() -> None:
    rig = UnionPayRig()
    rig.will_give_statement(DAY)
    _ = [line async for line in rig.gateway.statement("main", DAY)]
    sent = rig.http.sent[0]
    pairs = fields(sent)

    assert sent.url == "https://filedownload.95516.com/"
    assert (pairs["txnType"], pairs["txnSubType"], pairs["settleDate"], pairs["fileType"]) == ("76", "01", "1122", "00")
