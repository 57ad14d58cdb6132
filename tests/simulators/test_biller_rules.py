"""The biller simulator's late fees that grow, tiers, shares of an insurance and fiscal receipts."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simulators.biller import Account, Bill
from bot.simulators.clock import ManualClock
from tests.simulators.biller_rig import Caller, advice, running

FINE = Bill("F1", "", 20_000, "2026-11-20", title="罚款", late_per_mille=30, ticket=True)
TIERED = Bill("T1", "2026-12", 20_000, "2026-12-31", tiers=(30_000, 50_000))
SHARED = Bill("S1", "", 3_000, "2026-12-31", split={"total": 10_000, "pool": 6_000, "personal": 1_000})
DEBTOR = Account("0100000002", "陈*", bills=(FINE, TIERED, SHARED))
# Half past midnight in Shanghai, which is the day before elsewhere.
NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)


def told(bill: Bill, amount: int) -> dict[str, object]:
    return advice(f"oln_{bill.bill_no}_{amount}") | {
        "account": DEBTOR.account,
        "bill_no": bill.bill_no,
        "period": bill.period or None,
        "amount": amount,
    }


async def advised(caller: Caller, bill: Bill, amount: int) -> dict[str, object]:
    return await caller.told("payments/advise", **told(bill, amount))


@given(amount=st.integers(1, 10**9), rate=st.integers(0, 50), day=st.dates(date(2026, 1, 1), date(2030, 1, 1)))
def test_a_late_fee_grows_by_the_day_and_never_above_the_bill(amount: int, rate: int, day: date) -> None:
    bill = Bill("B", "", amount, "2026-11-20", late_per_mille=rate)
    days = max((day - date(2026, 11, 20)).days, 0)

    assert 0 <= bill.late_on(day) <= amount
    assert bill.late_on(day) in (amount, (amount * rate * days + 500) // 1000)


async def test_a_late_fee_is_of_the_day_in_shanghai_and_yesterdays_still_pays() -> None:
    async with running(ManualClock(NOW)) as caller:
        caller.biller.book.put(DEBTOR)
        answer = await caller.told("bills/query", account=DEBTOR.account, item=None, fields={}, period=None)
        assert [bill["late_fee"] for bill in answer["bills"]] == [2_400, 0, 0]
        assert (answer["bills"][0]["title"], answer["bills"][2]["split"]) == ("罚款", SHARED.split)

        assert (await advised(caller, FINE, 21_200))["result"] == "refused"
        settled = await advised(caller, FINE, 21_800)

    assert settled["result"] == "settled"
    ticket = settled["ticket"]
    assert isinstance(ticket, dict)
    assert [len(ticket[name]) for name in ("code", "number", "check")] == [8, 10, 6]


@pytest.mark.parametrize(("amount", "result"), [(20_000, "settled"), (50_000, "settled"), (40_000, "refused")])
async def test_a_bill_is_paid_by_one_of_its_tiers(amount: int, result: str) -> None:
    async with running(ManualClock(NOW)) as caller:
        caller.biller.book.put(DEBTOR)

        answer = await advised(caller, TIERED, amount)

    assert answer["result"] == result
    assert "ticket" not in answer
