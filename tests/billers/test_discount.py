"""What is let off for paying early or ahead: never for what is late, never twice, and never more than the bill."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.billers.discount import Ahead, Discount, Early
from bot.billers.instalments import Instalments
from bot.billers.items import AmountKind, AmountRule
from bot.billers.port import Bill, Settled
from bot.kernel.clock import business_day
from tests.billers.rig import HostedRig, seen
from tests.billers.samples import START, Owing, definition, item, line_of
from tests.billers.test_quoting import ACCOUNT, asker, bill, line, quoted

TODAY = business_day(START)
HALF_YEAR = Discount(ahead=(Ahead(months=6, rate=Decimal("0.03")), Ahead(months=12, rate=Decimal("0.05"))))
EARLY = Discount(early=Early(rate=Decimal("0.02"), until=date(2026, 12, 15)))


def months(number: int, *, amount: int = 20_010, since: date = TODAY) -> list[Bill]:
    return [bill(f"B{k:02d}", amount, due_on=since + timedelta(days=30 * (k + 1))) for k in range(number)]


@pytest.mark.parametrize(("number", "off"), [(1, 0), (5, 0), (6, 600), (11, 600), (12, 1_001), (24, 1_001)])
def test_whoever_pays_enough_months_ahead_pays_less(number: int, off: int) -> None:
    assert HALF_YEAR.off(months(number), START) == (off,) * number


def test_months_that_are_due_do_not_count_as_ahead() -> None:
    due = bill("B0", due_on=TODAY)

    assert HALF_YEAR.off([due, *months(5)], START) == (0,) * 6
    assert HALF_YEAR.off([due, *months(6)], START) == (0, *[600] * 6)


@pytest.mark.parametrize(("days", "off"), [(0, 200), (22, 200), (23, 0)])
def test_an_early_bird_ends_with_its_last_day_in_shanghai(days: int, off: int) -> None:
    at = START + timedelta(days=days)

    assert EARLY.off([bill(due_on=date(2027, 1, 31))], at) == (off,)


def test_an_early_bird_may_be_counted_from_each_bills_own_day() -> None:
    discount = Discount(early=Early(rate=Decimal("0.1"), days=10))

    assert discount.off([bill(due_on=TODAY + timedelta(days=10))], START) == (1_000,)
    assert discount.off([bill(due_on=TODAY + timedelta(days=9))], START) == (0,)
    assert discount.off([bill()], START) == (0,), "without a due day nobody is early"


def test_what_is_late_gets_nothing_off() -> None:
    assert EARLY.off([bill(due_on=TODAY - timedelta(days=1)), bill(late_fee=5)], START) == (0, 0)


RATES = st.decimals(Decimal("0.0001"), Decimal("0.5"), places=4)


@given(
    amounts=st.lists(st.integers(1, 10**9), min_size=1, max_size=24),
    days=st.integers(-40, 400),
    early=RATES,
    ahead=RATES,
    needed=st.integers(2, 12),
)
def test_a_discount_never_takes_all_and_never_adds_up(
    amounts: list[int], days: int, early: Decimal, ahead: Decimal, needed: int
) -> None:
    discount = Discount(early=Early(rate=early, days=5), ahead=(Ahead(months=needed, rate=ahead),))
    bills = [bill(f"B{k}", amount, due_on=TODAY + timedelta(days=days)) for k, amount in enumerate(amounts)]

    for off, amount in zip(discount.off(bills, START), amounts, strict=True):
        assert 0 <= off < amount
        assert off <= amount * max(early, ahead) + 1
        assert off == 0 or days >= 0


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"early": {"rate": "0.1"}},
        {"early": {"rate": "0.1", "days": 1, "until": "2026-12-01"}},
        {"early": {"rate": "0.6", "days": 1}},
        {"ahead": [{"months": 6, "rate": "0.1"}, {"months": 6, "rate": "0.2"}]},
    ],
)
def test_what_no_discount_can_mean(facts: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Discount.model_validate(facts)


def test_a_discount_belongs_to_bills_of_ours_that_are_paid_exactly() -> None:
    with pytest.raises(ValidationError, match="paid exactly"):
        definition(discount=EARLY, amount=AmountRule(kind=AmountKind.EXACT_OR_MORE))
    with pytest.raises(ValidationError, match="in parts gets no discount"):
        definition(discount=EARLY, instalments=Instalments(parts=3))
    with pytest.raises(ValidationError, match="their biller's own"):
        item(definition(discount=EARLY), biller="power")


async def test_a_quote_asks_for_what_remains() -> None:
    bills = months(6)
    quote = quoted(await asker(definition(discount=HALF_YEAR), *bills).quote(*map(line, bills)))

    assert [(each.amount, each.discount) for each in quote.lines] == [(19_410, 600)] * 6
    assert quote.amount == 6 * 19_410


async def test_each_account_earns_its_own_discount() -> None:
    """Three months of one home and three of another are not six of either."""
    mine, others = months(3), months(3)
    lines = [*map(line, mine), *(line(each, account="0598765432") for each in others)]
    quote = quoted(await asker(definition(discount=HALF_YEAR), *mine, other=others).quote(*lines))

    assert {each.discount for each in quote.lines} == {0}


async def test_a_discounted_bill_is_paid_whole_settled_and_opened_again(hosted: HostedRig) -> None:
    of = await hosted.offer(definition(discount=EARLY))
    owed = await hosted.owe(of, Owing(amount=10_000, due_on=date(2027, 1, 31)))
    quote = quoted(await hosted.biller.quote([line_of(of, owed, account=ACCOUNT)], hosted.clock.now()))
    assert quote.amount == 9_800

    told = await hosted.pay(of, owed, 9_800, discount=200)
    assert await hosted.state(owed) == ("paid", 10_000, None)
    assert isinstance(await hosted.biller.settle(told), Settled)
    assert await hosted.state(owed) == ("settled", 10_000, None)
    assert await hosted.sound()

    await hosted.biller.undo(told, "refund")
    assert await hosted.state(owed) == ("reopened", 0, None)
    assert [each.total for each in await seen(hosted.biller, of)] == [10_000]


async def test_without_what_was_let_off_the_bill_stays_open(hosted: HostedRig) -> None:
    """The discount is the order line's own fact: nobody who pays 98 later has paid 100."""
    of = await hosted.offer(definition(amount=AmountRule(kind=AmountKind.EXACT_OR_LESS), partial=True))
    owed = await hosted.owe(of, Owing(amount=10_000))
    await hosted.pay(of, owed, 9_800)

    assert await hosted.state(owed) == ("partly_paid", 9_800, None)


def test_days_are_counted_in_shanghai() -> None:
    late_evening = datetime.fromisoformat("2026-12-15T23:59:00+08:00")

    assert EARLY.off([bill(due_on=date(2027, 1, 31))], late_evening) == (200,)
    assert EARLY.off([bill(due_on=date(2027, 1, 31))], late_evening + timedelta(minutes=1)) == (0,)
