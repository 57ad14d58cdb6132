"""Receivables are confirmed before they are financed, nothing is financed above its limit, and collections repay it."""

import asyncio
from decimal import Decimal

import pytest

from bot.cases.applications.values import Progress
from bot.cases.trade import financing
from bot.cases.trade.rates import Allocation, interest
from bot.kernel.errors import Conflict, NotFound
from tests.cases.bureau import CREDITOR, DEBTOR, INVOICE, NOTE, TERMS, Bureau

CLAIM = {"uscc": CREDITOR, "invoice": INVOICE, "debtor": DEBTOR, "amount": "100000000", "due_on": "2027-02-24"}
CONFIRM = {"uscc": DEBTOR, "invoice": INVOICE, "amount": "100000000"}
DAY = 86_400


def wish(fen: int) -> dict[str, str]:
    return {"uscc": CREDITOR, "invoice": INVOICE, "amount": str(fen)}


async def confirmed(bureau: Bureau) -> str:
    """A receivable of a million yuan that its debtor has confirmed."""
    await bureau.carried_out("receivable_registration", CLAIM)
    await bureau.carried_out("receivable_confirmation", CONFIRM, "cus_debtor")
    [row] = await bureau.rows("SELECT id FROM receivables")
    return str(row["id"])


async def pooled(bureau: Bureau, fen: int = 50_000_000) -> None:
    units = f"1-{fen}"
    note = {"uscc": CREDITOR, "note": NOTE, "range": units, "amount": str(fen), "due_on": "2027-03-15"}
    await bureau.carried_out("note_custody", note)
    await bureau.carried_out("note_pledge", {"uscc": CREDITOR, "note": NOTE, "range": units})


async def collect(bureau: Bureau, receivable: str, fen: int, reference: str = "SK-1") -> Allocation:
    matter = bureau.matter({}, reference=reference)
    return await bureau.database.effect(
        lambda tx: financing.collect_in(tx, matter, receivable, fen, actor="bank connector")
    )


async def test_nothing_is_financed_before_the_debtor_confirms(bureau: Bureau) -> None:
    assert await bureau.refused("receivable_financing", wish(1)) == "receivable_unknown"
    await bureau.carried_out("receivable_registration", CLAIM)
    assert await bureau.refused("receivable_financing", wish(1)) == "receivable_not_confirmed"

    found = await bureau.handed_in("receivable_confirmation", CONFIRM, "cus_debtor")
    assert await bureau.refused("receivable_financing", wish(1)) == "receivable_not_confirmed"
    await bureau.decide(found, "approve")
    assert await bureau.refused("receivable_financing", wish(1)) == "receivable_not_confirmed"
    await bureau.decide(found, "done", note="QQ-1")

    assert isinstance(await bureau.hand_in("receivable_financing", wish(1)), Progress)
    assert await bureau.audit() == []


async def test_only_the_debtor_itself_confirms(lone: Bureau) -> None:
    await lone.carried_out("receivable_registration", CLAIM)

    assert await lone.refused("receivable_confirmation", {**CONFIRM, "uscc": CREDITOR}) == "receivable_unknown"
    other = {**CONFIRM, "amount": "100000001"}
    assert await lone.refused("receivable_confirmation", other, "cus_debtor") == "receivable_amount"
    unknown = {**CONFIRM, "invoice": "26442000000999999999"}
    assert await lone.refused("receivable_confirmation", unknown, "cus_debtor") == "receivable_unknown"


async def test_a_refused_confirmation_may_be_given_once_more(lone: Bureau) -> None:
    await lone.carried_out("receivable_registration", CLAIM)
    found = await lone.handed_in("receivable_confirmation", CONFIRM, "cus_debtor")
    await lone.decide(found, "reject", note="印章不符")
    [row] = await lone.rows("SELECT state FROM receivables")
    assert row["state"] == "disputed"

    await lone.carried_out("receivable_confirmation", CONFIRM, "cus_debtor")
    assert await lone.refused("receivable_confirmation", CONFIRM, "cus_debtor") == "receivable_confirmed"


async def test_an_invoice_is_registered_once(bureau: Bureau) -> None:
    first = await bureau.handed_in("receivable_registration", CLAIM)
    second = await bureau.handed_in("receivable_registration", CLAIM, "cus_2")
    for each in (first, second):
        await bureau.decide(each, "approve")
    await bureau.decide(first, "done", note="DJ-1")

    assert await bureau.refused("receivable_registration", CLAIM, "cus_3") == "receivable_registered"
    with pytest.raises(Conflict, match="receivable_registered"):
        await bureau.decide(second, "done", note="DJ-2")
    assert await bureau.refused("receivable_financing", wish(1), "cus_2") == "receivable_unknown"


async def test_no_more_than_its_share_is_financed(bureau: Bureau) -> None:
    await confirmed(bureau)

    assert await bureau.refused("receivable_financing", wish(80_000_001)) == "financing_over_limit"
    first = await bureau.handed_in("receivable_financing", wish(50_000_000))
    assert await bureau.refused("receivable_financing", wish(30_000_001)) == "financing_over_limit"
    await bureau.handed_in("receivable_financing", wish(30_000_000))
    assert await bureau.refused("receivable_financing", wish(1)) == "financing_over_limit"
    await bureau.decide(first, "reject", note="超过集中度")
    assert isinstance(await bureau.hand_in("receivable_financing", wish(50_000_000)), Progress)
    assert await bureau.audit() == []


async def test_those_who_ask_at_once_share_one_limit(bureau: Bureau) -> None:
    await confirmed(bureau)
    news = [bureau.new("receivable_financing", wish(30_000_000)) for _ in range(5)]
    found = await asyncio.gather(*(bureau.applications.submit(new) for new in news))

    assert sum(isinstance(each, Progress) for each in found) == 2
    assert await bureau.audit() == []


async def test_papers_asked_for_take_no_room_twice(lone: Bureau) -> None:
    await confirmed(lone)
    found = await lone.handed_in("receivable_financing", wish(80_000_000))
    await lone.decide(found, "documents", note="贸易合同")
    assert await lone.applications.supplement(found.id, "cus_1", "media", "trc")

    await lone.decide(found, "approve")
    await lone.decide(found, "done", note="FK-1")
    assert await lone.audit() == []


async def test_a_pool_lends_no_more_than_its_notes_are_good_for(bureau: Bureau) -> None:
    fields = {"uscc": CREDITOR, "amount": "45000000"}
    assert await bureau.refused("pool_financing", fields) == "financing_over_limit"
    await pooled(bureau)

    assert await bureau.refused("pool_financing", {**fields, "amount": "45000001"}) == "financing_over_limit"
    assert await bureau.refused("pool_financing", fields, "cus_2") == "financing_over_limit"
    await bureau.carried_out("pool_financing", fields)
    assert await bureau.refused("pool_financing", {**fields, "amount": "1"}) == "financing_over_limit"
    assert await bureau.audit() == []


async def test_those_who_draw_on_a_pool_at_once_share_it(bureau: Bureau) -> None:
    await pooled(bureau)
    fields = {"uscc": CREDITOR, "amount": "20000000"}
    news = [bureau.new("pool_financing", fields) for _ in range(4)]
    found = await asyncio.gather(*(bureau.applications.submit(new) for new in news))

    assert sum(isinstance(each, Progress) for each in found) == 2


async def test_a_note_that_is_due_stands_behind_nothing_new(lone: Bureau) -> None:
    await pooled(lone)
    lone.clock.advance(111 * DAY)

    assert await lone.refused("pool_financing", {"uscc": CREDITOR, "amount": "1"}) == "financing_over_limit"


async def test_a_collection_repays_interest_then_principal_then_the_creditor(bureau: Bureau) -> None:
    receivable = await confirmed(bureau)
    await bureau.carried_out("receivable_financing", wish(50_000_000))
    bureau.clock.advance(30 * DAY)
    owed = interest(50_000_000, TERMS.financing_rate, 30)
    assert owed == 181_250

    assert await collect(bureau, receivable, 20_181_250) == Allocation(181_250, 20_000_000, 0)
    bureau.clock.advance(10 * DAY)
    ten = interest(30_000_000, Decimal("0.0435"), 10)
    rest = 100_000_000 - 20_181_250
    assert await collect(bureau, receivable, rest, "SK-2") == Allocation(ten, 30_000_000, rest - ten - 30_000_000)

    [row] = await bureau.rows("SELECT state, left_to_pay, interest_owed FROM financings")
    assert row == {"state": "repaid", "left_to_pay": 0, "interest_owed": 0}
    [claim] = await bureau.rows("SELECT state, collected FROM receivables")
    assert claim == {"state": "collected", "collected": 100_000_000}
    assert await bureau.audit() == []


async def test_a_receipt_of_the_bank_is_booked_once(bureau: Bureau) -> None:
    receivable = await confirmed(bureau)
    await collect(bureau, receivable, 1_000)

    with pytest.raises(Conflict, match="collection_booked"):
        await collect(bureau, receivable, 1_000)
    for fen, reference in ((0, "SK-3"), (100_000_000, "SK-4"), (5, "")):
        with pytest.raises(Conflict, match="collection_impossible"):
            await collect(bureau, receivable, fen, reference)
    with pytest.raises(NotFound):
        await collect(bureau, "rcv_none", 1, "SK-5")
    [row] = await bureau.rows("SELECT collected FROM receivables")
    assert row["collected"] == 1_000


async def test_what_was_collected_is_not_financed(lone: Bureau) -> None:
    receivable = await confirmed(lone)
    await collect(lone, receivable, 50_000_000)

    assert await lone.refused("receivable_financing", wish(40_000_001)) == "financing_over_limit"
    assert isinstance(await lone.hand_in("receivable_financing", wish(40_000_000)), Progress)


async def test_the_audit_finds_what_must_not_be(lone: Bureau) -> None:
    await confirmed(lone)
    await lone.handed_in("receivable_financing", wish(50_000_000))
    await lone.execute("UPDATE receivables SET confirmed_by = NULL, face = 49999999")
    await lone.execute("UPDATE financings SET state = 'drawn'")

    assert await lone.audit() == ["financed_unconfirmed", "financed_over_face", "financing_inconsistent"]
