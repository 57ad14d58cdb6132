"""The rules of deadlines, optional bills, periods and tiers, applied to a choice of bills."""

from datetime import date

from bot.billers.deadline import Deadline
from bot.billers.items import AmountKind, AmountRule
from bot.billers.optional import Leavable
from bot.billers.port import Quote, Refusal
from bot.billers.tiers import Tiers
from tests.billers.samples import definition
from tests.billers.test_quoting import asker, bill, line

OPTIONAL = {"类型": "选缴"}


async def test_a_bill_whose_time_is_over_is_refused_with_its_last_day() -> None:
    defined = definition(deadline=Deadline(grace_days=3))
    bad, good = bill(due_on=date(2026, 11, 19)), bill(due_on=date(2026, 11, 20))

    refused = await asker(defined, bad).quote(line(bad))

    assert isinstance(refused, Refusal)
    assert (refused.code, refused.facts["until"]) == ("deadline_passed", "2026-11-22")
    assert isinstance(await asker(defined, good).quote(line(good)), Quote)


async def test_the_deadline_is_that_of_the_bill_as_it_stands_now() -> None:
    """What the customer saw may have been of another day."""
    seen, now = bill(due_on=date(2026, 12, 31)), bill(due_on=date(2026, 11, 1))

    refused = await asker(definition(deadline=Deadline()), now).quote(line(seen))

    assert isinstance(refused, Refusal) and refused.code == "deadline_passed"


async def test_an_optional_bill_waits_for_the_mandatory_one() -> None:
    defined = definition(leavable=Leavable())
    must, may = bill("B1"), bill("B2", detail=OPTIONAL)
    somebody = asker(defined, must, may)

    assert await somebody.quote(line(may)) == Refusal("mandatory_first")
    assert isinstance(await somebody.quote(line(must)), Quote)
    assert isinstance(await somebody.quote(line(must), line(may)), Quote)
    assert isinstance(await asker(defined, may).quote(line(may)), Quote)


async def test_a_period_is_claimed_once_whatever_bill_it_is_paid_by() -> None:
    defined = definition(once=True)
    low, high = bill("T1", 20_000), bill("T2", 30_000)
    somebody = asker(defined, low, high)

    assert await somebody.quote(line(low), line(high)) == Refusal("once_a_period")
    quotes = [await somebody.quote(line(each)) for each in (low, high)]
    claims = [each.lines[0].bill.claim for each in quotes if isinstance(each, Quote) and each.lines[0].bill]

    assert claims == ["2026-11", "2026-11"]


async def test_a_tier_above_the_lowest_pays_the_bill_and_nothing_between() -> None:
    tiers = Tiers(base=10_000, percents=(200, 300))
    defined = definition(tiers=tiers, amount=AmountRule(kind=AmountKind.PRESETS, presets=tiers.amounts()), once=True)
    lowest = bill("T1", 20_000)
    somebody = asker(defined, lowest, of={"biller": "tax"})

    assert isinstance(await somebody.quote(line(lowest, 30_000)), Quote)
    refused = await somebody.quote(line(lowest, 25_000))
    assert isinstance(refused, Refusal) and refused.code == "amount_range"
