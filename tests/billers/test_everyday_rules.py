"""Coupons, supervised accounts, gifts and second queries: what each takes, and what no item may mean."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.billers.catalogue import Catalogue
from bot.billers.coupon import Coupon, best
from bot.billers.donation import Donation
from bot.billers.escrow import Escrow
from bot.billers.items import AmountKind, AmountRule, Flow
from bot.billers.port import Settled
from bot.billers.quoting import Owed
from bot.billers.relief import Relief
from bot.kernel.clock import ManualClock, business_day
from bot.simulators.biller import Account, SmartMeter
from bot.storage.port import Database
from tests.billers.rig import CODE, remote_rig
from tests.billers.samples import METER, START, definition, item, meal_definition, paid_line
from tests.billers.test_quoting import ACCOUNT, Asker, asker, bill, line, quoted, refused

TODAY = business_day(START)
COUPONS = (
    Coupon(label="满100减20", threshold=10_000, off=2_000),
    Coupon(label="满300减80", threshold=30_000, off=8_000),
    Coupon(label="昨天", threshold=100, off=99, ends=TODAY - timedelta(days=1)),
    Coupon(label="明天", threshold=100, off=99, starts=TODAY + timedelta(days=1)),
)
SHOP = meal_definition(coupons=COUPONS)
USCC = "53110000500000007T"
GIFT: dict[str, Any] = {
    "holder": "示范市慈善总会",
    "register_no": USCC,
    "filing_no": "53110000500000007TA26001",
    "valid_until": TODAY,
}
ESCROW = Escrow(bank="示范银行", supervisor="示范市住建局", account_tail="8016")
CARD = definition(
    flow=Flow.TWO_STEP, amount=AmountRule(kind=AmountKind.ANY, minimum=1_000, maximum=100_000), advance=True
)

# --- coupons ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "paid", "name"),
    [
        (9_999, 9_999, ""),
        (10_000, 8_000, "满100减20"),
        (29_999, 27_999, "满100减20"),
        (30_000, 22_000, "满300减80"),
    ],
)
async def test_the_coupon_that_takes_most_off_is_taken(amount: int, paid: int, name: str) -> None:
    [only] = quoted(await asker(SHOP).quote(line(None, amount))).lines

    assert (only.amount, only.discount, only.discount_for) == (paid, amount - paid, name)


async def test_what_remains_is_an_amount_that_the_item_takes() -> None:
    dear = meal_definition(coupons=COUPONS, amount=AmountRule(kind=AmountKind.ANY, minimum=9_000, maximum=500_000))
    [only] = quoted(await asker(dear).quote(line(None, 10_000))).lines

    assert (only.amount, only.discount) == (10_000, 0)


@given(
    amount=st.integers(1, 10**7),
    made=st.lists(st.tuples(st.integers(2, 10**6), st.integers(1, 10**6)).filter(lambda pair: pair[1] < pair[0])),
)
def test_a_coupon_leaves_something_and_none_is_better(amount: int, made: list[tuple[int, int]]) -> None:
    coupons = [Coupon(label="x", threshold=threshold, off=off) for threshold, off in made]
    found = best(coupons, amount, START)
    fitting = [coupon.off for coupon in coupons if coupon.threshold <= amount]

    assert (found is None) == (not fitting)
    if found is not None:
        assert found.off == max(fitting) < amount


@pytest.mark.parametrize(
    "facts",
    [
        {"threshold": 100, "off": 100},
        {"threshold": 100, "off": 0},
        {"threshold": 100, "off": 1, "starts": "2026-12-02", "ends": "2026-12-01"},
    ],
)
def test_what_no_coupon_can_mean(facts: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Coupon.model_validate({"label": "x", **facts})
    with pytest.raises(ValidationError, match="at a store"):
        definition(coupons=COUPONS)


# --- money in supervised accounts, gifts -----------------------------------------------------------------------------


def test_nobody_but_a_bank_holds_supervised_money() -> None:
    with pytest.raises(ValidationError, match="that bank's connector"):
        item(definition(escrow=ESCROW))
    with pytest.raises(ValidationError, match="has a bill for"):
        meal_definition(escrow=ESCROW)

    assert "尾号 8016" in ESCROW.words
    assert item(definition(escrow=ESCROW), biller="escrow_bank").definition.escrow is ESCROW


def test_gifts_go_to_registered_holders_only() -> None:
    with pytest.raises(ValidationError, match="registered holder"):
        item(meal_definition(), scene="emergency")
    with pytest.raises(ValidationError, match="right check digits"):
        Donation.model_validate({**GIFT, "register_no": "53110000500000007U"})
    with pytest.raises(ValidationError, match="plain amount"):
        meal_definition(donation=GIFT, coupons=COUPONS)

    assert item(meal_definition(donation=GIFT), scene="emergency").definition.donation is not None


@pytest.mark.parametrize(
    ("at", "closed"),
    [(START, False), (datetime.fromisoformat(f"{TODAY}T23:59:59+08:00"), False), (START + timedelta(days=1), True)],
)
async def test_a_campaign_takes_nothing_after_its_last_day(at: datetime, closed: bool) -> None:
    some = asker(meal_definition(donation=GIFT), of={"scene": "emergency", "name": "救灾"})
    answer = await some.quote(line(None, 5_000), at=at)

    if closed:
        assert refused(answer) == ("gifts_closed", {"item": "救灾"})
    else:
        assert quoted(answer).amount == 5_000


def test_what_no_plan_of_relief_can_mean() -> None:
    days = {"reason": "暴雨", "starts": date(2026, 9, 2), "ends": date(2026, 9, 1)}
    with pytest.raises(ValidationError, match="ends after"):
        Relief.model_validate(days)
    with pytest.raises(ValidationError, match="waives"):
        Relief.model_validate({**days, "ends": date(2026, 9, 3), "waive_late_fee": False})
    with pytest.raises(ValidationError, match="their biller's own"):
        item(definition(relief=({**days, "ends": date(2026, 9, 3)},)), biller="power")


# --- the second query ------------------------------------------------------------------------------------------------


async def test_a_sum_on_a_smart_card_is_paid_as_the_bill_of_the_second_query() -> None:
    offer = bill("Q1", 10_000, detail={"购买量": "32.79 方"})
    some = Asker(item(CARD), {ACCOUNT: Owed({}, offer=offer)})
    [only] = quoted(await some.quote(line(None, 10_000))).lines

    assert only.bill == offer


@pytest.mark.parametrize("offer", [None, bill("Q1", 9_999)])
async def test_without_an_offer_of_that_very_sum_nothing_is_sold(offer: Any) -> None:
    some = Asker(item(CARD), {ACCOUNT: Owed({}, offer=offer)})

    assert refused(await some.quote(line(None, 10_000)))[0] == "bill_gone"


async def test_the_second_query_goes_over_the_wire_with_the_sum(database: Database, clock: ManualClock) -> None:
    from_plan = Account("0512345678", "**明", item="gas", meter=SmartMeter(price=305, unit="方"))
    async with remote_rig(database, clock, Catalogue(database, clock), accounts=(from_plan,)) as rig:
        of = await rig.offer(CARD.model_copy(update={"account": METER}), scene="gas")
        quote = quoted(await rig.biller.quote([line(None, 10_000)], clock.now()))
        [only] = quote.lines
        assert only.bill is not None
        assert only.bill.detail == {"购买量": "32.79 方", "单价": "3.05 元/方"}
        assert only.bill.bill_no.startswith(CODE)
        told = paid_line(of, only.bill, 10_000)
        assert isinstance(await rig.biller.settle(told), Settled)
        again = quoted(await rig.biller.quote([line(None, 10_000)], clock.now()))
        assert again.lines[0].bill is not None
        assert again.lines[0].bill.bill_no != only.bill.bill_no, "a second purchase is another one"
        assert refused(await rig.biller.quote([line(None, 100_001)], clock.now()))[0] == "amount_range"
