"""Accounts whose bills are computed: parking by the minute, heating by area, and meters that are asked twice."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simulators.biller import Account, BillerPlan, Heated, Parking, SmartMeter
from bot.simulators.biller.book import Book
from tests.simulators.biller_rig import running

OPENED = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
LOT = Parking(parked=95, place="示范广场停车场")
HOME = Heated(area="98.5", price=2_350, season="2026-2027 年度", early_until="2026-12-15")


@pytest.mark.parametrize(
    ("minutes", "fee"), [(0, 0), (15, 0), (16, 500), (30, 500), (31, 750), (95, 1_750), (1_439, 6_000), (1_456, 6_500)]
)
def test_parking_costs_by_the_begun_quarter_of_an_hour(minutes: int, fee: int) -> None:
    assert LOT.fee(minutes) == fee


@given(first=st.integers(0, 5_000), more=st.integers(0, 500))
def test_nobody_pays_less_for_staying_longer(first: int, more: int) -> None:
    assert LOT.fee(first) <= LOT.fee(first + more)


def test_who_pays_at_once_pays_what_was_shown() -> None:
    [now] = LOT.bills("粤B12345", OPENED, OPENED)
    [later] = LOT.bills("粤B12345", OPENED + timedelta(minutes=14), OPENED)

    assert (now.amount, later.amount) == (1_750, 2_000)
    assert now.bill_no == later.bill_no, "it is one stay"
    days = (OPENED.date(),)
    assert later.takes(1_750, days), "shown a few minutes ago"
    [much_later] = LOT.bills("粤B12345", OPENED + timedelta(minutes=20), OPENED)
    assert not much_later.takes(1_750, days)


@pytest.mark.parametrize(
    ("home", "day", "due"),
    [
        (HOME, "2026-12-15T23:59:00+08:00", 226_845),
        (HOME, "2026-12-16T00:00:00+08:00", 231_475),
        (Heated(area="98.5", price=2_350, season="2026", early_until="2026-12-15", stopped=True), "2026-12-01", 69_443),
    ],
)
def test_heating_is_area_by_price_less_what_is_let_off(home: Heated, day: str, due: int) -> None:
    at = datetime.fromisoformat(day)
    [bill] = home.bills("6600000001", at if at.tzinfo else at.replace(tzinfo=UTC), OPENED)

    assert bill.amount == due
    assert bill.detail["面积乘单价"] == "2314.75 元"


@given(amount=st.integers(1, 100_000), price=st.integers(1, 5_000))
def test_a_meter_sells_what_the_sum_is_worth(amount: int, price: int) -> None:
    bill = SmartMeter(price=price, unit="方").offer("Q1", amount, "2026-11-24")

    assert bill is not None
    whole, _, part = bill.detail["购买量"].removesuffix(" 方").partition(".")
    hundredths = int(whole) * 100 + int(part)
    assert abs(hundredths * price - amount * 100) * 2 <= price
    assert SmartMeter(price=price, unit="方").offer("Q1", 100_001, "2026-11-24") is None


def test_what_was_paid_is_not_computed_again() -> None:
    account = Account("粤B12345", "", source=LOT)
    book = Book(BillerPlan("lot", "s" * 32, accounts=(account,), generate=False), OPENED)
    stay = book.refresh(account, OPENED)
    book.mark(stay, stay.bills[0].bill_no, paid=True)
    known = book.account("粤B12345", OPENED.date())
    assert known is not None

    [bill] = book.refresh(known, OPENED + timedelta(hours=5)).bills
    assert (bill.paid, bill.amount) == (True, 1_750)


def test_an_offer_is_listed_to_nobody_and_paid_once() -> None:
    account = Account("880000000001", "", meter=SmartMeter(price=305, unit="方"))
    book = Book(BillerPlan("gas", "s" * 32, accounts=(account,), generate=False), OPENED)
    offer = book.offer(account, 10_000, OPENED.date())
    assert offer is not None and account.bills == ()
    book.mark(account, offer.bill_no, paid=True)

    found = book.bill(account, offer.bill_no)
    assert found is not None and found.paid


async def test_a_slow_account_is_credited_later_and_a_final_one_gives_nothing_back() -> None:
    phone = Account("13800138000", "陈*明", item="telecom", slow=True, final=True)
    async with running(accounts=(phone,), pending_seconds=20) as caller:
        paid = {"account": phone.account, "bill_no": None, "period": None, "amount": 5_000}
        first = await caller.advise("oln_1", **paid)
        assert first["result"] == "pending"
        for _ in range(100):
            if (await caller.told("payments/status", line_id="oln_1"))["result"] == "settled":
                break
            await asyncio.sleep(0.01)
        assert (await caller.undo("oln_1", 5_000)) | {"message": ""} == {
            "result": "refused",
            "code": "used",
            "message": "",
        }


async def test_a_second_query_answers_with_the_one_bill_of_its_sum() -> None:
    card = Account("880000000001", "陈*明", item="gas", meter=SmartMeter(price=305, unit="方"))
    async with running(accounts=(card,)) as caller:
        assert (await caller.query(card.account, item="gas"))["bills"] == []
        [bill] = (await caller.query(card.account, item="gas", amount=10_000))["bills"]
        assert (bill["amount"], bill["detail"]["购买量"]) == (10_000, "32.79 方")
        assert (await caller.query(card.account, item="gas"))["bills"] == [], "an offer is nobody's debt"
        paid = {"account": card.account, "bill_no": bill["bill_no"], "period": None, "amount": 10_000}
        assert (await caller.advise("oln_1", **paid))["result"] == "settled"
        assert (await caller.advise("oln_2", **paid))["code"] == "paid_elsewhere"
