"""The rules of an item, applied to a choice: every refusal has its case, and no quote breaks a rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.billers import quoting
from bot.billers.catalogue import Store
from bot.billers.items import AmountKind, AmountRule, BillItem, Flow, Hours, ItemDefinition, Outage
from bot.billers.port import LINES_MAX, Bill, Later, Line, Quote, Refusal
from bot.billers.quoting import Owed
from bot.kernel.money import MAX_FEN
from tests.billers import samples
from tests.billers.samples import RIVAL_STORE, START, STORE, definition, item, meal_definition

ACCOUNT = "0512345678"
OTHER = "0598765432"


def bill(number: str = "B1", amount: int = 10_000, **facts: Any) -> Bill:
    return replace(Bill(number, "物业服务费", "2026-11", amount), **facts)


def line(paid: Bill | None, amount: int | None = None, account: str = ACCOUNT) -> Line:
    total = paid.total if paid is not None else 0
    return Line("itm_fee", total if amount is None else amount, "物业费 2026-11", account, "****5678", paid)


@dataclass
class Asker:
    """Stands for the biller and the catalogue: what is owed by account, and who was asked."""

    item_: BillItem
    owed: Mapping[str, Owed | Later] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    store_: Store = STORE

    async def item(self, item_id: str) -> BillItem:
        return self.item_

    async def store(self, store_id: str) -> Store:
        return self.store_

    async def owes(self, of: BillItem, of_line: Line) -> Owed | Later:
        self.asked.append(of_line.account)
        return self.owed.get(of_line.account, Owed({}, known=False))

    async def quote(self, *lines: Line, at: datetime = START, store_id: str | None = None) -> Quote | Refusal | Later:
        return await quoting.quote(self, lines, at, store_id, self.owes)


def asker(defined: ItemDefinition, *bills: Bill, of: Mapping[str, Any] | None = None, **more: Sequence[Bill]) -> Asker:
    """Somebody who owes these bills on ACCOUNT, and ``other`` bills on OTHER; ``of`` are facts of the item."""
    owed = {ACCOUNT: Owed({each.bill_no: each for each in bills})}
    if "other" in more:
        owed[OTHER] = Owed({each.bill_no: each for each in more["other"]})
    return Asker(item(defined, **(of or {})), owed)


def refused(answer: Quote | Refusal | Later) -> tuple[str, dict[str, Any]]:
    assert isinstance(answer, Refusal), answer
    return answer.code, dict(answer.facts)


def quoted(answer: Quote | Refusal | Later) -> Quote:
    assert isinstance(answer, Quote), answer
    return answer


LESS = definition(amount=AmountRule(kind=AmountKind.EXACT_OR_LESS, minimum=100), partial=True)
MORE = definition(amount=AmountRule(kind=AmountKind.EXACT_OR_MORE, minimum=100, maximum=50_000), advance=True)
ANY = definition(amount=AmountRule(kind=AmountKind.ANY, minimum=100, maximum=50_000), partial=True)
PRESETS = definition(amount=AmountRule(kind=AmountKind.PRESETS, minimum=100, presets=(5_000, 20_000)))


# --- a quote ---------------------------------------------------------------------------------------------------------


async def test_a_quote_promises_what_is_owed_now() -> None:
    now = bill(amount=10_000, late_fee=50, bill_id="bil_1", detail={"面积": "98"})
    quote = quoted(await asker(definition(quote_seconds=600), now).quote(line(bill(amount=10_000, late_fee=50))))

    assert quote.amount == 10_050
    assert quote.payee == samples.MERCHANT.name
    assert quote.merchant_id == samples.MERCHANT.id
    assert quote.title == "物业费 2026-11"
    assert quote.expires_at == START + timedelta(seconds=600)
    assert quote.lines[0].bill == now, "the bill as it stands, with our own id, and not as the customer's page had it"
    assert quote.lines[0].period == "2026-11"


async def test_every_quote_is_new() -> None:
    one, other = [quoted(await asker(definition(), bill()).quote(line(bill()))).id for _ in range(2)]

    assert one != other


async def test_several_bills_make_one_quote_and_each_account_is_asked_once() -> None:
    first, second, third = bill("B1", 100), bill("B2", 200), bill("B3", 300)
    owing = asker(definition(), first, second, other=[third])

    quote = quoted(await owing.quote(line(first), line(second), line(third, account=OTHER)))

    assert (quote.amount, quote.title) == (600, "物业费（3笔）")
    assert owing.asked == [ACCOUNT, OTHER]


# --- the choice as such ----------------------------------------------------------------------------------------------


async def test_nothing_chosen() -> None:
    assert refused(await asker(definition()).quote())[0] == "nothing_chosen"


async def test_two_items_in_one_quote_are_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="one item"):
        await asker(definition(), bill()).quote(line(bill()), replace(line(bill("B2")), item_id="itm_other"))


async def test_one_at_a_time() -> None:
    owing = asker(definition(several=False), bill("B1"), bill("B2"))

    assert refused(await owing.quote(line(bill("B1")), line(bill("B2"))))[0] == "one_at_a_time"
    quoted(await owing.quote(line(bill("B1"))))


async def test_as_many_lines_as_an_order_holds() -> None:
    bills = [bill(f"B{number}", 100) for number in range(LINES_MAX + 1)]
    owing = asker(definition(), *bills)

    assert refused(await owing.quote(*map(line, bills))) == ("too_many", {"most": LINES_MAX})
    assert quoted(await owing.quote(*map(line, bills[:-1]))).amount == LINES_MAX * 100


async def test_a_bill_is_chosen_once() -> None:
    owing = asker(ANY, bill(amount=1_000))

    assert refused(await owing.quote(line(bill(), 400), line(bill(), 500)))[0] == "bill_twice"


async def test_a_sum_that_nobody_could_pay() -> None:
    bills = [bill("B1", MAX_FEN), bill("B2", 1)]

    assert refused(await asker(definition(), *bills).quote(*map(line, bills)))[0] == "amount_range"


# --- nothing at all is taken now -------------------------------------------------------------------------------------


async def test_paused() -> None:
    owing = asker(definition(), bill(), of={"state": "paused"})

    assert refused(await owing.quote(line(bill()))) == ("item_paused", {"item": "物业费"})
    assert owing.asked == [], "a biller is not asked for what cannot be paid"


@pytest.mark.parametrize("store", [RIVAL_STORE, replace(STORE, state="paused")])
async def test_a_store_must_be_open_and_the_merchants_own(store: Store) -> None:
    till = Asker(item(meal_definition()), store_=store)

    assert refused(await till.quote(line(None, 2_500), store_id=store.id))[0] == "item_paused"


async def test_at_an_open_store() -> None:
    quote = quoted(await Asker(item(meal_definition())).quote(line(None, 2_500), store_id=STORE.id))

    assert (quote.store_id, quote.amount) == (STORE.id, 2_500)


async def test_closed_hours() -> None:
    owing = asker(definition(hours=Hours(opens=time(8), closes=time(9, 30))), bill())

    assert refused(await owing.quote(line(bill()))) == ("closed_hours", {"opens": "08:00", "closes": "09:30"})
    quoted(await owing.quote(line(bill()), at=START - timedelta(hours=1)))


async def test_an_outage_says_until_when() -> None:
    outage = Outage(starts=START, ends=START + timedelta(hours=3), reason="系统升级")
    owing = asker(definition(outages=(outage,)), bill())

    expected = ("outage", {"item": "物业费", "until": "11-23 13:00", "reason": "系统升级"})
    assert refused(await owing.quote(line(bill()))) == expected
    quoted(await owing.quote(line(bill()), at=START + timedelta(hours=3)))


async def test_a_biller_that_does_not_answer() -> None:
    owing = Asker(item(), {ACCOUNT: Later(5.0, "biller_silent")})

    assert await owing.quote(line(bill())) == Later(5.0, "biller_silent")


# --- bills that changed ----------------------------------------------------------------------------------------------


async def test_a_bill_that_is_gone() -> None:
    assert refused(await asker(definition()).quote(line(bill())))[0] == "bill_gone"


async def test_a_bill_of_an_account_that_the_biller_denies() -> None:
    assert refused(await Asker(item()).quote(line(bill())))[0] == "bill_gone"


async def test_a_bill_that_another_order_holds() -> None:
    owing = asker(definition(), bill(held_by="ord_1"))

    assert refused(await owing.quote(line(bill()))) == ("bill_held", {"order_id": "ord_1"})


@pytest.mark.parametrize("now", [9_000, 11_000])
async def test_nobody_pays_a_sum_that_was_not_shown(now: int) -> None:
    owing = asker(definition(), bill(amount=now))

    assert refused(await owing.quote(line(bill(amount=10_000)))) == ("bill_changed", {"was": 10_000, "now": now})


async def test_a_fee_that_grew_overnight_is_a_change() -> None:
    owing = asker(definition(), bill(late_fee=100))

    assert refused(await owing.quote(line(bill(late_fee=50)))) == ("bill_changed", {"was": 10_050, "now": 10_100})


# --- amounts on a bill -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("defined", "amount", "expected"),
    [
        (definition(), 10_000, None),
        (definition(), 9_999, ("whole_bill", {"owed": 10_000})),
        (definition(), 10_001, ("amount_range", {"minimum": 10_000, "maximum": 10_000})),
        (definition(), 0, ("whole_bill", {"owed": 10_000})),
        (definition(), -10_000, ("whole_bill", {"owed": 10_000})),
        (LESS, 10_000, None),
        (LESS, 100, None),
        (LESS, 99, ("amount_range", {"minimum": 100, "maximum": 10_000})),
        (LESS, 0, ("amount_range", {"minimum": 100, "maximum": 10_000})),
        (LESS, -1, ("amount_range", {"minimum": 100, "maximum": 10_000})),
        (LESS, 10_001, ("amount_range", {"minimum": 100, "maximum": 10_000})),
        (ANY, 5_000, None),
        (ANY, 10_001, ("amount_range", {"minimum": 100, "maximum": 10_000})),
    ],
)
async def test_amounts_on_a_hosted_bill(
    defined: ItemDefinition, amount: int, expected: tuple[str, dict[str, int]] | None
) -> None:
    answer = await asker(defined, bill()).quote(line(bill(), amount))

    assert (None if isinstance(answer, Quote) else refused(answer)) == expected


@pytest.mark.parametrize(
    ("defined", "amount", "expected"),
    [
        (MORE, 10_000, None),
        (MORE, 20_000, None),
        (MORE, 50_000, None),
        (MORE, 50_001, ("amount_range", {"minimum": 10_000, "maximum": 50_000})),
        (MORE, 9_999, ("whole_bill", {"owed": 10_000})),
        (PRESETS, 10_000, None),
        (PRESETS, 20_000, None),
        (PRESETS, 15_000, ("amount_range", {"minimum": 10_000, "maximum": 5_000_000})),
        (PRESETS, 5_000, ("whole_bill", {"owed": 10_000})),
        (ANY, 20_000, None),
    ],
)
async def test_a_remote_biller_keeps_balances_so_more_may_be_paid(
    defined: ItemDefinition, amount: int, expected: tuple[str, dict[str, int]] | None
) -> None:
    answer = await asker(defined, bill(), of={"biller": "power"}).quote(line(bill(), amount))

    assert (None if isinstance(answer, Quote) else refused(answer)) == expected


async def test_a_bill_above_the_items_maximum_can_be_paid_whole() -> None:
    great = bill(amount=80_000)

    assert quoted(await asker(ANY, great).quote(line(great))).amount == 80_000


@pytest.mark.parametrize("amount", [10_000, 10_049, 5_000])
async def test_a_late_bill_is_paid_whole_or_its_fee_would_vanish(amount: int) -> None:
    late = bill(late_fee=50)

    assert refused(await asker(LESS, late).quote(line(late, amount))) == ("whole_bill", {"owed": 10_050})
    assert quoted(await asker(LESS, late).quote(line(late))).amount == 10_050


# --- amounts on no bill ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("defined", "amount", "expected"),
    [
        (definition(), 10_000, "bill_needed"),
        (definition(advance=True), 10_000, "bill_needed"),
        (LESS, 10_000, "bill_needed"),
        (definition(amount=AmountRule(kind=AmountKind.EXACT_OR_MORE)), 10_000, "bill_needed"),
        (PRESETS, 5_000, "bill_needed"),
        (ANY, 5_000, "bill_needed"),
        (MORE, 5_000, None),
        (MORE, 99, "amount_range"),
        (MORE, 50_001, "amount_range"),
        (definition(flow=Flow.VALIDATE, amount=PRESETS.amount), 5_000, None),
        (definition(flow=Flow.VALIDATE, amount=PRESETS.amount), 5_001, "amount_range"),
        (definition(flow=Flow.DIRECT, amount=PRESETS.amount), 20_000, None),
        (meal_definition(), 1, None),
        (meal_definition(), 0, "amount_range"),
        (meal_definition(), -1, "amount_range"),
        (meal_definition(), 500_001, "amount_range"),
        (definition(flow=Flow.TWO_STEP), 10_000, "bill_needed"),
    ],
)
async def test_amounts_on_no_bill(defined: ItemDefinition, amount: int, expected: str | None) -> None:
    answer = await asker(defined).quote(line(None, amount))

    assert (None if isinstance(answer, Quote) else refused(answer)[0]) == expected


async def test_a_top_up_goes_to_an_account_that_exists() -> None:
    top_up = Asker(item(definition(flow=Flow.VALIDATE, amount=PRESETS.amount)))

    assert refused(await top_up.quote(line(None, 5_000)))[0] == "bill_gone"


async def test_a_direct_payment_asks_nobody() -> None:
    till = Asker(item(meal_definition()))

    quoted(await till.quote(line(None, 2_500, account="")))
    assert till.asked == []


# --- the oldest first ------------------------------------------------------------------------------------------------

OLDEST = definition(oldest_first=True)
SEP, OCT, NOV = (bill(f"B{month}", period=f"2026-{month}") for month in ("09", "10", "11"))


@pytest.mark.parametrize(
    ("chosen", "allowed"),
    [
        ([SEP], True),
        ([SEP, OCT], True),
        ([OCT, SEP], True),
        ([SEP, OCT, NOV], True),
        ([OCT], False),
        ([SEP, NOV], False),
        ([OCT, NOV], False),
    ],
)
async def test_oldest_first(chosen: list[Bill], allowed: bool) -> None:
    answer = await asker(OLDEST, SEP, OCT, NOV).quote(*map(line, chosen))

    assert isinstance(answer, Quote) if allowed else refused(answer)[0] == "oldest_first"


async def test_each_account_has_its_own_oldest() -> None:
    owing = asker(OLDEST, NOV, other=[SEP, OCT])

    quoted(await owing.quote(line(NOV), line(SEP, account=OTHER)))
    assert refused(await owing.quote(line(NOV), line(OCT, account=OTHER)))[0] == "oldest_first"


async def test_two_bills_of_one_month_may_be_paid_in_any_order() -> None:
    parking = bill("P", period="2026-09")

    quoted(await asker(OLDEST, SEP, parking).quote(line(parking)))


async def test_what_somebody_else_is_paying_stands_in_nobodys_way() -> None:
    held = replace(SEP, held_by="ord_1")

    quoted(await asker(OLDEST, held, OCT).quote(line(OCT)))


async def test_without_period_the_due_date_tells_the_age_and_without_both_a_bill_stands_outside() -> None:
    dated = bill("D", period=None, due_on=date(2026, 8, 31))
    undated = bill("U", period=None)

    assert refused(await asker(OLDEST, dated, OCT).quote(line(OCT)))[0] == "oldest_first"
    quoted(await asker(OLDEST, undated, OCT).quote(line(OCT)))
    quoted(await asker(OLDEST, undated, OCT).quote(line(undated)))


async def test_a_part_of_an_older_bill_does_not_open_the_way_to_a_newer() -> None:
    divisible = definition(oldest_first=True, amount=LESS.amount, partial=True)
    owing = asker(divisible, SEP, OCT)

    assert refused(await owing.quote(line(SEP, 5_000), line(OCT)))[0] == "oldest_first"
    quoted(await owing.quote(line(SEP), line(OCT, 5_000)))


# --- all rules at once -----------------------------------------------------------------------------------------------

amounts = st.integers(-5, 30_000)
rules = st.builds(
    lambda kind, low, span: AmountRule(kind=kind, minimum=low, maximum=low + span, presets=(low, low + span)),
    st.sampled_from(AmountKind),
    st.integers(1, 500),
    st.integers(0, 20_000),
)
seen_bills = st.builds(
    lambda amount, fee: bill(amount=amount, late_fee=fee), st.integers(1, 20_000), st.integers(0, 50)
)


@given(rules, st.sampled_from(Flow), st.booleans(), st.booleans(), seen_bills, seen_bills, amounts, st.booleans())
async def test_no_quote_breaks_a_rule(
    rule: AmountRule, flow: Flow, advance: bool, hosted: bool, seen: Bill, now: Bill, amount: int, on_bill: bool
) -> None:
    """Whatever is asked for: a quote is for a positive sum that its item allows, and never for an unseen price."""
    parts = rule.kind in (AmountKind.EXACT_OR_LESS, AmountKind.ANY)
    defined = definition(flow=flow, amount=rule, advance=advance, partial=parts)
    owing = asker(defined, now, of={"biller": "hosted" if hosted else "power"})

    answer = await owing.quote(line(seen if on_bill else None, amount))

    if isinstance(answer, Refusal):
        return
    quote = quoted(answer)
    assert quote.amount == amount == sum(each.amount for each in quote.lines) > 0
    if not on_bill:
        assert rule.allows(amount, None)
        return
    assert quote.lines[0].bill == now
    assert amount == now.total or rule.allows(amount, now.total)
    assert amount != seen.total or seen.total == now.total
    assert amount >= now.total or (parts and not now.late_fee)
    assert amount <= now.total or not hosted


@pytest.mark.parametrize("hour", range(24))
async def test_a_window_past_midnight(hour: int) -> None:
    owing = asker(definition(hours=Hours(opens=time(22), closes=time(2))), bill())
    at = datetime(2026, 11, 22, 16, tzinfo=UTC) + timedelta(hours=hour)

    answer = await owing.quote(line(bill()), at=at)

    assert isinstance(answer, Quote) is (hour in (22, 23, 0, 1))
