"""The rules that an item may have besides its amounts: deadline, split, tiers, court fee, optional bills, refund."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.billers.deadline import Deadline
from bot.billers.items import STOCK, AmountKind, AmountRule, Flow, LateFee
from bot.billers.ladder import Bracket, Ladder
from bot.billers.optional import Leavable
from bot.billers.port import Bill
from bot.billers.selling import RefundStep, Selling
from bot.billers.split import Split
from bot.billers.tiers import Tiers
from bot.demo.samples.judicial import PROPERTY_CASE
from bot.kernel.clock import SHANGHAI
from bot.kernel.money import MAX_FEN
from tests.billers.samples import definition, item

WAN = 1_000_000
FEN = st.integers(0, MAX_FEN)
DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI).astimezone(UTC)


# --- deadline --------------------------------------------------------------------------------------------------------


@given(due_on=DAYS, grace=st.integers(0, 365), late=st.integers(-400, 400))
def test_a_bill_is_refused_from_the_day_after_its_grace(due_on: date, grace: int, late: int) -> None:
    at = noon(due_on + timedelta(days=late))

    refused = Deadline(grace_days=grace).refused_since(due_on, at)

    assert refused == (due_on + timedelta(days=grace) if late > grace else None)
    assert Deadline(grace_days=grace, after="late_fee").refused_since(due_on, at) is None


@given(due_on=st.none() | DAYS, ends_on=st.none() | DAYS, grace=st.integers(0, 60))
def test_the_last_day_is_the_earlier_of_both(due_on: date | None, ends_on: date | None, grace: int) -> None:
    last = Deadline(grace_days=grace, ends_on=ends_on).last_day(due_on)

    both = [day for day in (ends_on, due_on and due_on + timedelta(days=grace)) if day]
    assert last == (min(both) if both else None)


def test_a_deadline_is_counted_in_shanghai() -> None:
    last = date(2026, 11, 23)

    assert Deadline().refused_since(last, datetime(2026, 11, 23, 15, 59, tzinfo=UTC)) is None
    assert Deadline().refused_since(last, datetime(2026, 11, 23, 16, 0, tzinfo=UTC)) == last


# --- what an insurance bears -----------------------------------------------------------------------------------------


@given(total=FEN, pool=FEN, personal=FEN)
def test_a_split_explains_exactly_what_it_leaves(total: int, pool: int, personal: int) -> None:
    split = Split(total, pool, personal)
    left = total - pool - personal

    assert split.explains(left)
    assert not split.explains(left + 1)
    assert not split.explains(left - 1)


@pytest.mark.parametrize("split", [Split(100, -50, 0), Split(100, 0, -50), Split(-100, 0, 0)])
def test_no_part_is_negative(split: Split) -> None:
    assert not split.explains(split.own)


# --- tiers -----------------------------------------------------------------------------------------------------------


@given(
    base=st.integers(1_000, 10_000_000),
    rate=st.decimals("0.01", "1", places=4),
    months=st.integers(1, 12),
    percents=st.lists(st.integers(10, 1_000), min_size=1, max_size=9, unique=True).map(sorted),
)
def test_tiers_rise_and_each_is_its_share_of_the_base(
    base: int, rate: Decimal, months: int, percents: list[int]
) -> None:
    try:
        tiers = Tiers(base=base, rate=rate, months=months, percents=tuple(percents))
    except ValidationError:
        # Two tiers that would round to the same sum, or one to nothing.
        return
    for percent, amount in zip(percents, tiers.amounts(), strict=True):
        assert abs(amount - Decimal(base) * rate * months * percent / 100) <= Decimal("0.5")
    assert all(low < high for low, high in pairwise(tiers.amounts()))


@pytest.mark.parametrize("percents", [(), (100, 60), (60, 60), tuple(range(1, 12))])
def test_tiers_that_do_not_rise_are_refused(percents: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError):
        Tiers(base=100_000, percents=percents)


def test_the_tiers_of_a_known_base() -> None:
    tiers = Tiers(base=750_000, rate=Decimal("0.20"), percents=(60, 100, 300))

    assert tiers.amounts() == (90_000, 150_000, 450_000)


# --- court fees ------------------------------------------------------------------------------------------------------

# The quick form of the same law: rate × claim + constant, up to so many ten thousand yuan (domain.md §3.1).
QUICK_FORM = (
    (10, "0.025", -20_000),
    (20, "0.02", 30_000),
    (50, "0.015", 130_000),
    (100, "0.01", 380_000),
    (200, "0.009", 480_000),
    (500, "0.008", 680_000),
    (1000, "0.007", 1_180_000),
    (2000, "0.006", 2_180_000),
    (10**6, "0.005", 4_180_000),
)


def quickly(claim: int) -> Decimal:
    """The fee by the quick form, unrounded."""
    if claim <= WAN:
        return Decimal(5_000)
    rate, constant = next((rate, constant) for most, rate, constant in QUICK_FORM if claim <= most * WAN)
    return Decimal(claim) * Decimal(rate) + constant


@given(claim=st.integers(0, 3_000 * WAN))
def test_the_ladder_is_the_quick_form_of_the_law(claim: int) -> None:
    assert abs(PROPERTY_CASE.fee(claim) - quickly(claim)) <= Decimal("0.5")


@given(claim=st.integers(0, 3_000 * WAN), more=st.integers(0, 1_000 * WAN))
def test_who_claims_more_never_pays_less(claim: int, more: int) -> None:
    assert PROPERTY_CASE.fee(claim) <= PROPERTY_CASE.fee(claim + more)
    assert abs(2 * PROPERTY_CASE.reduced_fee(claim) - PROPERTY_CASE.fee(claim)) <= 1


@pytest.mark.parametrize(
    ("claim", "fee"), [(0, 5_000), (WAN, 5_000), (10 * WAN, 230_000), (50 * WAN, 880_000), (2000 * WAN, 14_180_000)]
)
def test_known_court_fees(claim: int, fee: int) -> None:
    assert PROPERTY_CASE.fee(claim) == fee


def test_brackets_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValidationError):
        Ladder(lump=0, brackets=(Bracket(over=10, rate=Decimal("0.1")), Bracket(over=10, rate=Decimal("0.2"))))


# --- bills that may be left out --------------------------------------------------------------------------------------

FEES = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=6)


@given(FEES)
def test_no_optional_bill_is_paid_before_a_mandatory_one(fees: list[tuple[bool, bool, bool]]) -> None:
    """Of each bill: is it optional, is it held by another order, is it to be paid now."""
    bills = [
        Bill(f"B{n}", "", None, 1, held_by="ord" if held else None, detail={"类型": "选缴" if optional else "必缴"})
        for n, (optional, held, _) in enumerate(fees)
    ]
    paying = frozenset(f"B{n}" for n, fee in enumerate(fees) if fee[2])

    wrong = Leavable().left_behind(bills, paying)

    optional_paid = any(optional and pays for optional, _, pays in fees)
    mandatory_left = any(not optional and not pays and not held for optional, held, pays in fees)
    assert wrong == (optional_paid and mandatory_left)


def test_a_bill_without_a_mark_is_mandatory() -> None:
    assert not Leavable().may_be_left(Bill("B", "", None, 1))


# --- what a ticket given back is worth -------------------------------------------------------------------------------

SELLING = Selling(refunds=(RefundStep(hours=48, rate=Decimal(1)), RefundStep(hours=0, rate=Decimal("0.5"))))
START = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)


@given(amount=FEN, seconds=st.integers(-10_000, 400_000), later=st.integers(0, 400_000))
def test_who_waits_gets_no_more_back(amount: int, seconds: int, later: int) -> None:
    at = START - timedelta(seconds=seconds)

    first = SELLING.refundable(amount, START, at)

    assert 0 <= SELLING.refundable(amount, START, at + timedelta(seconds=later)) <= first <= amount


@pytest.mark.parametrize(("hours", "back"), [(49, 101), (48, 101), (47, 51), (0, 51), (-1, 0)])
def test_the_steps_of_a_refund(hours: int, back: int) -> None:
    assert SELLING.refundable(101, START, START - timedelta(hours=hours)) == back


def test_without_terms_nothing_is_given_back() -> None:
    assert Selling().refundable(100, START, START - timedelta(days=99)) == 0


def test_a_ladder_that_rises_is_refused() -> None:
    with pytest.raises(ValidationError):
        Selling(refunds=(RefundStep(hours=0, rate=Decimal(1)), RefundStep(hours=48, rate=Decimal(1))))


# --- rules that contradict each other --------------------------------------------------------------------------------

SOLD: dict[str, Any] = {"flow": Flow.DIRECT, "account": None, "amount": AmountRule(kind=AmountKind.ANY)}
TIERS = Tiers(base=100, percents=(100, 200))


@pytest.mark.parametrize(
    "wrong",
    [
        {"deadline": Deadline(after="late_fee")},
        {"once": True, "flow": Flow.VALIDATE},
        {"insured": True, "flow": Flow.VALIDATE},
        {"leavable": Leavable(), "flow": Flow.VALIDATE},
        {"once": True, "advance": True},
        {"tiers": TIERS},
        {"tiers": TIERS, "amount": AmountRule(kind=AmountKind.PRESETS, presets=(100, 300))},
        {"selling": Selling()},
    ],
)
def test_contradictions_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        definition(**wrong)


def test_rules_that_agree_are_taken() -> None:
    definition(deadline=Deadline(after="late_fee"), late_fee=LateFee(daily_rate=Decimal("0.01")))
    definition(tiers=TIERS, amount=AmountRule(kind=AmountKind.PRESETS, presets=TIERS.amounts()), once=True)


def test_only_an_item_of_the_stock_says_how_it_is_sold() -> None:
    sold = definition(**SOLD, selling=Selling())
    assert item(sold, biller=STOCK).definition == sold
    with pytest.raises(ValidationError):
        item(sold)
    with pytest.raises(ValidationError):
        item(biller=STOCK)


def test_a_claim_of_a_bill_is_no_part_of_what_it_costs() -> None:
    bill = Bill("B", "", None, 100, 7)

    assert replace(bill, claim="2027-01").total == 107
